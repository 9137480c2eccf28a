package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class VectorMathTest {
    private static final int LANES = VectorMath.LANES;
    private static final float[] SPECIAL = {0f, -0f, 1f, -1f, Float.MIN_VALUE, -Float.MIN_VALUE, Float.MIN_NORMAL, -Float.MIN_NORMAL, Float.MAX_VALUE,
        -Float.MAX_VALUE, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN, 88.722839f, 88.72284f, 89f, 90f, -87.33655f, -87.4f, -103.97f,
        -103.98f, -104f, -105f, 0.625f, 0.62499994f, 1e-20f, 3.9999998f, 4f, 4.1f, 0.6666667f, 1.3333334f, 1.3333333f, 1e-39f};

    /** A scalar function of f32. */
    private interface Scalar {
        float apply(float x);
    }

    @Test
    void exponentialIsWithinTwoUnitsInTheLastPlace() {
        check(-110, 95, VectorMath::exp, VectorMath::exp, StrictMath::exp, 1.5);
        check(-1e-3, 1e-3, VectorMath::exp, VectorMath::exp, StrictMath::exp, 1.5);
        assertThat(VectorMath.exp(Float.NEGATIVE_INFINITY)).isZero();
        assertThat(VectorMath.exp(Float.POSITIVE_INFINITY)).isInfinite();
        assertThat(VectorMath.exp(0f)).isEqualTo(1f);
    }

    @Test
    void expNonPositiveHasTheBitsOfTheExponentialUpToZeroAndIsZeroBelowTheNormalNumbers() {
        float[] lanes = new float[VectorMath.LANES];
        for (int block = 0; block < 20_000; block++) {
            for (int i = 0; i < lanes.length; i++) {
                lanes[i] = -90f * (block * lanes.length + i) / (20_000f * lanes.length);
            }
            float[] actual = VectorMath.expNonPositive(FloatVector.fromArray(VectorMath.SPECIES, lanes, 0)).toArray();
            for (int i = 0; i < lanes.length; i++) {
                float expected = lanes[i] < -87f ? 0f : VectorMath.exp(lanes[i]);
                assertThat(actual[i]).as("e^%s", lanes[i]).isEqualTo(expected).isEqualTo(VectorMath.expNonPositive(lanes[i]));
            }
        }
        for (float x : new float[] {-88f, -1e9f, -Float.MAX_VALUE, Float.NEGATIVE_INFINITY}) {
            assertThat(VectorMath.expNonPositive(FloatVector.broadcast(VectorMath.SPECIES, x)).lane(0)).isZero();
            assertThat(VectorMath.expNonPositive(x)).isZero();
        }
        float noNumber = Float.intBitsToFloat(0xffc00001);
        assertThat(VectorMath.expNonPositive(FloatVector.broadcast(VectorMath.SPECIES, noNumber)).lane(0)).isNaN();
        assertThat(VectorMath.expNonPositive(noNumber)).isNaN();
    }

    @Test
    void logarithmIsWithinTwoUnitsInTheLastPlace() {
        check(0, 4, VectorMath::log, VectorMath::log, StrictMath::log, 2);
        check(0, 1e-37, VectorMath::log, VectorMath::log, StrictMath::log, 2);
        check(0, 3.4e38, VectorMath::log, VectorMath::log, StrictMath::log, 2);
        assertThat(VectorMath.log(0f)).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(VectorMath.log(-1f)).isNaN();
        assertThat(VectorMath.log(1f)).isZero();
    }

    @Test
    void hyperbolicTangentIsWithinTwoUnitsInTheLastPlace() {
        check(-12, 12, VectorMath::tanh, VectorMath::tanh, StrictMath::tanh, 2);
        check(-0.7, 0.7, VectorMath::tanh, VectorMath::tanh, StrictMath::tanh, 2);
        assertThat(VectorMath.tanh(Float.POSITIVE_INFINITY)).isEqualTo(1f);
        assertThat(VectorMath.tanh(Float.NEGATIVE_INFINITY)).isEqualTo(-1f);
    }

    @Test
    void logisticFunctionIsWithinThreeUnitsInTheLastPlaceOnBothSides() {
        DoubleUnaryOperator reference = x -> 1 / (1 + StrictMath.exp(-x));
        check(-104, 40, VectorMath::sigmoid, VectorMath::sigmoid, reference, 3);
        check(-1, 1, VectorMath::sigmoid, VectorMath::sigmoid, reference, 3);
        assertThat(VectorMath.sigmoid(Float.POSITIVE_INFINITY)).isEqualTo(1f);
        assertThat(VectorMath.sigmoid(Float.NEGATIVE_INFINITY)).isZero();
    }

    @Test
    void errorFunctionIsWithinTwoUnitsInTheLastPlace() {
        check(-4.5, 4.5, VectorMath::erf, VectorMath::erf, VectorMathTest::erf, 2);
        check(-1e-3, 1e-3, VectorMath::erf, VectorMath::erf, VectorMathTest::erf, 2);
        assertThat(VectorMath.erf(Float.NEGATIVE_INFINITY)).isEqualTo(-1f);
    }

    @Test
    void sumAddsLanesAsATreeOfHalves() {
        float[] lanes = new float[LANES];
        for (int i = 0; i < LANES; i++) {
            lanes[i] = (float) StrictMath.exp(20 * StrictMath.sin(i + 1));
        }
        float[] tree = lanes.clone();
        for (int n = LANES / 2; n > 0; n /= 2) {
            for (int i = 0; i < n; i++) {
                tree[i] += tree[i + n];
            }
        }
        FloatVector v = FloatVector.fromArray(VectorMath.SPECIES, lanes, 0);
        assertThat(VectorMath.sum(v)).isEqualTo(tree[0]);
        assertThat(VectorMath.max(v)).isEqualTo(max(lanes));
    }

    private static float max(float[] values) {
        float max = values[0];
        for (float value : values) {
            max = Math.max(max, value);
        }
        return max;
    }

    /** Compares vector, scalar twin and reference over a range and the special values; bits of the first two must agree. */
    private static void check(double low, double high, UnaryOperator<FloatVector> vector, Scalar scalar, DoubleUnaryOperator reference, double ulps) {
        int count = 200_000 / LANES * LANES;
        float[] x = new float[count];
        for (int i = 0; i < count; i++) {
            x[i] = i < SPECIAL.length ? SPECIAL[i] : (float) (low + (high - low) * i / (count - 1));
        }
        float[] y = new float[count];
        for (int i = 0; i < count; i += LANES) {
            vector.apply(FloatVector.fromArray(VectorMath.SPECIES, x, i)).intoArray(y, i);
        }
        double worst = 0;
        float at = 0;
        for (int i = 0; i < count; i++) {
            assertThat(Float.floatToIntBits(y[i])).as("bits at %s: %s and %s", x[i], y[i], scalar.apply(x[i]))
                .isEqualTo(Float.floatToIntBits(scalar.apply(x[i])));
            double expected = reference.applyAsDouble(x[i]);
            double error = Float.compare((float) expected, y[i]) == 0 ? 0 : Math.abs(y[i] - expected) / Math.ulp((float) expected);
            if (!(error <= worst)) {
                worst = error;
                at = x[i];
            }
        }
        assertThat(worst).as("units in the last place, at %s", at).isLessThanOrEqualTo(ulps);
    }

    /** The error function by its series near zero and its continued fraction elsewhere, in float64. */
    private static double erf(double x) {
        double a = Math.abs(x);
        if (Double.isNaN(x) || a > 6) {
            return Math.signum(x);
        }
        if (a < 2.5) {
            double term = x;
            double sum = x;
            for (int n = 1; n < 80; n++) {
                term *= -x * x / n;
                sum += term / (2 * n + 1);
            }
            return x == 0 ? x : sum * 2 / StrictMath.sqrt(StrictMath.PI);
        }
        double fraction = a;
        for (int n = 120; n > 0; n--) {
            fraction = a + n / 2.0 / fraction;
        }
        return Math.signum(x) * (1 - StrictMath.exp(-a * a) / fraction / StrictMath.sqrt(StrictMath.PI));
    }
}
