package kept.cuda.virtual;

import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;

/** Compares the memory of some operands before and after queued work: only the elements of results may have changed. */
public final class MemoryCheck {
    /** An allocation's contents before the work. */
    private static final class Before {
        final String operand;
        final Allocation allocation;
        final BitSet[] mayChange;
        Page[] pages;

        Before(String operand, Allocation allocation) {
            this.operand = operand;
            this.allocation = allocation;
            this.mayChange = new BitSet[allocation.pages()];
        }

        /** Lets a range of bytes change. */
        void mark(long at, long count) {
            for (long done = 0; done < count;) {
                int index = (int) ((at + done) / Page.BYTES);
                int from = (int) ((at + done) % Page.BYTES);
                int length = (int) Math.min(Page.BYTES - from, count - done);
                if (mayChange[index] == null) {
                    mayChange[index] = new BitSet();
                }
                mayChange[index].set(from, from + length);
                done += length;
            }
        }
    }

    private final VirtualGpu gpu;
    private final String work;
    private final Map<Long, Before> allocations = new LinkedHashMap<>();

    MemoryCheck(VirtualGpu gpu, String work) {
        this.gpu = gpu;
        this.work = work;
    }

    /**
     * Adds an operand, or the memory of a result.
     *
     * @param name name for messages
     * @param address first byte of its allocation
     */
    public void operand(String name, long address) {
        Allocation allocation = gpu.memory().find(address, 1);
        if (allocation != null) {
            allocations.putIfAbsent(address, new Before(name, allocation));
        }
    }

    /**
     * Lets the elements of a result change.
     *
     * @param address first byte of its allocation, which was added
     * @param offset first element
     * @param width bytes of an element
     * @param shape extents
     * @param strides elements between neighbours along each axis
     */
    public void result(long address, long offset, int width, long[] shape, long[] strides) {
        Before before = allocations.get(address);
        if (before != null) {
            mark(before, offset * width, width, 0, shape, strides);
        }
    }

    private static void mark(Before before, long at, int width, int axis, long[] shape, long[] strides) {
        if (axis == shape.length) {
            before.mark(at, width);
        } else if (axis == shape.length - 1 && strides[axis] == 1) {
            before.mark(at, shape[axis] * width);
        } else {
            for (long i = 0; i < shape[axis]; i++) {
                mark(before, at + i * strides[axis] * width, width, axis + 1, shape, strides);
            }
        }
    }

    /** Queues the copy of the contents. */
    public void begin() {
        gpu.streams().addBehind(() -> allocations.values().forEach(before -> before.pages = before.allocation.snapshot()));
    }

    /** Queues the comparison. */
    public void end() {
        gpu.streams().addBehind(() -> allocations.values().forEach(this::compare));
    }

    private void compare(Before before) {
        long at = before.pages == null ? -1 : before.allocation.firstChange(before.pages, before.mayChange);
        if (at >= 0) {
            throw new KernelFault("%s changes byte %,d of %s, the memory of %s, which is no element of a result"
                    .formatted(work, at, before.allocation, before.operand));
        }
    }
}
