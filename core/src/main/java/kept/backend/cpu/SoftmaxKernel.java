package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/**
 * Softmax and its logarithm, their gradients, and the logarithm of sums of exponentials, row by row. The pass that reads a row from memory also
 * writes, and the last pass works in place, in the cache, so that memory is read and written at the same time. Sums add the elements after the last
 * whole vector one by one; a mask would add them to the lanes, which rounds differently.
 */
final class SoftmaxKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private SoftmaxKernel() {}

    /**
     * {@link kept.backend.Backend#softmax}.
     *
     * @param logarithm whether to give the logarithm
     * @param x rows
     * @param out rows
     */
    static void softmax(boolean logarithm, Tensor x, Tensor out) {
        int width = RowWindow.width(x);
        if (x.elementCount() == 0) {
            return;
        }
        WorkerPool.shared().forRanges(x.elementCount() / width, RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow to = new RowWindow(out, width, arena);
                RowExponentials exponentials = new RowExponentials(width, 1f);
                int kept = logarithm ? RowExponentials.BLOCK : width;
                MemorySegment scratch = scratch(kept);
                for (long row = first; row < end; row++) {
                    MemorySegment values = from.read(row * width, width).slice(width);
                    MemorySegment results = to.place(row * width, width).slice(width);
                    if (logarithm) {
                        logarithm(exponentials, values, width, results, scratch);
                    } else {
                        probabilities(exponentials, values, width, results, scratch);
                    }
                    to.write(row * width, width);
                }
            }
        });
    }

    /** Memory for exactly some exponentials; by its size {@link RowExponentials#exponentiate} decides whether to keep a row or a block. */
    private static MemorySegment scratch(int count) {
        return RowMath.slice(Workspace.ofThread().segment(Workspace.Slot.EXPONENTIALS, count), 0, count);
    }

    private static void probabilities(RowExponentials exponentials, MemorySegment x, int width, MemorySegment out, MemorySegment scratch) {
        MemorySegment kept = x.address() == out.address() ? scratch : out;
        exponentials.exponentiate(x, width, kept);
        exponentials.multiply(kept, width, 1 / exponentials.sum(), out);
    }

    private static void logarithm(RowExponentials exponentials, MemorySegment x, int width, MemorySegment out, MemorySegment scratch) {
        exponentials.exponentiate(x, width, scratch);
        RowMath.subtract(x, width, exponentials.shift(), (float) StrictMath.log(exponentials.sum()), out);
    }

    /**
     * {@link kept.backend.Backend#softmaxGradient}.
     *
     * @param logarithm whether y is the logarithm
     * @param gradient rows
     * @param y rows
     * @param dx rows
     */
    static void gradient(boolean logarithm, Tensor gradient, Tensor y, Tensor dx) {
        int width = RowWindow.width(y);
        if (y.elementCount() == 0) {
            return;
        }
        WorkerPool.shared().forRanges(y.elementCount() / width, RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(y, width, arena);
                RowWindow gradients = new RowWindow(gradient, width, arena);
                RowWindow to = new RowWindow(dx, width, arena);
                for (long row = first; row < end; row++) {
                    from.read(row * width, width);
                    gradients.read(row * width, width);
                    to.place(row * width, width);
                    if (logarithm) {
                        subtractShares(to, from, width, sum(gradients, width, to));
                    } else {
                        weigh(to, from, width, dot(gradients, from, width, to));
                    }
                }
            }
        });
    }

    /** The sum of g, and {@code out = g}. */
    private static float sum(RowWindow gradients, int count, RowWindow to) {
        MemorySegment g = gradients.view(count);
        MemorySegment out = to.view(count);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            gradient.intoMemorySegment(out, 4L * i, ORDER);
            sums = sums.add(gradient);
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            out.set(JAVA_FLOAT, 4L * i, gradient);
            sum += gradient;
        }
        return sum;
    }

    /** {@code dx = dx - e^y sum}. */
    private static void subtractShares(RowWindow to, RowWindow from, int count, float sum) {
        int whole = SPECIES.loopBound(count);
        subtractSharesWhole(to, from, whole, sum);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            MemorySegment dx = to.view(count);
            FloatVector p = VectorMath.expNonPositive(FloatVector.fromMemorySegment(SPECIES, from.view(count), 4L * whole, ORDER, mask));
            FloatVector difference = FloatVector.fromMemorySegment(SPECIES, dx, 4L * whole, ORDER, mask);
            p.fma(FloatVector.broadcast(SPECIES, -sum), difference).intoMemorySegment(dx, 4L * whole, ORDER, mask);
        }
    }

    private static void subtractSharesWhole(RowWindow to, RowWindow from, int count, float sum) {
        MemorySegment dx = to.view(count);
        MemorySegment y = from.view(count);
        FloatVector factor = FloatVector.broadcast(SPECIES, -sum);
        for (int i = 0; i < count; i += LANES) {
            FloatVector p = VectorMath.expNonPositive(FloatVector.fromMemorySegment(SPECIES, y, 4L * i, ORDER));
            p.fma(factor, FloatVector.fromMemorySegment(SPECIES, dx, 4L * i, ORDER)).intoMemorySegment(dx, 4L * i, ORDER);
        }
    }

    /** The sum of {@code g y}, and {@code out = g}. */
    private static float dot(RowWindow gradients, RowWindow from, int count, RowWindow to) {
        MemorySegment g = gradients.view(count);
        MemorySegment y = from.view(count);
        MemorySegment out = to.view(count);
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            gradient.intoMemorySegment(out, 4L * i, ORDER);
            sums = gradient.fma(FloatVector.fromMemorySegment(SPECIES, y, 4L * i, ORDER), sums);
        }
        float sum = VectorMath.sum(sums);
        for (; i < count; i++) {
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            out.set(JAVA_FLOAT, 4L * i, gradient);
            sum = Math.fma(gradient, y.get(JAVA_FLOAT, 4L * i), sum);
        }
        return sum;
    }

    /** {@code dx = (dx - dot) y}. */
    private static void weigh(RowWindow to, RowWindow from, int count, float dot) {
        int whole = SPECIES.loopBound(count);
        weighWhole(to, from, whole, dot);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            MemorySegment dx = to.view(count);
            FloatVector difference = FloatVector.fromMemorySegment(SPECIES, dx, 4L * whole, ORDER, mask).sub(dot);
            difference.mul(FloatVector.fromMemorySegment(SPECIES, from.view(count), 4L * whole, ORDER, mask))
                    .intoMemorySegment(dx, 4L * whole, ORDER, mask);
        }
    }

    private static void weighWhole(RowWindow to, RowWindow from, int count, float dot) {
        MemorySegment dx = to.view(count);
        MemorySegment y = from.view(count);
        for (int i = 0; i < count; i += LANES) {
            FloatVector difference = FloatVector.fromMemorySegment(SPECIES, dx, 4L * i, ORDER).sub(dot);
            difference.mul(FloatVector.fromMemorySegment(SPECIES, y, 4L * i, ORDER)).intoMemorySegment(dx, 4L * i, ORDER);
        }
    }

    /**
     * {@link kept.backend.Backend#logSumExp}.
     *
     * @param x rows
     * @param out one element for each row
     */
    static void logSumExp(Tensor x, Tensor out) {
        int width = RowWindow.width(x);
        MemorySegment results = Elements.segment(out);
        WorkerPool.shared().forRanges(out.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowExponentials exponentials = new RowExponentials(width, 1f);
                MemorySegment scratch = scratch(RowExponentials.BLOCK);
                for (long row = first; row < end; row++) {
                    MemorySegment values = from.read(row * width, width).slice(width);
                    exponentials.exponentiate(values, width, scratch);
                    results.setAtIndex(JAVA_FLOAT, out.offset() + row, logSumExp(exponentials, values, width));
                }
            }
        });
    }

    private static float logSumExp(RowExponentials exponentials, MemorySegment x, int width) {
        float shift = exponentials.shift();
        // The exponentials relative to infinity are NaN, also if no element is.
        return shift == Float.POSITIVE_INFINITY
                ? ContiguousReduction.MAXIMUM.of(x, 0, width)
                : (float) (shift + StrictMath.log(exponentials.sum()));
    }
}
