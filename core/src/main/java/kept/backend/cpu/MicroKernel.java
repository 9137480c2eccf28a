package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The innermost part of a matrix product: a tile of C, {@link #ROWS} x {@link #COLUMNS}, held in registers while k runs.
 *
 * <pre>
 *            b: COLUMNS = 2 vectors                 for each k
 *            [ b0      | b1      ]                      b0, b1    = b[k, :]
 *   a: [a0]  [ c00     | c01     ]                      c_r0, c_r1 += a[k, r] * b0, b1
 *      [a1]  [ c10     | c11     ]
 *       ...    ...                                  then C = or += tile
 *      [a7]  [ c70     | c71     ]
 * </pre>
 *
 * <p>Each element of C is one chain of fused multiply-adds in ascending k, so its bits do not depend on where in a tile it lies, nor on the
 * width of vectors.
 */
final class MicroKernel {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** Rows of a tile: 16 accumulators need the 32 vector registers of AVX-512, NEON and SVE; with 16 registers there is room for 8. */
    static final int ROWS = LANES >= 16 || "aarch64".equals(System.getProperty("os.arch")) ? 8 : 4;
    /** Columns of a tile. */
    static final int COLUMNS = 2 * LANES;

    private static final long VECTOR_BYTES = LANES * (long) Float.BYTES;
    /** The thread's finished tile on its way to C. */
    private static final ThreadLocal<float[]> TILE = ThreadLocal.withInitial(() -> new float[ROWS * COLUMNS]);

    private MicroKernel() { }

    /**
     * C[0..ROWS, 0..COLUMNS] = (accumulate ? C : 0) + A B.
     *
     * @param depth how many k
     * @param a packed {@code [depth][ROWS]}
     * @param aStart where it begins
     * @param b packed {@code [depth][COLUMNS]}
     * @param bStart where it begins
     * @param c the result, f32
     * @param cStart the byte offset of the tile
     * @param cStride bytes from a row of C to the next
     * @param accumulate whether to add to C
     */
    static void tile(int depth, float[] a, int aStart, float[] b, int bStart, MemorySegment c, long cStart, long cStride, boolean accumulate) {
        float[] tile = TILE.get();
        multiply(depth, a, aStart, b, bStart, tile);
        store(tile, c, cStart, cStride, accumulate);
    }

    /**
     * tile = A B, on arrays alone: with the result's {@link MemorySegment} in this method, the JIT boxed every accumulator once the process had met
     * segments of other kinds, which made the training step seven times slower. All in one method and longer than a screen for the same reason: an
     * accumulator that escapes into a call is boxed.
     */
    private static void multiply(int depth, float[] a, int aStart, float[] b, int bStart, float[] tile) {
        FloatVector c00 = FloatVector.zero(SPECIES);
        FloatVector c01 = c00;
        FloatVector c10 = c00;
        FloatVector c11 = c00;
        FloatVector c20 = c00;
        FloatVector c21 = c00;
        FloatVector c30 = c00;
        FloatVector c31 = c00;
        FloatVector c40 = c00;
        FloatVector c41 = c00;
        FloatVector c50 = c00;
        FloatVector c51 = c00;
        FloatVector c60 = c00;
        FloatVector c61 = c00;
        FloatVector c70 = c00;
        FloatVector c71 = c00;
        for (int k = 0; k < depth; k++) {
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, bStart + k * COLUMNS);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, bStart + k * COLUMNS + LANES);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 1]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 2]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 3]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            if (ROWS == 8) {
                FloatVector a4 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 4]);
                c40 = a4.fma(b0, c40);
                c41 = a4.fma(b1, c41);
                FloatVector a5 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 5]);
                c50 = a5.fma(b0, c50);
                c51 = a5.fma(b1, c51);
                FloatVector a6 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 6]);
                c60 = a6.fma(b0, c60);
                c61 = a6.fma(b1, c61);
                FloatVector a7 = FloatVector.broadcast(SPECIES, a[aStart + k * ROWS + 7]);
                c70 = a7.fma(b0, c70);
                c71 = a7.fma(b1, c71);
            }
        }
        c00.intoArray(tile, 0);
        c01.intoArray(tile, LANES);
        c10.intoArray(tile, COLUMNS);
        c11.intoArray(tile, COLUMNS + LANES);
        c20.intoArray(tile, 2 * COLUMNS);
        c21.intoArray(tile, 2 * COLUMNS + LANES);
        c30.intoArray(tile, 3 * COLUMNS);
        c31.intoArray(tile, 3 * COLUMNS + LANES);
        if (ROWS == 8) {
            c40.intoArray(tile, 4 * COLUMNS);
            c41.intoArray(tile, 4 * COLUMNS + LANES);
            c50.intoArray(tile, 5 * COLUMNS);
            c51.intoArray(tile, 5 * COLUMNS + LANES);
            c60.intoArray(tile, 6 * COLUMNS);
            c61.intoArray(tile, 6 * COLUMNS + LANES);
            c70.intoArray(tile, 7 * COLUMNS);
            c71.intoArray(tile, 7 * COLUMNS + LANES);
        }
    }

    /** C = or += tile, row by row. */
    private static void store(float[] tile, MemorySegment c, long cStart, long cStride, boolean accumulate) {
        c = NativeView.of(c);
        for (int row = 0; row < ROWS; row++) {
            long at = cStart + row * cStride;
            FloatVector left = FloatVector.fromArray(SPECIES, tile, row * COLUMNS);
            FloatVector right = FloatVector.fromArray(SPECIES, tile, row * COLUMNS + LANES);
            if (accumulate) {
                left = FloatVector.fromMemorySegment(SPECIES, c, at, ORDER).add(left);
                right = FloatVector.fromMemorySegment(SPECIES, c, at + VECTOR_BYTES, ORDER).add(right);
            }
            left.intoMemorySegment(c, at, ORDER);
            right.intoMemorySegment(c, at + VECTOR_BYTES, ORDER);
        }
    }
}
