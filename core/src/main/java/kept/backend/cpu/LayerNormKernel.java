package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Tensor;

/**
 * Layer normalisation and its gradient. A row is read from memory once; the later passes over it find it in the cache. Statistics are those of two
 * passes, the mean and then the squares of what differs from it, so that a large mean costs no digits.
 */
final class LayerNormKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final int BYTES = LANES * Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private LayerNormKernel() {}

    /**
     * {@link kept.backend.Backend#layerNorm}.
     *
     * @param x rows
     * @param weight rows
     * @param bias rows
     * @param epsilon added to the variance
     * @param out rows
     * @param mean one element for each row
     * @param rstd one element for each row
     */
    static void forward(Tensor x, Tensor weight, Tensor bias, double epsilon, Tensor out, Tensor mean, Tensor rstd) {
        int width = RowWindow.width(x);
        MemorySegment means = Elements.segment(mean);
        MemorySegment rstds = Elements.segment(rstd);
        WorkerPool.shared().forRanges(mean.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow to = new RowWindow(out, width, arena);
                RowWindow w = new RowWindow(weight, width, arena);
                RowWindow b = new RowWindow(bias, width, arena);
                MemorySegment weights = w.read(0, width);
                MemorySegment biases = b.read(0, width);
                for (long row = first; row < end; row++) {
                    MemorySegment values = from.read(row * width, width);
                    float average = sum(values, width) / width;
                    double variance = sumOfSquares(values, width, average) / width;
                    float r = (float) (1 / Math.sqrt(variance + epsilon));
                    normalise(values, width, average, r, weights, biases, to.place(row * width, width));
                    to.write(row * width, width);
                    means.setAtIndex(JAVA_FLOAT, mean.offset() + row, average);
                    rstds.setAtIndex(JAVA_FLOAT, rstd.offset() + row, r);
                }
            }
        });
    }

    private static float sum(MemorySegment x, int count) {
        x = NativeView.of(x);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            long p = 4L * i;
            s0 = s0.add(FloatVector.fromMemorySegment(SPECIES, x, p, ORDER));
            s1 = s1.add(FloatVector.fromMemorySegment(SPECIES, x, p + BYTES, ORDER));
            s2 = s2.add(FloatVector.fromMemorySegment(SPECIES, x, p + 2 * BYTES, ORDER));
            s3 = s3.add(FloatVector.fromMemorySegment(SPECIES, x, p + 3 * BYTES, ORDER));
        }
        float sum = VectorMath.sum(s0.add(s1).add(s2.add(s3)));
        for (; i < count; i++) {
            sum += x.get(JAVA_FLOAT, 4L * i);
        }
        return sum;
    }

    /** The sum of {@code (x - mean)^2}. */
    private static float sumOfSquares(MemorySegment x, int count, float mean) {
        x = NativeView.of(x);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            long p = 4L * i;
            FloatVector d0 = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER).sub(mean);
            FloatVector d1 = FloatVector.fromMemorySegment(SPECIES, x, p + BYTES, ORDER).sub(mean);
            FloatVector d2 = FloatVector.fromMemorySegment(SPECIES, x, p + 2 * BYTES, ORDER).sub(mean);
            FloatVector d3 = FloatVector.fromMemorySegment(SPECIES, x, p + 3 * BYTES, ORDER).sub(mean);
            s0 = d0.fma(d0, s0);
            s1 = d1.fma(d1, s1);
            s2 = d2.fma(d2, s2);
            s3 = d3.fma(d3, s3);
        }
        float sum = VectorMath.sum(s0.add(s1).add(s2.add(s3)));
        for (; i < count; i++) {
            float d = x.get(JAVA_FLOAT, 4L * i) - mean;
            sum = Math.fma(d, d, sum);
        }
        return sum;
    }

    private static void normalise(
            MemorySegment x, int count, float mean, float rstd, MemorySegment weight, MemorySegment bias, MemorySegment out) {
        x = NativeView.of(x);
        weight = NativeView.of(weight);
        bias = NativeView.of(bias);
        out = NativeView.of(out);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(mean).mul(rstd);
            FloatVector w = FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, bias, 4L * i, ORDER);
            n.fma(w, b).intoMemorySegment(out, 4L * i, ORDER);
        }
        for (; i < count; i++) {
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            out.set(JAVA_FLOAT, 4L * i, Math.fma(n, weight.get(JAVA_FLOAT, 4L * i), bias.get(JAVA_FLOAT, 4L * i)));
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
        MemorySegment g = Elements.segment(gradient);
        MemorySegment means = Elements.segment(mean);
        MemorySegment rstds = Elements.segment(rstd);
        PartialSums partial = new PartialSums(mean.elementCount(), 2 * width);
        partial.forEach((sums, first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow w = new RowWindow(weight, width, arena);
                MemorySegment ws = w.read(0, width);
                for (long row = first; row < end; row++) {
                    MemorySegment values = from.read(row * width, width);
                    MemorySegment gs = RowMath.slice(g, gradient.offset() + row * width, width);
                    float average = means.getAtIndex(JAVA_FLOAT, mean.offset() + row);
                    float r = rstds.getAtIndex(JAVA_FLOAT, rstd.offset() + row);
                    if (dx == null) {
                        addWeights(gs, values, width, average, r, sums);
                    } else {
                        MemorySegment out = RowMath.slice(Elements.segment(dx), dx.offset() + row * width, width);
                        differentiate(gs, values, width, average, r, ws, out, sums);
                    }
                }
            }
        });
        partial.addTo(0, dWeight);
        partial.addTo(width, dBias);
    }

    /** {@code sums[i] += gradient n; sums[count + i] += gradient}. */
    private static void addWeights(MemorySegment g, MemorySegment x, int count, float mean, float rstd, float[] sums) {
        g = NativeView.of(g);
        x = NativeView.of(x);
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
     * {@code dx = rstd (m - average(m) - n average(m n))} and the sums of {@link #addWeights}: a pass for the averages and the sums, a pass for the
     * row. In the second, the sums would hold up dx on its way to memory.
     */
    private static void differentiate(
            MemorySegment g, MemorySegment x, int count, float mean, float rstd, MemorySegment weight, MemorySegment dx, float[] sums) {
        g = NativeView.of(g);
        x = NativeView.of(x);
        weight = NativeView.of(weight);
        dx = NativeView.of(dx);
        FloatVector ms = FloatVector.zero(SPECIES);
        FloatVector mns = ms;
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER).sub(mean).mul(rstd);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
            gradient.add(FloatVector.fromArray(SPECIES, sums, count + i)).intoArray(sums, count + i);
            FloatVector m = gradient.mul(FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER));
            ms = ms.add(m);
            mns = m.fma(n, mns);
        }
        float m = VectorMath.sum(ms);
        float mn = VectorMath.sum(mns);
        for (; i < count; i++) {
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            sums[i] = Math.fma(gradient, n, sums[i]);
            sums[count + i] += gradient;
            m += gradient * weight.get(JAVA_FLOAT, 4L * i);
            mn = Math.fma(gradient * weight.get(JAVA_FLOAT, 4L * i), n, mn);
        }
        m /= count;
        mn /= count;
        for (i = 0; i <= count - LANES; i += LANES) {
            long p = 4L * i;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, g, p, ORDER).mul(FloatVector.fromMemorySegment(SPECIES, weight, p, ORDER));
            FloatVector n = FloatVector.fromMemorySegment(SPECIES, x, p, ORDER).sub(mean).mul(rstd);
            n.fma(FloatVector.broadcast(SPECIES, -mn), a.sub(m)).mul(rstd).intoMemorySegment(dx, p, ORDER);
        }
        for (; i < count; i++) {
            float a = g.get(JAVA_FLOAT, 4L * i) * weight.get(JAVA_FLOAT, 4L * i);
            float n = (x.get(JAVA_FLOAT, 4L * i) - mean) * rstd;
            dx.set(JAVA_FLOAT, 4L * i, Math.fma(n, -mn, a - m) * rstd);
        }
    }
}
