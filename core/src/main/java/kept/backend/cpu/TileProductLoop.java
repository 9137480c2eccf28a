package kept.backend.cpu;

import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The loop of a {@link TileProduct}: a tile of C stays in registers while k runs. Copied for each form by {@link Specialized}, so that strides are
 * constants in its addresses.
 *
 * <p>The method is longer than a screen, because an accumulator that escapes into a call is boxed.
 */
final class TileProductLoop implements TileProduct {
    private static final Form FORM = Specialized.function(MethodHandles.lookup(), Form.class);
    private static final int A_ROW = FORM.aRow();
    private static final int A_DEPTH = FORM.aDepth();
    private static final int B_DEPTH = FORM.bDepth();
    private static final boolean ACCUMULATE = FORM.accumulate();
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();

    TileProductLoop() { }

    @Override
    public void multiply(int depth, float[] a, int aStart, float[] b, int bStart, float[] c, int cStart, int cStride) {
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
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, bStart + k * B_DEPTH);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, bStart + k * B_DEPTH + LANES);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + A_ROW]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + 2 * A_ROW]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + 3 * A_ROW]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            if (ROWS == 8) {
                FloatVector a4 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + 4 * A_ROW]);
                c40 = a4.fma(b0, c40);
                c41 = a4.fma(b1, c41);
                FloatVector a5 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + 5 * A_ROW]);
                c50 = a5.fma(b0, c50);
                c51 = a5.fma(b1, c51);
                FloatVector a6 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + 6 * A_ROW]);
                c60 = a6.fma(b0, c60);
                c61 = a6.fma(b1, c61);
                FloatVector a7 = FloatVector.broadcast(SPECIES, a[aStart + k * A_DEPTH + 7 * A_ROW]);
                c70 = a7.fma(b0, c70);
                c71 = a7.fma(b1, c71);
            }
        }
        if (ACCUMULATE) {
            c00 = c00.add(FloatVector.fromArray(SPECIES, c, cStart));
            c01 = c01.add(FloatVector.fromArray(SPECIES, c, cStart + LANES));
            c10 = c10.add(FloatVector.fromArray(SPECIES, c, cStart + cStride));
            c11 = c11.add(FloatVector.fromArray(SPECIES, c, cStart + cStride + LANES));
            c20 = c20.add(FloatVector.fromArray(SPECIES, c, cStart + 2 * cStride));
            c21 = c21.add(FloatVector.fromArray(SPECIES, c, cStart + 2 * cStride + LANES));
            c30 = c30.add(FloatVector.fromArray(SPECIES, c, cStart + 3 * cStride));
            c31 = c31.add(FloatVector.fromArray(SPECIES, c, cStart + 3 * cStride + LANES));
            if (ROWS == 8) {
                c40 = c40.add(FloatVector.fromArray(SPECIES, c, cStart + 4 * cStride));
                c41 = c41.add(FloatVector.fromArray(SPECIES, c, cStart + 4 * cStride + LANES));
                c50 = c50.add(FloatVector.fromArray(SPECIES, c, cStart + 5 * cStride));
                c51 = c51.add(FloatVector.fromArray(SPECIES, c, cStart + 5 * cStride + LANES));
                c60 = c60.add(FloatVector.fromArray(SPECIES, c, cStart + 6 * cStride));
                c61 = c61.add(FloatVector.fromArray(SPECIES, c, cStart + 6 * cStride + LANES));
                c70 = c70.add(FloatVector.fromArray(SPECIES, c, cStart + 7 * cStride));
                c71 = c71.add(FloatVector.fromArray(SPECIES, c, cStart + 7 * cStride + LANES));
            }
        }
        c00.intoArray(c, cStart);
        c01.intoArray(c, cStart + LANES);
        c10.intoArray(c, cStart + cStride);
        c11.intoArray(c, cStart + cStride + LANES);
        c20.intoArray(c, cStart + 2 * cStride);
        c21.intoArray(c, cStart + 2 * cStride + LANES);
        c30.intoArray(c, cStart + 3 * cStride);
        c31.intoArray(c, cStart + 3 * cStride + LANES);
        if (ROWS == 8) {
            c40.intoArray(c, cStart + 4 * cStride);
            c41.intoArray(c, cStart + 4 * cStride + LANES);
            c50.intoArray(c, cStart + 5 * cStride);
            c51.intoArray(c, cStart + 5 * cStride + LANES);
            c60.intoArray(c, cStart + 6 * cStride);
            c61.intoArray(c, cStart + 6 * cStride + LANES);
            c70.intoArray(c, cStart + 7 * cStride);
            c71.intoArray(c, cStart + 7 * cStride + LANES);
        }
    }
}
