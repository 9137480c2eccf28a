package kept.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sine and cosine on vectors of f32, with the properties of {@link VectorMath}: fixed sequences of correctly rounded operations, errors below 2 units
 * in the last place. With n the whole number nearest to {@code 2 x / pi}, three fused operations compute {@code r = x - n pi / 2}, and the result is
 * {@code sin r} or {@code cos r} with a sign. The few vectors with an element beyond {@link #REDUCED} go to {@link StrictMath}.
 */
final class Trigonometry {
    /** The largest x for which three parts of pi / 2 give an accurate r. */
    private static final float REDUCED = 0x1p16f;

    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;

    private static final float TWO_OVER_PI = 0.636619772f;
    /** pi / 2 is the sum of these three. */
    private static final float HALF_PI_1 = 0x1.921fb6p+0f;
    private static final float HALF_PI_2 = -0x1.777a5cp-25f;
    private static final float HALF_PI_3 = -0x1.ee59dap-50f;

    private static final float SIN_3 = -1.666666716e-01f;
    private static final float SIN_5 = 8.333380334e-03f;
    private static final float SIN_7 = -1.985348354e-04f;
    private static final float SIN_9 = 2.836952717e-06f;
    private static final float COS_4 = 4.166664556e-02f;
    private static final float COS_6 = -1.388730132e-03f;
    private static final float COS_8 = 2.443066114e-05f;

    private Trigonometry() {}

    /**
     * The sine.
     *
     * @param x the angles, in radians
     * @return sin x by lane; NaN for infinities
     */
    static FloatVector sin(FloatVector x) {
        FloatVector y = quarterTurns(x, 0);
        // Below this sin x rounds to x, and -0 keeps its sign.
        y = y.blend(x, x.abs().compare(VectorOperators.LT, 0x1p-13f));
        VectorMask<Float> large = x.abs().compare(VectorOperators.GT, REDUCED);
        return large.anyTrue() ? oneByOne(x, y, false) : y;
    }

    /**
     * The cosine.
     *
     * @param x the angles, in radians
     * @return cos x by lane; NaN for infinities
     */
    static FloatVector cos(FloatVector x) {
        FloatVector y = quarterTurns(x, 1);
        VectorMask<Float> large = x.abs().compare(VectorOperators.GT, REDUCED);
        return large.anyTrue() ? oneByOne(x, y, true) : y;
    }

    /** The sine of x plus some quarters of a turn. */
    private static FloatVector quarterTurns(FloatVector x, int more) {
        FloatVector rounder = FloatVector.broadcast(SPECIES, VectorMath.ROUNDER);
        FloatVector rounded = x.fma(FloatVector.broadcast(SPECIES, TWO_OVER_PI), rounder);
        FloatVector n = rounded.sub(rounder);
        FloatVector r = n.fma(FloatVector.broadcast(SPECIES, -HALF_PI_1), x);
        r = n.fma(FloatVector.broadcast(SPECIES, -HALF_PI_2), r);
        r = n.fma(FloatVector.broadcast(SPECIES, -HALF_PI_3), r);
        FloatVector square = r.mul(r);
        FloatVector sine = polynomial(square, SIN_9, SIN_7, SIN_5, SIN_3).fma(square.mul(r), r);
        FloatVector cosine = polynomial(square, COS_8, COS_6, COS_4, -0.5f).fma(square, FloatVector.broadcast(SPECIES, 1f));
        // The last two bits of n are the quarter.
        IntVector quarter = rounded.reinterpretAsInts().add(more);
        VectorMask<Float> odd = quarter.and(1).compare(VectorOperators.NE, 0).cast(SPECIES);
        IntVector sign = quarter.and(2).lanewise(VectorOperators.LSHL, 30);
        return sine.blend(cosine, odd).reinterpretAsInts().lanewise(VectorOperators.XOR, sign).reinterpretAsFloats();
    }

    private static FloatVector polynomial(FloatVector x, float a, float b, float c, float d) {
        FloatVector p = FloatVector.broadcast(SPECIES, a).fma(x, FloatVector.broadcast(SPECIES, b));
        return p.fma(x, FloatVector.broadcast(SPECIES, c)).fma(x, FloatVector.broadcast(SPECIES, d));
    }

    private static FloatVector oneByOne(FloatVector x, FloatVector y, boolean cosine) {
        float[] angles = x.toArray();
        float[] values = y.toArray();
        for (int i = 0; i < angles.length; i++) {
            if (Math.abs(angles[i]) > REDUCED) {
                values[i] = (float) (cosine ? StrictMath.cos(angles[i]) : StrictMath.sin(angles[i]));
            }
        }
        return FloatVector.fromArray(SPECIES, values, 0);
    }
}
