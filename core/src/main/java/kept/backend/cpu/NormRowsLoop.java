package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loops of {@link NormRows}; the template of {@link Specialized} copies. A row ends with a masked vector, in a method of its own (see {@link
 * RowMath}). Averages add the elements after the last whole vector one by one; a mask would add them to the lanes, which rounds differently.
 */
final class NormRowsLoop implements NormRows {
    private static final boolean CENTRED = Specialized.function(MethodHandles.lookup(), Boolean.class);
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = VectorMath.LANES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    NormRowsLoop() {}

    /** The normalised elements before weight and bias. */
    private static FloatVector normal(FloatVector x, float mean, float rstd) {
        return (CENTRED ? x.sub(mean) : x).mul(rstd);
    }

    private static float normal(float x, float mean, float rstd) {
        return (CENTRED ? x - mean : x) * rstd;
    }

    @Override
    public void addWeights(RowWindow gradients, RowWindow from, int count, float mean, float rstd, float[] sums) {
        int whole = SPECIES.loopBound(count);
        MemorySegment g = gradients.view(count);
        MemorySegment x = from.view(count);
        for (int i = 0; i < whole; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            FloatVector n = normal(FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER), mean, rstd);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
            if (CENTRED) {
                gradient.add(FloatVector.fromArray(SPECIES, sums, count + i)).intoArray(sums, count + i);
            }
        }
        if (whole < count) {
            addWeightsEnd(gradients, from, count, mean, rstd, sums);
        }
    }

    private static void addWeightsEnd(RowWindow gradients, RowWindow from, int count, float mean, float rstd, float[] sums) {
        int first = SPECIES.loopBound(count);
        VectorMask<Float> mask = SPECIES.indexInRange(first, count);
        FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, gradients.view(count), 4L * first, ORDER, mask);
        FloatVector n = normal(FloatVector.fromMemorySegment(SPECIES, from.view(count), 4L * first, ORDER, mask), mean, rstd);
        gradient.fma(n, FloatVector.fromArray(SPECIES, sums, first, mask)).intoArray(sums, first, mask);
        if (CENTRED) {
            gradient.add(FloatVector.fromArray(SPECIES, sums, count + first, mask)).intoArray(sums, count + first, mask);
        }
    }

    @Override
    public void differentiate(
            RowWindow gradients, RowWindow from, int count, float mean, float rstd, RowWindow weights, RowWindow to, float[] sums) {
        MemorySegment g = gradients.view(count);
        MemorySegment x = from.view(count);
        MemorySegment weight = weights.view(count);
        MemorySegment dx = to.view(count);
        FloatVector ms = FloatVector.zero(SPECIES);
        FloatVector mns = ms;
        int whole = SPECIES.loopBound(count);
        for (int i = 0; i < whole; i += LANES) {
            FloatVector gradient = FloatVector.fromMemorySegment(SPECIES, g, 4L * i, ORDER);
            FloatVector value = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER);
            FloatVector n = CENTRED ? value.sub(mean).mul(rstd) : value.mul(rstd);
            gradient.fma(n, FloatVector.fromArray(SPECIES, sums, i)).intoArray(sums, i);
            FloatVector m = gradient.mul(FloatVector.fromMemorySegment(SPECIES, weight, 4L * i, ORDER));
            m.intoMemorySegment(dx, 4L * i, ORDER);
            if (CENTRED) {
                gradient.add(FloatVector.fromArray(SPECIES, sums, count + i)).intoArray(sums, count + i);
                ms = ms.add(m);
            }
            mns = m.fma(n, mns);
        }
        float averageM = CENTRED ? VectorMath.sum(ms) : 0f;
        float averageMn = VectorMath.sum(mns);
        for (int i = whole; i < count; i++) {
            float gradient = g.get(JAVA_FLOAT, 4L * i);
            float n = normal(x.get(JAVA_FLOAT, 4L * i), mean, rstd);
            sums[i] = Math.fma(gradient, n, sums[i]);
            float m = gradient * weight.get(JAVA_FLOAT, 4L * i);
            dx.set(JAVA_FLOAT, 4L * i, m);
            if (CENTRED) {
                sums[count + i] += gradient;
                averageM += m;
            }
            averageMn = Math.fma(m, n, averageMn);
        }
        subtractAverages(to, from, count, mean, rstd, averageM / count, averageMn / count);
    }

    /** {@code dx = rstd (dx - averageM - n averageMn)}. */
    private static void subtractAverages(RowWindow to, RowWindow from, int count, float mean, float rstd, float averageM, float averageMn) {
        int whole = SPECIES.loopBound(count);
        subtractAveragesWhole(to, from, whole, mean, rstd, averageM, averageMn);
        if (whole < count) {
            VectorMask<Float> mask = SPECIES.indexInRange(whole, count);
            MemorySegment dx = to.view(count);
            FloatVector m = FloatVector.fromMemorySegment(SPECIES, dx, 4L * whole, ORDER, mask);
            FloatVector n = normal(FloatVector.fromMemorySegment(SPECIES, from.view(count), 4L * whole, ORDER, mask), mean, rstd);
            FloatVector centred = CENTRED ? m.sub(averageM) : m;
            n.fma(FloatVector.broadcast(SPECIES, -averageMn), centred).mul(rstd).intoMemorySegment(dx, 4L * whole, ORDER, mask);
        }
    }

    private static void subtractAveragesWhole(RowWindow to, RowWindow from, int count, float mean, float rstd, float averageM, float averageMn) {
        MemorySegment dx = to.view(count);
        MemorySegment x = from.view(count);
        for (int i = 0; i < count; i += LANES) {
            FloatVector m = FloatVector.fromMemorySegment(SPECIES, dx, 4L * i, ORDER);
            FloatVector value = FloatVector.fromMemorySegment(SPECIES, x, 4L * i, ORDER);
            FloatVector n = CENTRED ? value.sub(mean).mul(rstd) : value.mul(rstd);
            FloatVector centred = CENTRED ? m.sub(averageM) : m;
            n.fma(FloatVector.broadcast(SPECIES, -averageMn), centred).mul(rstd).intoMemorySegment(dx, 4L * i, ORDER);
        }
    }
}
