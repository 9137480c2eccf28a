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

/** The loop of {@link RowProducts}: four chains in registers while k runs. Copied for each type of W by {@link Specialized}. */
final class RowProductsLoop implements RowProducts {
    private static final DType TYPE = Specialized.function(MethodHandles.lookup(), DType.class);
    private static final boolean PAIRS = TYPE == DType.BF16;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
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
    public void multiply(int n, int k, MemorySegment w, long wStart, long wStride, float[] x, int xStart, float[] y, int yStart) {
        int whole = k - k % STEP;
        float[] lanes = new float[LANES];
        for (int row = 0; row < n; row++) {
            long start = wStart + row * wStride;
            chains(whole, w, start * TYPE.bytes(), x, xStart, lanes);
            float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, lanes, 0));
            for (int i = whole; i < k; i++) {
                sum = Math.fma(x[xStart + i], Widening.get(w, TYPE, start + i), sum);
            }
            y[yStart + row] = sum;
        }
    }

    /** The chains of a row; their sum goes to an array, for a chain that is handed to a method that is not inlined would be boxed in the loop. */
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

    /** The vector that begins at an element, some vectors further; of bf16 it holds pairs. */
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
