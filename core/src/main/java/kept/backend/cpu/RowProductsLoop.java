package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/** The loops of {@link RowProducts}: four accumulators of a row stay in registers while k runs. Copied for each type of W by {@link Specialized}. */
final class RowProductsLoop implements RowProducts {
    private static final DType TYPE = Specialized.function(MethodHandles.lookup(), DType.class);
    private static final boolean PAIRS = TYPE == DType.BF16;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** Rows shorter than this are processed in pairs: a short row ends before the processor has many loads in flight, and two rows share x. */
    private static final int SHORT = 4096 / TYPE.bytes();
    private static final IntVector UPPER = IntVector.broadcast(SPECIES.withLanes(int.class), 0xffff0000);

    RowProductsLoop() { }

    @Override
    public void arrange(float[] x, int start, int k) {
        for (int first = start; PAIRS && first < start + k - k % STEP; first += 2 * LANES) {
            float[] pairs = Arrays.copyOfRange(x, first, first + 2 * LANES);
            for (int lane = 0; lane < LANES; lane++) {
                x[first + lane] = pairs[2 * lane];
                x[first + LANES + lane] = pairs[2 * lane + 1];
            }
        }
    }

    @Override
    public void multiply(int n, int k, Matrix matrix, float[] x, int xStart, float[] y, int yStart) {
        MemorySegment w = matrix.data();
        long wStart = matrix.index(0, 0);
        long wStride = matrix.rowStride();
        int whole = k - k % STEP;
        float[] lanes = new float[2 * LANES];
        int row = 0;
        for (; k < SHORT && row < n - 1; row += 2) {
            long start = wStart + row * wStride;
            pair(whole, w, start * TYPE.bytes(), (start + wStride) * TYPE.bytes(), x, xStart, lanes);
            y[yStart + row] = sum(lanes, 0, k, w, start, x, xStart);
            y[yStart + row + 1] = sum(lanes, LANES, k, w, start + wStride, x, xStart);
        }
        for (; row < n; row++) {
            long start = wStart + row * wStride;
            chains(whole, w, start * TYPE.bytes(), x, xStart, lanes);
            y[yStart + row] = sum(lanes, 0, k, w, start, x, xStart);
        }
    }

    /** The sum of a row's accumulators and of the products after the last whole step. */
    private static float sum(float[] lanes, int at, int k, MemorySegment w, long start, float[] x, int xStart) {
        float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, lanes, at));
        for (int i = k - k % STEP; i < k; i++) {
            sum = Math.fma(x[xStart + i], Elements.getFloat(w, TYPE, start + i), sum);
        }
        return sum;
    }

    /**
     * The accumulators of a row. Their sum is written to an array, because an accumulator that is passed to a method that is not inlined would be
     * boxed in the loop.
     */
    private static void chains(int k, MemorySegment segment, long start, float[] x, int xStart, float[] sum) {
        MemorySegment w = NativeView.of(segment);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int i = 0; i < k; i += STEP) {
            FloatVector w0 = vector(w, start, i, 0);
            FloatVector w2 = vector(w, start, i, 2);
            FloatVector w1 = PAIRS ? upper(w0) : vector(w, start, i, 1);
            FloatVector w3 = PAIRS ? upper(w2) : vector(w, start, i, 3);
            s0 = FloatVector.fromArray(SPECIES, x, xStart + i).fma(PAIRS ? lower(w0) : w0, s0);
            s1 = FloatVector.fromArray(SPECIES, x, xStart + i + LANES).fma(w1, s1);
            s2 = FloatVector.fromArray(SPECIES, x, xStart + i + 2 * LANES).fma(PAIRS ? lower(w2) : w2, s2);
            s3 = FloatVector.fromArray(SPECIES, x, xStart + i + 3 * LANES).fma(w3, s3);
        }
        s0.add(s1).add(s2.add(s3)).intoArray(sum, 0);
    }

    /** {@link #chains} for two rows, r and s. */
    private static void pair(int k, MemorySegment segment, long start, long next, float[] x, int xStart, float[] sums) {
        MemorySegment w = NativeView.of(segment);
        FloatVector r0 = FloatVector.zero(SPECIES);
        FloatVector r1 = r0;
        FloatVector r2 = r0;
        FloatVector r3 = r0;
        FloatVector s0 = r0;
        FloatVector s1 = r0;
        FloatVector s2 = r0;
        FloatVector s3 = r0;
        for (int i = 0; i < k; i += STEP) {
            FloatVector x0 = FloatVector.fromArray(SPECIES, x, xStart + i);
            FloatVector x1 = FloatVector.fromArray(SPECIES, x, xStart + i + LANES);
            FloatVector x2 = FloatVector.fromArray(SPECIES, x, xStart + i + 2 * LANES);
            FloatVector x3 = FloatVector.fromArray(SPECIES, x, xStart + i + 3 * LANES);
            FloatVector v0 = vector(w, start, i, 0);
            FloatVector v2 = vector(w, start, i, 2);
            r0 = x0.fma(PAIRS ? lower(v0) : v0, r0);
            r1 = x1.fma(PAIRS ? upper(v0) : vector(w, start, i, 1), r1);
            r2 = x2.fma(PAIRS ? lower(v2) : v2, r2);
            r3 = x3.fma(PAIRS ? upper(v2) : vector(w, start, i, 3), r3);
            FloatVector w0 = vector(w, next, i, 0);
            FloatVector w2 = vector(w, next, i, 2);
            s0 = x0.fma(PAIRS ? lower(w0) : w0, s0);
            s1 = x1.fma(PAIRS ? upper(w0) : vector(w, next, i, 1), s1);
            s2 = x2.fma(PAIRS ? lower(w2) : w2, s2);
            s3 = x3.fma(PAIRS ? upper(w2) : vector(w, next, i, 3), s3);
        }
        r0.add(r1).add(r2.add(r3)).intoArray(sums, 0);
        s0.add(s1).add(s2.add(s3)).intoArray(sums, LANES);
    }

    /** The vector at a distance of some vectors from an element; for bf16 it contains pairs. */
    private static FloatVector vector(MemorySegment w, long start, int i, int vectors) {
        return FloatVector.fromMemorySegment(SPECIES, w, start + (i + vectors * LANES) * (PAIRS ? 2L : 4L), ORDER);
    }

    private static FloatVector lower(FloatVector pairs) {
        return pairs.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    private static FloatVector upper(FloatVector pairs) {
        return pairs.reinterpretAsInts().and(UPPER).reinterpretAsFloats();
    }
}
