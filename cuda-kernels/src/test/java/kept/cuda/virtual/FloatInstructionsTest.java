package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import kept.cuda.virtual.ExactRounding.Format;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FloatInstructionsTest {
    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;
    private static final MathContext DIGITS = new MathContext(60);

    /** Returns edge cases and random numbers of the whole range, some close to each other. */
    private static float[] numbers(long seed, int count) {
        var random = new Random(seed);
        var values = new float[count];
        float[] edges = {1, -1, Float.MIN_VALUE, -Float.MIN_VALUE, Float.MIN_NORMAL, Float.MAX_VALUE, -Float.MAX_VALUE, 1 + 0x1p-23f, 0x1p-24f, 3};
        for (int i = 0; i < count; i++) {
            values[i] = i < edges.length ? edges[i] : (float) (random.nextGaussian() * Math.pow(2, random.nextInt(60) - 30));
            if (i % 7 == 6) {
                values[i] = Float.intBitsToFloat(random.nextInt() & 0x807fffff | random.nextInt(255) << 23);
            }
        }
        return values;
    }

    @ParameterizedTest
    @ValueSource(strings = {"rn", "rz", "rm", "rp"})
    void sumsProductsAndFusedOnesAreRoundedOnce(String rounding) {
        RoundingMode mode = ExactRounding.mode(rounding);
        float[] a = numbers(1, 500);
        float[] b = numbers(2, 500);
        float[] c = numbers(3, 500);
        for (int i = 0; i < 40; i++) {
            // A sum that nearly cancels reveals a product that was rounded before the addition.
            c[10 * i + 3] = -a[10 * i + 3] * b[10 * i + 3];
        }
        long[] sums = Snippet.run("add." + rounding + ".f32", "FFF", Snippet.floats(a), Snippet.floats(b));
        long[] differences = Snippet.run("sub." + rounding + ".f32", "FFF", Snippet.floats(a), Snippet.floats(b));
        long[] products = Snippet.run("mul." + rounding + ".f32", "FFF", Snippet.floats(a), Snippet.floats(b));
        long[] fused = Snippet.run("fma." + rounding + ".f32", "FFFF", Snippet.floats(a), Snippet.floats(b), Snippet.floats(c));
        for (int i = 0; i < a.length; i++) {
            BigDecimal x = new BigDecimal(a[i]);
            BigDecimal y = new BigDecimal(b[i]);
            same(sums[i], x.add(y), mode);
            same(differences[i], x.subtract(y), mode);
            same(products[i], x.multiply(y), mode);
            if (Float.isFinite(c[i])) {
                same(fused[i], x.multiply(y).add(new BigDecimal(c[i])), mode);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rn", "rz", "rm", "rp"})
    void quotientsAndRootsAreRoundedOnce(String rounding) {
        RoundingMode mode = ExactRounding.mode(rounding);
        float[] a = numbers(4, 500);
        float[] b = numbers(5, 500);
        long[] quotients = Snippet.run("div." + rounding + ".f32", "FFF", Snippet.floats(a), Snippet.floats(b));
        long[] reciprocals = Snippet.run("rcp." + rounding + ".f32", "FF", Snippet.floats(b));
        long[] roots = Snippet.run("sqrt." + rounding + ".f32", "FF", Snippet.floats(absolute(a)));
        for (int i = 0; i < a.length; i++) {
            if (b[i] != 0) {
                same(quotients[i], new BigDecimal(a[i]).divide(new BigDecimal(b[i]), DIGITS), mode);
                same(reciprocals[i], BigDecimal.ONE.divide(new BigDecimal(b[i]), DIGITS), mode);
            }
            same(roots[i], new BigDecimal(absolute(a)[i]).sqrt(DIGITS), mode);
        }
    }

    private static float[] absolute(float[] values) {
        float[] absolute = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            absolute[i] = Math.abs(values[i]);
        }
        return absolute;
    }

    private static void same(long bits, BigDecimal exact, RoundingMode mode) {
        float expected = (float) Format.F32.round(exact, mode);
        float actual = Float.intBitsToFloat((int) bits);
        if (exact.signum() == 0) {
            assertThat(actual).isZero();
        } else {
            assertThat(actual).describedAs("%s by %s", exact, mode).isEqualTo(expected);
        }
    }

    @Test
    void nansHaveTheBitsOfTheDevice() {
        long nan = 0x7fffffffL;
        assertThat(Snippet.one("add.f32", "FFF", Snippet.floats(INFINITY, -INFINITY))).isEqualTo(nan);
        assertThat(Snippet.one("mul.f32", "FFF", 0xffc00001L, 0)).isEqualTo(nan);
        assertThat(Snippet.one("fma.rn.f32", "FFFF", Snippet.floats(0, INFINITY, 1))).isEqualTo(nan);
        assertThat(Snippet.one("sqrt.rn.f32", "FF", Snippet.floats(-1))).isEqualTo(nan);
        assertThat(Snippet.one("min.f32", "FFF", Snippet.floats(NAN, NAN))).isEqualTo(nan);
    }

    @Test
    void zerosKeepTheirSign() {
        long minusZero = 0x80000000L;
        assertThat(Snippet.one("add.f32", "FFF", minusZero, minusZero)).isEqualTo(minusZero);
        assertThat(Snippet.one("add.f32", "FFF", Snippet.floats(1, -1))).isZero();
        assertThat(Snippet.one("add.rm.f32", "FFF", Snippet.floats(1, -1))).isEqualTo(minusZero);
        assertThat(Snippet.one("fma.rm.f32", "FFFF", Snippet.floats(1, 1, -1))).isEqualTo(minusZero);
        assertThat(Snippet.one("min.f32", "FFF", 0, minusZero)).isEqualTo(minusZero);
        assertThat(Snippet.one("max.f32", "FFF", minusZero, 0)).isZero();
        assertThat(Snippet.one("neg.f32", "FF", 0)).isEqualTo(minusZero);
    }

    @Test
    void minimumAndMaximumIgnoreNanUnlessTheyPropagateIt() {
        assertThat(Snippet.one("min.f32", "FFF", Snippet.floats(NAN, 3))).isEqualTo(Snippet.floats(3)[0]);
        assertThat(Snippet.one("max.f32", "FFF", Snippet.floats(3, NAN))).isEqualTo(Snippet.floats(3)[0]);
        assertThat(Snippet.one("max.NaN.f32", "FFF", Snippet.floats(3, NAN))).isEqualTo(0x7fffffffL);
    }

    @Test
    void ftzFlushesSubnormalOperandsAndResults() {
        float small = Float.MIN_NORMAL / 2;
        assertThat(Snippet.one("add.f32", "FFF", Snippet.floats(small, small))).isEqualTo(Snippet.floats(Float.MIN_NORMAL)[0]);
        assertThat(Snippet.one("add.ftz.f32", "FFF", Snippet.floats(small, small))).isZero();
        assertThat(Snippet.one("mul.ftz.f32", "FFF", Snippet.floats(-Float.MIN_NORMAL, 0.5f))).isEqualTo(0x80000000L);
        assertThat(Snippet.one("ex2.approx.ftz.f32", "FF", Snippet.floats(-130))).isZero();
        assertThat(Snippet.one("ex2.approx.f32", "FF", Snippet.floats(-130))).isEqualTo(Snippet.floats(0x1p-130f)[0]);
    }

    @Test
    void satClampsToZeroAndOne() {
        assertThat(Snippet.run("add.sat.f32", "FFF", Snippet.floats(1, -3, NAN, 0.25f), Snippet.floats(1, 1, 1, 0.5f)))
                .containsExactly(Snippet.floats(1, 0, 0, 0.75f));
    }

    @Test
    void approximationsAreAccurateToAFewUlpAndExactAtTheEdges() {
        var values = new ArrayList<Float>();
        for (float x : numbers(6, 300)) {
            values.add(x);
        }
        float[] a = new float[values.size()];
        for (int i = 0; i < a.length; i++) {
            a[i] = values.get(i);
        }
        near("rsqrt.approx.f32", absolute(a), x -> 1 / Math.sqrt(x));
        near("rcp.approx.f32", a, x -> 1 / x);
        near("lg2.approx.f32", absolute(a), x -> Math.log(x) / Math.log(2));
        near("tanh.approx.f32", a, Math::tanh);
        near("ex2.approx.f32", new float[] {0, 1, -1, 10, 0.5f, -0.25f, 127, -126, 3.7f, -77.3f}, x -> Math.pow(2, x));
        assertThat(Snippet.run("ex2.approx.f32", "FF", Snippet.floats(-INFINITY, INFINITY, 128, 3)))
                .containsExactly(Snippet.floats(0, INFINITY, INFINITY, 8));
        assertThat(Snippet.run("lg2.approx.f32", "FF", Snippet.floats(0, INFINITY, 8))).containsExactly(Snippet.floats(-INFINITY, INFINITY, 3));
        assertThat(Snippet.run("rsqrt.approx.f32", "FF", Snippet.floats(0, INFINITY, 4))).containsExactly(Snippet.floats(INFINITY, 0, 0.5f));
        assertThat(Snippet.run("rcp.approx.f32", "FF", Snippet.floats(0, -INFINITY))).containsExactly(Snippet.floats(INFINITY, -0f));
    }

    /** As the PTX manual says of div.approx: the reciprocal of such a divisor is below the least normal number. */
    @Test
    void anApproximateQuotientByADivisorAbove2To126IsZero() {
        float[] a = {3, -3, 0, 3, 3, 3, 3, 0x1p-20f};
        float[] b = {0x1.8p126f, 0x1.8p126f, 0x1p127f, -0x1p127f, INFINITY, 0x1p126f, -0x1p-3f, Float.MAX_VALUE};
        for (String opcode : new String[] {"div.approx.f32", "div.approx.ftz.f32"}) {
            assertThat(Snippet.run(opcode, "FFF", Snippet.floats(a), Snippet.floats(b))).as(opcode)
                    .containsExactly(Snippet.floats(0, -0f, 0, -0f, 0, 3 * 0x1p-126f, -24, 0));
        }
        long[] operands = Snippet.floats(INFINITY, 0x1p127f);
        assertThat(Float.intBitsToFloat((int) Snippet.one("div.approx.f32", "FFF", operands))).isNaN();
        assertThat(Snippet.one("div.full.f32", "FFF", Snippet.floats(3)[0], Snippet.floats(0x1.8p126f)[0])).isEqualTo(Snippet.floats(0x1p-125f)[0]);
    }

    private static void near(String opcode, float[] values, DoubleUnaryOperator reference) {
        long[] results = Snippet.run(opcode, "FF", Snippet.floats(values));
        for (int i = 0; i < values.length; i++) {
            float expected = (float) reference.applyAsDouble(values[i]);
            float actual = Float.intBitsToFloat((int) results[i]);
            if (Float.isFinite(expected)) {
                assertThat((double) actual).describedAs("%s of %s", opcode, values[i])
                        .isBetween((double) expected - 2 * Math.ulp(expected), (double) expected + 2 * Math.ulp(expected));
            } else {
                assertThat(actual).isEqualTo(expected);
            }
        }
    }

    @Test
    void comparisonsDistinguishOrderedAndUnordered() {
        long[] a = Snippet.floats(1, 2, NAN, 0);
        long[] b = Snippet.floats(2, 2, 2, -0f);
        assertThat(Snippet.run("setp.lt.f32", "PFF", a, b)).containsExactly(1, 0, 0, 0);
        assertThat(Snippet.run("setp.ltu.f32", "PFF", a, b)).containsExactly(1, 0, 1, 0);
        assertThat(Snippet.run("setp.leu.f32", "PFF", a, b)).containsExactly(1, 1, 1, 1);
        assertThat(Snippet.run("setp.eq.f32", "PFF", a, b)).containsExactly(0, 1, 0, 1);
        assertThat(Snippet.run("setp.equ.f32", "PFF", a, b)).containsExactly(0, 1, 1, 1);
        assertThat(Snippet.run("setp.ne.f32", "PFF", a, b)).containsExactly(1, 0, 0, 0);
        assertThat(Snippet.run("setp.neu.f32", "PFF", a, b)).containsExactly(1, 0, 1, 0);
        assertThat(Snippet.run("setp.nan.f32", "PFF", a, b)).containsExactly(0, 0, 1, 0);
        assertThat(Snippet.run("setp.num.f32", "PFF", a, b)).containsExactly(1, 1, 0, 1);
        assertThat(Snippet.run("setp.gtu.f64", "PDD", new long[] {Double.doubleToRawLongBits(Double.NaN)}, new long[] {0})).containsExactly(1);
        assertThat(Snippet.run("testp.finite.f32", "PF", Snippet.floats(1, INFINITY, NAN))).containsExactly(1, 0, 0);
        assertThat(Snippet.run("testp.subnormal.f32", "PF", Snippet.floats(Float.MIN_VALUE, 0, 1))).containsExactly(1, 0, 0);
    }

    @Test
    void signsAreCopied() {
        assertThat(Snippet.run("copysign.f32", "FFF", Snippet.floats(-1, 1), Snippet.floats(3, -4))).containsExactly(Snippet.floats(-3, 4));
        assertThat(Snippet.run("abs.f32", "FF", Snippet.floats(-1, -0f))).containsExactly(Snippet.floats(1, 0));
    }

    @Test
    void doublesEqualJavas() {
        double a = 1 + 0x1p-52;
        double b = 1 - 0x1p-53;
        long[] x = {Double.doubleToRawLongBits(a)};
        long[] y = {Double.doubleToRawLongBits(b)};
        long[] minusOne = {Double.doubleToRawLongBits(-1.0)};
        assertThat(Double.longBitsToDouble(Snippet.run("fma.rn.f64", "DDDD", x, y, minusOne)[0]))
                .isEqualTo(new BigDecimal(a).multiply(new BigDecimal(b)).subtract(BigDecimal.ONE).doubleValue());
        assertThat(Double.longBitsToDouble(Snippet.run("div.rn.f64", "DDD", x, y)[0])).isEqualTo(a / b);
        assertThat(Double.longBitsToDouble(Snippet.run("sqrt.rn.f64", "DD", x)[0])).isEqualTo(Math.sqrt(a));
    }
}
