package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.LayerNormParameters;
import kept.tensor.Tensor;

/**
 * Layer normalisation and its gradient. The pass that reads a row from memory also writes what of the result is known by then, and the later passes
 * work in place, in the cache: where one pass only reads and the next writes, memory waits for each in turn. Statistics are those of two passes, the
 * mean and then the squares of what differs from it, so that a large mean costs no digits.
 */
final class LayerNormKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private LayerNormKernel() {}

    /**
     * {@link kept.backend.Backend#layerNorm}.
     *
     * @param x rows
     * @param parameters weight and bias, rows, and epsilon
     * @param out rows
     * @param mean one element for each row
     * @param rstd one element for each row
     */
    static void forward(Tensor x, LayerNormParameters parameters, Tensor out, Tensor mean, Tensor rstd) {
        double epsilon = parameters.epsilon();
        int width = RowWindow.width(x);
        MemorySegment means = Elements.segment(mean);
        MemorySegment rstds = Elements.segment(rstd);
        WorkerPool.shared().forRanges(mean.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow to = new RowWindow(out, width, arena);
                RowWindow weights = new RowWindow(parameters.weight(), width, arena).read(0, width);
                RowWindow biases = new RowWindow(parameters.bias(), width, arena).read(0, width);
                for (long row = first; row < end; row++) {
                    float average = from.read(row * width, width).reduce(Chains.SUM_OF_ROW, width, 0, to.place(row * width, width)) / width;
                    double variance = to.reduce(Chains.DEVIATIONS_OF_ROW, width, average, to) / width;
                    float r = (float) (1 / Math.sqrt(variance + epsilon));
                    normalise(to, width, average, r, weights, biases);
                    to.write(row * width, width);
                    means.setAtIndex(JAVA_FLOAT, mean.offset() + row, average);
                    rstds.setAtIndex(JAVA_FLOAT, rstd.offset() + row, r);
                }
            }
        });
    }

    /** {@code x = weight (x - mean) rstd + bias}. */
    private static void normalise(RowWindow rows, int count, float mean, float rstd, RowWindow weights, RowWindow biases) {
        MemorySegment x = rows.view(count);
        MemorySegment weight = weights.view(count);
        MemorySegment bias = biases.view(count);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(mean).mul(rstd);
            FloatVector w = FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, bias, 4L * i, ORDER);
            n.fma(w, b).intoMemorySegment(x, 4L * i, ORDER);
        }
        for (; i < count; i++) {
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            x.set(JAVA_FLOAT, 4L * i, Math.fma(n, weight.get(JAVA_FLOAT, 4L * i), bias.get(JAVA_FLOAT, 4L * i)));
        }
    }

    /**
     * {@link kept.backend.Backend#layerNormGradient}.
     *
     * @param gradient rows
     * @param x rows
     * @param weight rows
     * @param mean one element for each row
     * @param rstd one element for each row
     * @param dx rows, or null
     * @param dWeight rows, or null
     * @param dBias rows, or null
     */
    static void gradient(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dx, Tensor dWeight, Tensor dBias) {
        int width = RowWindow.width(x);
        MemorySegment means = Elements.segment(mean);
        MemorySegment rstds = Elements.segment(rstd);
        PartialSums partial = new PartialSums(mean.elementCount(), 2 * width);
        partial.forEach((sums, first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow gradients = new RowWindow(gradient, width, arena);
                RowWindow weights = new RowWindow(weight, width, arena).read(0, width);
                RowWindow to = dx == null ? null : new RowWindow(dx, width, arena);
                for (long row = first; row < end; row++) {
                    from.read(row * width, width);
                    gradients.read(row * width, width);
                    float average = means.getAtIndex(JAVA_FLOAT, mean.offset() + row);
                    float r = rstds.getAtIndex(JAVA_FLOAT, rstd.offset() + row);
                    if (to == null) {
                        addWeights(gradients, from, width, average, r, sums);
                    } else {
                        differentiate(gradients, from, width, average, r, weights, to.place(row * width, width), sums);
                    }
                }
            }
        });
        partial.addTo(0, dWeight);
        partial.addTo(width, dBias);
    }

    /** {@code sums[i] += gradient n; sums[count + i] += gradient}. */
    private static void addWeights(RowWindow gradients, RowWindow from, int count, float mean, float rstd, float[] sums) {
        MemorySegment g = gradients.view(count);
        MemorySegment x = from.view(count);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(mean).mul(rstd);
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
            gradient.add(FloatVector.fromArray(SPECIES, sums, count + i)).intoArray(sums, count + i);
        }
        for (; i < count; i++) {
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            sums[i] = Math.fma(gradient, n, sums[i]);
            sums[count + i] += gradient;
        }
    }

    /**
     * {@code dx = rstd (m - average(m) - n average(m n))} and the sums of {@link #addWeights}: a pass for m, the averages and the sums, a pass for
     * the rest.
     */
    private static void differentiate(
            RowWindow gradients, RowWindow from, int count, float mean, float rstd, RowWindow weights, RowWindow to, float[] sums) {
        MemorySegment g = gradients.view(count);
        MemorySegment x = from.view(count);
        MemorySegment weight = weights.view(count);
        MemorySegment dx = to.view(count);
        FloatVector ms = FloatVector.zero(SPECIES);
        FloatVector mns = ms;
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(mean).mul(rstd);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
            gradient.add(FloatVector.fromArray(SPECIES, sums, count + i)).intoArray(sums, count + i);
            FloatVector m = gradient.mul(FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER));
            m.intoMemorySegment(dx, 4L * i, ORDER);
            ms = ms.add(m);
            mns = m.fma(n, mns);
        }
        float averageM = VectorMath.sum(ms);
        float averageMn = VectorMath.sum(mns);
        for (; i < count; i++) {
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            sums[i] = Math.fma(gradient, n, sums[i]);
            sums[count + i] += gradient;
            float m = gradient * weight.get(JAVA_FLOAT, 4L * i);
            dx.set(JAVA_FLOAT, 4L * i, m);
            averageM += m;
            averageMn = Math.fma(m, n, averageMn);
        }
        averageM /= count;
        averageMn /= count;
        for (i = 0; i <= count - LANES; i += LANES) {
            long p = 4L * i;
            FloatVector m = FloatVector.fromMemorySegment(SPECIES, dx, p, ORDER);
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER).sub(mean).mul(rstd);
            n.fma(FloatVector.broadcast(SPECIES, -averageMn), m.sub(averageM)).mul(rstd).intoMemorySegment(dx, p, ORDER);
        }
        for (; i < count; i++) {
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            dx.set(JAVA_FLOAT, 4L * i, Math.fma(n, -averageMn, dx.get(JAVA_FLOAT, 4L * i) - averageM) * rstd);
        }
    }
}
