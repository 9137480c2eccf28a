package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/**
 * Root-mean-square normalisation and its gradient. The pass that reads a row from memory also writes what of the result is known by then, and the
 * last pass works in place, in the cache: where one pass only reads and the next writes, memory waits for each in turn.
 */
final class RmsNormKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private RmsNormKernel() {}

    /**
     * {@link kept.backend.Backend#rmsNorm}.
     *
     * @param x rows
     * @param weight rows
     * @param epsilon added to the mean square
     * @param out rows
     * @param rstd one element for each row
     */
    static void forward(Tensor x, Tensor weight, double epsilon, Tensor out, Tensor rstd) {
        int width = RowWindow.width(x);
        MemorySegment rstds = Elements.segment(rstd);
        WorkerPool.shared().forRanges(rstd.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow to = new RowWindow(out, width, arena);
                RowWindow weights = new RowWindow(weight, width, arena).read(0, width);
                for (long row = first; row < end; row++) {
                    double square = from.read(row * width, width).reduce(Chains.SQUARES_OF_ROW, width, 0, to.place(row * width, width));
                    float r = (float) (1 / Math.sqrt(square / width + epsilon));
                    normalise(to, width, r, weights);
                    to.write(row * width, width);
                    rstds.setAtIndex(JAVA_FLOAT, rstd.offset() + row, r);
                }
            }
        });
    }

    /** {@code x = x rstd weight}. */
    private static void normalise(RowWindow rows, int count, float rstd, RowWindow weights) {
        MemorySegment x = rows.view(count);
        MemorySegment weight = weights.view(count);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).mul(rstd);
            n.mul(FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER)).intoMemorySegment(x, 4L * i, ORDER);
        }
        for (; i < count; i++) {
            x.set(JAVA_FLOAT, 4L * i, x.get(JAVA_FLOAT, 4L * i) * rstd * weight.get(JAVA_FLOAT, 4L * i));
        }
    }

    /**
     * {@link kept.backend.Backend#rmsNormGradient}.
     *
     * @param gradient rows
     * @param x rows
     * @param weight rows
     * @param rstd one element for each row
     * @param dx rows, or null
     * @param dWeight rows, or null
     */
    static void gradient(Tensor gradient, Tensor x, Tensor weight, Tensor rstd, Tensor dx, Tensor dWeight) {
        int width = RowWindow.width(x);
        MemorySegment rstds = Elements.segment(rstd);
        PartialSums partial = new PartialSums(rstd.elementCount(), width);
        partial.forEach((sums, first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow gradients = new RowWindow(gradient, width, arena);
                RowWindow weights = new RowWindow(weight, width, arena).read(0, width);
                RowWindow to = dx == null ? null : new RowWindow(dx, width, arena);
                for (long row = first; row < end; row++) {
                    from.read(row * width, width);
                    gradients.read(row * width, width);
                    float r = rstds.getAtIndex(JAVA_FLOAT, rstd.offset() + row);
                    if (to == null) {
                        addWeights(gradients, from, width, r, sums);
                    } else {
                        differentiate(gradients, from, width, r, weights, to.place(row * width, width), sums);
                    }
                }
            }
        });
        partial.addTo(0, dWeight);
    }

    /** {@code sums += gradient n}. */
    private static void addWeights(RowWindow gradients, RowWindow from, int count, float rstd, float[] sums) {
        MemorySegment g = gradients.view(count);
        MemorySegment x = from.view(count);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).mul(rstd);
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
        }
        for (; i < count; i++) {
            sums[i] = Math.fma(g.get(JAVA_FLOAT, 4L * i), x.get(JAVA_FLOAT, 4L * i) * rstd, sums[i]);
        }
    }

    /** {@code dx = rstd (m - n average(m n))} and the sums of {@link #addWeights}: a pass for m, the average and the sums, a pass for the rest. */
    private static void differentiate(
            RowWindow gradients, RowWindow from, int count, float rstd, RowWindow weights, RowWindow to, float[] sums) {
        MemorySegment g = gradients.view(count);
        MemorySegment x = from.view(count);
        MemorySegment weight = weights.view(count);
        MemorySegment dx = to.view(count);
        FloatVector products = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).mul(rstd);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
            FloatVector m = gradient.mul(FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER));
            m.intoMemorySegment(dx, 4L * i, ORDER);
            products = m.fma(n, products);
        }
        float sum = VectorMath.sum(products);
        for (; i < count; i++) {
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            float n = x.get(JAVA_FLOAT, 4L * i) * rstd;
            sums[i] = Math.fma(gradient, n, sums[i]);
            float m = gradient * weight.get(JAVA_FLOAT, 4L * i);
            dx.set(JAVA_FLOAT, 4L * i, m);
            sum = Math.fma(m, n, sum);
        }
        float average = sum / count;
        for (i = 0; i <= count - LANES; i += LANES) {
            long p = 4L * i;
            FloatVector m = FloatVector.fromMemorySegment(SPECIES, dx, p, ORDER);
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER).mul(rstd);
            n.fma(FloatVector.broadcast(SPECIES, -average), m).mul(rstd).intoMemorySegment(dx, p, ORDER);
        }
        for (; i < count; i++) {
            dx.set(JAVA_FLOAT, 4L * i, Math.fma(x.get(JAVA_FLOAT, 4L * i) * rstd, -average, dx.get(JAVA_FLOAT, 4L * i)) * rstd);
        }
    }
}
