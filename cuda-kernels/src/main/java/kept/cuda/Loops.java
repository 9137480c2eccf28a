package kept.cuda;

import java.util.Arrays;
import java.util.function.Consumer;
import kept.cuda.driver.Grid;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * How the elements of operands that share a shape lie in memory, as elementwise kernels take it: the struct {@code Loops} of {@code elements.cuh}.
 *
 * <p>Axes of extent 1 are dropped and neighbouring axes that are evenly spaced for every operand are merged. What a kernel cannot take at once, more
 * than {@value #AXES} axes or 2^31 elements, is cut along the outermost axis.
 */
final class Loops {
    /** The most axes of a launch. */
    static final int AXES = 6;
    /** Threads of a block. */
    static final int THREADS = 256;
    /** Bytes of the widest access to memory. */
    static final int WIDEST = 16;
    private static final long MOST_ELEMENTS = Integer.MAX_VALUE;

    private final long count;
    /** Innermost axis first. */
    private final long[] extents;
    /** [axis][operand], in elements. */
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
     * The loops over operands of one shape.
     *
     * @param operands the operands; those of another shape than the first are broadcast to it
     * @return the loops
     */
    static Loops over(Tensor... operands) {
        Shape shape = operands[0].shape();
        long[][] steps = new long[operands.length][];
        for (int i = 0; i < operands.length; i++) {
            steps[i] = operands[i].expandedStrides(shape, "loops");
        }
        return over(shape.toArray(), steps, operands);
    }

    /**
     * The loops over given axes.
     *
     * @param shape the extents, outermost first
     * @param steps for each operand, its stride along each axis
     * @param operands where they lie and what their elements are
     * @return the loops
     */
    static Loops over(long[] shape, long[][] steps, Tensor... operands) {
        int rank = 0;
        long[] extents = new long[shape.length];
        long[][] strides = new long[shape.length][];
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            int outer = axis;
            long[] step = Arrays.stream(steps).mapToLong(of -> of[outer]).toArray();
            if (shape[axis] == 1) {
                continue;
            }
            if (rank > 0 && continues(strides[rank - 1], extents[rank - 1], step)) {
                extents[rank - 1] *= shape[axis];
            } else {
                extents[rank] = shape[axis];
                strides[rank++] = step;
            }
        }
        return new Loops(Arrays.copyOf(extents, rank), Arrays.copyOf(strides, rank), Arrays.stream(operands).mapToLong(Gpu::address).toArray(),
                Arrays.stream(operands).mapToInt(operand -> operand.dtype().bytes()).toArray());
    }

    private static boolean continues(long[] inner, long extent, long[] step) {
        for (int operand = 0; operand < step.length; operand++) {
            if (step[operand] != inner[operand] * extent) {
                return false;
            }
        }
        return true;
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
     * How many elements each operand has.
     *
     * @return the count; 0 for none
     */
    long count() {
        return count;
    }

    /**
     * The number of operands.
     *
     * @return how many
     */
    int operands() {
        return addresses.length;
    }

    /**
     * The axes that are left.
     *
     * @return how many
     */
    int rank() {
        return extents.length;
    }

    /**
     * Whether every operand's elements lie one after another from a multiple of 16 bytes, or are one value throughout: then a kernel takes them in
     * vectors.
     *
     * @return true if so
     */
    boolean isDense() {
        return dense;
    }

    /**
     * Elements from one to the next along the innermost axis.
     *
     * @param operand which operand
     * @return the stride; 1 if there is no axis
     */
    long step(int operand) {
        return extents.length == 0 ? 1 : strides[0][operand];
    }

    /**
     * The address of an operand's first element.
     *
     * @param operand which operand
     * @return the address
     */
    long address(int operand) {
        return addresses[operand];
    }

    /**
     * The same elements in larger units: as many neighbours together as 16 bytes hold, where strides, extents and addresses allow it. Only for
     * kernels that move elements as they are.
     *
     * @return the loops over units, or these loops
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
     * The size of a unit.
     *
     * @return bytes of one element of the first operand
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
     * The first elements of loops over one axis, or the others.
     *
     * @param from the first element taken
     * @param to the first not taken any more
     * @return the loops over those elements
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
     * Hands on what a kernel can take at once.
     *
     * @param launch launches one part; not called if there are no elements
     */
    void forEach(Consumer<Loops> launch) {
        if (count == 0) {
            return;
        }
        if (dense || extents.length <= AXES && count <= MOST_ELEMENTS) {
            launch.accept(this);
            return;
        }
        int outermost = extents.length - 1;
        long each = extents.length > AXES ? 1 : Math.max(1, MOST_ELEMENTS / (count / extents[outermost]));
        for (long from = 0; from < extents[outermost]; from += each) {
            Loops part = part(from, Math.min(from + each, extents[outermost]));
            (each == 1 ? part.withoutOutermost() : part).forEach(launch);
        }
    }

    private Loops withoutOutermost() {
        int rank = extents.length - 1;
        return new Loops(Arrays.copyOf(extents, rank), Arrays.copyOf(strides, rank), addresses, bytes);
    }

    /**
     * The grid of a kernel.
     *
     * @param vector the elements of a thread where the operands are dense; elsewhere a thread has one
     * @return blocks enough for all elements
     */
    Grid grid(int vector) {
        return Grid.of(Math.ceilDiv(dense ? Math.ceilDiv(count, (long) vector) : count, (long) THREADS), THREADS);
    }

    /**
     * The struct.
     *
     * @return its 64-bit words
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
