package kept.cuda;

import java.util.Arrays;
import java.util.function.Consumer;
import kept.backend.MergedAxes;
import kept.backend.TensorMemory;
import kept.cuda.driver.Grid;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The loop nest of an elementwise kernel over strided operands of one shape: the struct {@code Loops} of {@code elements.cuh}.
 *
 * <p>Axes of extent 1 are dropped, and adjacent axes that are contiguous for every operand are merged. An iteration space of more than
 * {@value #AXES} axes or 2^31 elements is split along the outermost axis into several launches.
 */
final class Loops {
    /** Maximum number of axes of a launch. */
    static final int AXES = 6;
    /** Threads per block. */
    static final int THREADS = 256;
    /** Size of the widest memory access in bytes. */
    static final int WIDEST = 16;
    private static final long MAX_ELEMENTS = Integer.MAX_VALUE;
    /** Elements of a part of dense loops with more than the maximum, such that its operands stay aligned. */
    private static final long BLOCK_ELEMENTS = 1L << 30;

    private final long count;
    /** Extents of the axes, innermost first. */
    private final long[] extents;
    /** Strides {@code [axis][operand]} in elements. */
    private final long[][] strides;
    private final long[] addresses;
    private final int[] bytes;
    private final boolean dense;

    private Loops(long[] extents, long[][] strides, long[] addresses, int[] bytes) {
        this.extents = extents;
        this.strides = strides;
        this.addresses = addresses;
        this.bytes = bytes;
        long product = 1;
        for (long extent : extents) {
            product *= extent;
        }
        count = product;
        dense = extents.length <= 1 && areDense();
    }

    /**
     * Creates the loops over operands.
     *
     * @param operands operands; all are broadcast to the shape of the first
     * @return loops over that shape
     */
    static Loops over(Tensor... operands) {
        Shape shape = operands[0].shape();
        long[][] steps = new long[operands.length][];
        for (int i = 0; i < operands.length; i++) {
            steps[i] = TensorMemory.expandedStrides(operands[i], shape, "loops");
        }
        return over(shape.toArray(), steps, operands);
    }

    /**
     * Creates the loops over given axes.
     *
     * @param shape extents of the axes, outermost first
     * @param steps strides {@code [operand][axis]} in elements
     * @param operands tensors that supply addresses and dtypes
     * @return loops over those axes
     */
    static Loops over(long[] shape, long[][] steps, Tensor... operands) {
        MergedAxes merged = MergedAxes.of(shape, steps);
        return new Loops(merged.extents(), merged.strides(), Arrays.stream(operands).mapToLong(Gpu::address).toArray(),
                Arrays.stream(operands).mapToInt(operand -> operand.dtype().bytes()).toArray());
    }

    private boolean areDense() {
        for (int operand = 0; operand < addresses.length; operand++) {
            long step = extents.length == 0 ? 1 : strides[0][operand];
            if (step < 0 || step > 1 || step == 1 && addresses[operand] % WIDEST != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Returns the number of elements of the iteration space.
     *
     * @return number of elements, 0 or more
     */
    long count() {
        return count;
    }

    /**
     * Returns the number of operands.
     *
     * @return number of operands
     */
    int operands() {
        return addresses.length;
    }

    /**
     * Returns the number of axes after merging.
     *
     * @return number of axes, 0 or more
     */
    int rank() {
        return extents.length;
    }

    /**
     * Returns whether a kernel can access all operands in vectors: each is contiguous from an address that is a multiple of 16 bytes, or a single
     * broadcast value.
     *
     * @return true if vector access is possible
     */
    boolean isDense() {
        return dense;
    }

    /**
     * Returns the stride of an operand along the innermost axis.
     *
     * @param operand index of the operand
     * @return stride in elements; 1 if there is no axis
     */
    long step(int operand) {
        return extents.length == 0 ? 1 : strides[0][operand];
    }

    /**
     * Returns the address of an operand's first element.
     *
     * @param operand index of the operand
     * @return device address
     */
    long address(int operand) {
        return addresses[operand];
    }

    /**
     * Groups adjacent elements into units of up to 16 bytes where strides, extents and addresses allow it. Only kernels that copy elements unchanged
     * may use the result.
     *
     * @return loops over units, or these loops if grouping is not possible
     */
    Loops widened() {
        if (extents.length == 0) {
            return this;
        }
        for (int factor = WIDEST / bytes[0]; factor > 1; factor /= 2) {
            if (canGroup(factor)) {
                return grouped(factor);
            }
        }
        return this;
    }

    /**
     * Returns the size of a unit.
     *
     * @return bytes per element or unit of the first operand
     */
    int unitBytes() {
        return bytes[0];
    }

    private boolean canGroup(int factor) {
        if (extents[0] % factor != 0) {
            return false;
        }
        for (int operand = 0; operand < addresses.length; operand++) {
            if (strides[0][operand] != 1 || addresses[operand] % ((long) factor * bytes[operand]) != 0) {
                return false;
            }
            for (int axis = 1; axis < extents.length; axis++) {
                if (strides[axis][operand] % factor != 0) {
                    return false;
                }
            }
        }
        return true;
    }

    private Loops grouped(int factor) {
        long[] grouped = extents.clone();
        grouped[0] /= factor;
        long[][] steps = new long[strides.length][];
        steps[0] = strides[0];
        for (int axis = 1; axis < steps.length; axis++) {
            steps[axis] = Arrays.stream(strides[axis]).map(stride -> stride / factor).toArray();
        }
        return new Loops(grouped, steps, addresses, Arrays.stream(bytes).map(size -> size * factor).toArray());
    }

    /**
     * Returns the loops over a range of the outermost axis.
     *
     * @param from first index, inclusive
     * @param to last index, exclusive
     * @return loops over that range
     */
    Loops part(long from, long to) {
        int outermost = extents.length - 1;
        long[] cut = extents.clone();
        cut[outermost] = to - from;
        long[] moved = addresses.clone();
        for (int operand = 0; operand < moved.length; operand++) {
            moved[operand] += from * strides[outermost][operand] * bytes[operand];
        }
        return new Loops(cut, strides, moved, bytes);
    }

    /**
     * Splits the loops into parts that a kernel can take and launches each.
     *
     * @param launch launches one part; not called if there are no elements
     */
    void forEach(Consumer<Loops> launch) {
        if (count == 0) {
            return;
        }
        if (dense || extents.length <= AXES && count <= MAX_ELEMENTS) {
            launch.accept(this);
            return;
        }
        int outermost = extents.length - 1;
        long each = extents.length > AXES ? 1 : Math.max(1, MAX_ELEMENTS / (count / extents[outermost]));
        for (long from = 0; from < extents[outermost]; from += each) {
            Loops part = part(from, Math.min(from + each, extents[outermost]));
            (each == 1 ? part.withoutOutermost() : part).forEach(launch);
        }
    }

    /**
     * Splits the loops as {@link #forEach} does, dense ones too, for kernels with one block per element.
     *
     * @param launch launches one part of fewer than 2^31 elements; not called if there are no elements
     */
    void forEachOfBlocks(Consumer<Loops> launch) {
        if (count <= MAX_ELEMENTS) {
            forEach(launch);
            return;
        }
        forEach(part -> {
            // Only dense parts are larger; they have one axis.
            long each = part.count <= MAX_ELEMENTS ? part.count : BLOCK_ELEMENTS;
            for (long from = 0; from < part.count; from += each) {
                launch.accept(each == part.count ? part : part.part(from, Math.min(from + each, part.count)));
            }
        });
    }

    private Loops withoutOutermost() {
        int rank = extents.length - 1;
        return new Loops(Arrays.copyOf(extents, rank), Arrays.copyOf(strides, rank), addresses, bytes);
    }

    /**
     * Returns the grid of a kernel over these loops.
     *
     * @param vector elements per thread if the operands are dense; otherwise each thread has one element
     * @return grid that covers all elements
     */
    Grid grid(int vector) {
        return Grid.of(Math.ceilDiv(dense ? Math.ceilDiv(count, (long) vector) : count, (long) THREADS), THREADS);
    }

    /**
     * Encodes the loops as the struct of {@code elements.cuh}.
     *
     * @return 64-bit words of the struct
     */
    long[] words() {
        int operands = addresses.length;
        long[] words = new long[2 + operands + AXES * (2 + operands)];
        words[0] = count;
        words[1] = dense ? 0 : Math.max(1, extents.length);
        for (int operand = 0; operand < operands; operand++) {
            words[2 + operand] = step(operand);
        }
        for (int axis = 0; axis < AXES; axis++) {
            int at = 2 + operands + axis * (2 + operands);
            long extent = axis < extents.length && !dense ? extents[axis] : 1;
            int shift = 64 - Long.numberOfLeadingZeros(extent - 1);
            long multiplier = (1L << 32) * ((1L << shift) - extent) / extent + 1;
            words[at] = multiplier << 32 | extent;
            words[at + 1] = shift;
            if (axis < extents.length) {
                System.arraycopy(strides[axis], 0, words, at + 2, operands);
            }
        }
        return words;
    }
}
