package kept.cuda.virtual;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Compares the memory of some operands before and after queued work: only the elements of results may have changed. */
public final class MemoryCheck {
    /** An allocation's contents before the work. */
    private static final class Before {
        final String operand;
        final Allocation allocation;
        boolean[] mayChange;
        byte[] data;
        byte[] written;

        Before(String operand, Allocation allocation) {
            this.operand = operand;
            this.allocation = allocation;
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
            if (before.mayChange == null) {
                before.mayChange = new boolean[before.allocation.size];
            }
            mark(before.mayChange, (int) offset * width, width, 0, shape, strides);
        }
    }

    private static void mark(boolean[] bytes, int at, int width, int axis, long[] shape, long[] strides) {
        if (axis == shape.length) {
            Arrays.fill(bytes, at, at + width, true);
        } else if (axis == shape.length - 1 && strides[axis] == 1) {
            Arrays.fill(bytes, at, at + (int) shape[axis] * width, true);
        } else {
            for (int i = 0; i < shape[axis]; i++) {
                mark(bytes, at + (int) (i * strides[axis]) * width, width, axis + 1, shape, strides);
            }
        }
    }

    /** Queues the copy of the contents. */
    public void begin() {
        gpu.streams().addBehind(() -> allocations.values().forEach(before -> {
            before.data = before.allocation.data.clone();
            before.written = before.allocation.written.clone();
        }));
    }

    /** Queues the comparison. */
    public void end() {
        gpu.streams().addBehind(() -> allocations.values().forEach(this::compare));
    }

    private void compare(Before before) {
        byte[] data = before.allocation.data;
        byte[] written = before.allocation.written;
        if (before.data == null || data.length != before.data.length || Arrays.equals(data, before.data) && Arrays.equals(written, before.written)) {
            return;
        }
        for (int i = 0; i < data.length; i++) {
            boolean mayChange = before.mayChange != null && before.mayChange[i];
            if (!mayChange && (data[i] != before.data[i] || written[i] != before.written[i])) {
                throw new KernelFault("%s changes byte %,d of %s, the memory of %s, which is no element of a result"
                        .formatted(work, i, before.allocation, before.operand));
            }
        }
    }
}
