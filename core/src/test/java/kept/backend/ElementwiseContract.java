package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The contract of the functions of single elements, of copies and of fills, over layouts, element types and awkward shapes. */
public abstract class ElementwiseContract extends KernelContract {
    private static final long[][] SHAPES = {{}, {0}, {1}, {13}, {127}, {4098}, {3, 0, 2}, {5, 7}, {2, 3, 17}, {4, 1, 9}, {3, 2050}, {300, 3}};
    private static final double[] SPECIAL = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0.0, -0.0, 1e-40, -1e30, 65504, 0.5, -1};
    private static final Layout[] LAYOUTS = Layout.values();
    /** Large shapes go through a part of the combinations only. */
    private static final long LARGE = 500;

    /** For subclasses. */
    protected ElementwiseContract() {}

    /** Numbers of a type: small integers, or normal numbers with all special ones among them. */
    private static IntToDoubleFunction numbers(DType dtype, long seed) {
        var random = new SplittableRandom(seed);
        if (dtype == DType.BOOL) {
            return _ -> random.nextInt(2);
        }
        if (dtype == DType.U8) {
            return _ -> random.nextInt(1, 20) + (random.nextBoolean() ? 0 : 236);
        }
        if (!dtype.isFloating()) {
            return _ -> random.nextInt(1, 20) * (random.nextBoolean() ? 1 : -1);
        }
        return i -> i % 11 == 3 ? SPECIAL[i / 11 % SPECIAL.length] : 3 * random.nextGaussian();
    }

    private static boolean isLeftOut(long[] shape, int turn) {
        return Shape.of(shape).elementCount() > LARGE && turn % 4 != 0;
    }

    private static void assertExact(String what, Tensor actual, double[] expected) {
        double[] values = HostTensor.values(actual);
        for (int i = 0; i < expected.length; i++) {
            double rounded = HostTensor.rounded(actual.dtype(), expected[i]);
            if (Double.compare(values[i], rounded) != 0) {
                assertThat(values[i]).as("%s, element %d", what, i).isEqualTo(rounded);
            }
        }
        assertThat(HostTensor.isUntouchedBetween(actual)).as("%s writes elements alone", what).isTrue();
    }

    @Test
    void binaryFunctionsAreExactForEveryLayoutAndType() {
        int turn = 0;
        for (Binary f : Binary.values()) {
            for (DType dtype : types()) {
                for (long[] shape : f.takes(dtype) ? SHAPES : new long[0][]) {
                    for (Layout layout : LAYOUTS) {
                        if (isLeftOut(shape, turn++)) {
                            continue;
                        }
                        Layout other = LAYOUTS[(layout.ordinal() * 3 + turn) % LAYOUTS.length];
                        Layout of = Layout.OF_RESULTS[turn % Layout.OF_RESULTS.length];
                        Tensor a = HostTensor.of(dtype, layout, numbers(dtype, turn), shape);
                        Tensor b = HostTensor.of(dtype, other, numbers(dtype, turn + 1), shape);
                        DType mask = turn % 2 == 0 && backend().has(DType.BOOL) ? DType.BOOL : DType.I32;
                        Tensor out = HostTensor.result(f.isComparison() ? mask : dtype, of, shape);
                        backend().binary(f, a, b, out);
                        double[] x = HostTensor.values(a);
                        double[] y = HostTensor.values(b);
                        double[] expected = new double[x.length];
                        for (int i = 0; i < x.length; i++) {
                            double exact = reference(f, x[i], y[i]);
                            expected[i] = out.dtype() == DType.U8 ? (long) exact & 0xff : exact;
                        }
                        assertExact("%s of %s %s and %s to %s %s".formatted(f, dtype, layout, other, of, out.shape()), out, expected);
                    }
                }
            }
        }
    }

    @Test
    void mixedAddsHaveTheBitsOfTheCastAndTheAdd() {
        int turn = 0;
        for (DType dtype : FLOATING) {
            for (long[] shape : SHAPES) {
                for (Layout layout : LAYOUTS) {
                    for (Layout of : Layout.OF_RESULTS) {
                        if (isLeftOut(shape, turn++)) {
                            continue;
                        }
                        Layout other = turn % 3 == 0 ? layout : LAYOUTS[(layout.ordinal() * 3 + turn) % LAYOUTS.length];
                        Tensor a = HostTensor.of(DType.F32, layout, numbers(DType.F32, turn), shape);
                        Tensor b = HostTensor.of(dtype, other, numbers(dtype, turn + 1), shape);
                        double[] x = HostTensor.values(a);
                        double[] y = HostTensor.values(b);
                        Tensor out = HostTensor.result(DType.F32, of, shape);
                        backend().mixedAdd(a, b, out);
                        double[] expected = new double[x.length];
                        for (int i = 0; i < x.length; i++) {
                            expected[i] = x[i] + y[i];
                        }
                        String what = "f32 %s + %s %s to %s %s".formatted(layout, dtype, other, of, out.shape());
                        assertExact(what, out, expected);
                        if (layout == of) {
                            backend().mixedAdd(a, b, a);
                            assertThat(HostTensor.values(a)).as("%s, in place", what).isEqualTo(HostTensor.values(out));
                        }
                    }
                }
            }
        }
    }

    @Test
    void clampsAreExactForEveryLayoutAndType() {
        int turn = 0;
        double inf = Double.POSITIVE_INFINITY;
        double[][] signed = {{-2, 3}, {-inf, 1}, {0, inf}, {-inf, inf}, {1, 1}};
        double[][] unsigned = {{1, inf}, {-inf, 0}, {-inf, inf}, {0, 1}};
        for (DType dtype : types()) {
            for (long[] shape : SHAPES) {
                for (Layout layout : LAYOUTS) {
                    if (isLeftOut(shape, turn++)) {
                        continue;
                    }
                    double[][] ranges = dtype == DType.U8 || dtype == DType.BOOL ? unsigned : signed;
                    double low = ranges[turn % ranges.length][0];
                    double high = ranges[turn % ranges.length][1];
                    Tensor x = HostTensor.of(dtype, layout, numbers(dtype, turn), shape);
                    double[] expected = HostTensor.values(x);
                    for (int i = 0; i < expected.length; i++) {
                        expected[i] = Math.min(Math.max(expected[i], low), high);
                    }
                    Tensor out = HostTensor.result(dtype, Layout.OF_RESULTS[turn % Layout.OF_RESULTS.length], shape);
                    backend().clamp(x, low, high, out);
                    assertExact("clamp of %s %s %s to [%s, %s]".formatted(dtype, layout, out.shape(), low, high), out, expected);
                }
            }
        }
    }

    /** A bound is a number of the operand's type: in BF16, 1 / 3 is 0.333984375. */
    @Test
    void boundsOfClampsAreRoundedToTheOperandsType() {
        for (DType dtype : FLOATING) {
            Tensor x = HostTensor.of(dtype, Layout.DENSE, i -> i - 20, 40);
            double low = HostTensor.rounded(dtype, -1 / 3.0);
            double high = HostTensor.rounded(dtype, 1 / 3.0);
            double[] expected = HostTensor.values(x);
            for (int i = 0; i < expected.length; i++) {
                expected[i] = Math.min(Math.max(expected[i], low), high);
            }
            backend().clamp(x, -1 / 3.0, 1 / 3.0, x);
            assertExact("clamp of %s in place".formatted(dtype), x, expected);
        }
    }

    private static double reference(Binary f, double a, double b) {
        return switch (f) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case DIVIDE -> a / b;
            case MINIMUM -> Math.min(a, b);
            case MAXIMUM -> Math.max(a, b);
            case EQUAL -> a == b ? 1 : 0;
            case NOT_EQUAL -> a != b ? 1 : 0;
            case LESS -> a < b ? 1 : 0;
            case LESS_EQUAL -> a <= b ? 1 : 0;
            case GREATER -> a > b ? 1 : 0;
            case GREATER_EQUAL -> a >= b ? 1 : 0;
        };
    }

    @Test
    void longsAreComputedInAll64Bits() {
        long large = (1L << 60) + 1;
        Tensor a = Tensor.of(new long[] {large, -large, large}, 3);
        Tensor b = Tensor.of(new long[] {1, -large, -3}, 3);
        backend().binary(Binary.SUBTRACT, a, b, a);
        assertThat(a.toLongArray()).containsExactly(large - 1, 0, large + 3);
        Tensor out = Tensor.of(new long[1]);
        backend().reduce(Reduction.SUM, a, TensorMemory.view(out, Shape.of(), new long[0], 0));
        assertThat(out.toLongArray()).containsExactly(2 * large + 2);
    }

    @Test
    void unaryFunctionsAreWithinTwoUnitsInTheLastPlace() {
        int turn = 0;
        for (Unary f : Unary.values()) {
            for (DType dtype : types()) {
                if (!f.takes(dtype)) {
                    continue;
                }
                for (long[] shape : SHAPES) {
                    for (Layout layout : LAYOUTS) {
                        if (isLeftOut(shape, turn++)) {
                            continue;
                        }
                        Tensor x = HostTensor.of(dtype, layout, numbers(dtype, turn), shape);
                        Tensor out = HostTensor.result(dtype, Layout.OF_RESULTS[turn % Layout.OF_RESULTS.length], shape);
                        backend().unary(f, x, out);
                        String what = "%s of %s %s %s".formatted(f, dtype, layout, out.shape());
                        assertClose(what, f, HostTensor.values(x), out);
                        assertThat(HostTensor.isUntouchedBetween(out)).as("%s writes elements alone", what).isTrue();
                    }
                }
            }
        }
    }

    private static void assertClose(String what, Unary f, double[] x, Tensor out) {
        double[] actual = HostTensor.values(out);
        for (int i = 0; i < x.length; i++) {
            double exact = reference(f, x[i]);
            double expected = HostTensor.rounded(out.dtype(), out.dtype() == DType.U8 ? (long) exact & 0xff : exact);
            // GELU by tanh multiplies an argument's relative error by the argument, which is at most some tens where the result is a normal number.
            double units = f == Unary.GELU_TANH ? 256 : 4;
            // GELU multiplies the operand by 1 + erf, which is as exact as a number near 1.
            double cancelled = f == Unary.GELU ? (out.dtype() == DType.F64 ? 0x1p-50 : 0x1p-23) * Math.abs(x[i]) : 0;
            double slack = switch (out.dtype()) {
                case F32 -> units * 0x1p-24 * Math.abs(exact) + 1e-44;
                case BF16 -> 0x1p-8 * 1.01 * Math.abs(exact) + 1e-40;
                case F16 -> 0x1p-11 * 1.01 * Math.abs(exact) + 0x1p-25;
                // Simpson's rule has an error of its own.
                case F64 -> f == Unary.ERF || f == Unary.GELU ? 1e-9 : 4 * units * 0x1p-53 * Math.abs(exact);
                case I32, I64, U8, BOOL -> 0;
            };
            if (Double.compare(actual[i], expected) != 0) {
                assertThat(Math.abs(actual[i] - exact)).as("%s, at %s: %s instead of %s", what, x[i], actual[i], exact)
                        .isLessThanOrEqualTo(slack + cancelled);
            }
        }
    }

    private static double reference(Unary f, double x) {
        return switch (f) {
            case NEGATE -> -x;
            case ABS -> Math.abs(x);
            case EXP -> Math.exp(x);
            case LOG -> Math.log(x);
            case SQRT -> Math.sqrt(x);
            case RSQRT -> 1 / Math.sqrt(x);
            case TANH -> Math.tanh(x);
            case SIGMOID -> 1 / (1 + Math.exp(-x));
            case SILU -> x / (1 + Math.exp(-x));
            case SIN -> StrictMath.sin(x);
            case COS -> StrictMath.cos(x);
            case ERF -> erf(x);
            case FLOOR -> Math.floor(x);
            case CEIL -> Math.ceil(x);
            case ROUND -> Math.rint(x);
            case SIGN -> Double.isNaN(x) ? 0 : Math.signum(x) + 0.0;
            case GELU -> x / 2 * (1 + erf(x / Math.sqrt(2)));
            case GELU_TANH -> x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case RELU -> Math.max(x, 0);
        };
    }

    /** By Simpson's rule, which shares nothing with the series that devices may use. */
    private static double erf(double x) {
        if (!(Math.abs(x) < 6)) {
            return Double.isNaN(x) ? x : Math.signum(x);
        }
        int steps = 400;
        double sum = 0;
        for (int i = 0; i <= steps; i++) {
            double t = x * i / steps;
            sum += Math.exp(-t * t) * (i == 0 || i == steps ? 1 : 2 + i % 2 * 2);
        }
        return sum * x / steps / 3 * 2 / Math.sqrt(Math.PI);
    }

    /** Angles of every magnitude, the hardest ones next to multiples of a quarter turn among them. */
    @Test
    void sinesAndCosinesAreRightForAnglesOfEveryMagnitude() {
        var random = new SplittableRandom(5);
        float[] angles = new float[20_000];
        for (int i = 0; i < angles.length; i++) {
            angles[i] = switch (i % 4) {
                case 0 -> Float.intBitsToFloat(random.nextInt());
                case 1 -> (float) (random.nextInt(100_000) * (Math.PI / 2));
                case 2 -> (float) (random.nextInt() * (Math.PI / 2));
                default -> (float) random.nextDouble(-100, 100);
            };
        }
        // The f32 number that comes nearest to a multiple of pi / 2, and those at the bounds of ways to reduce.
        float[] hard = {0x1.47d0fep34f, 16367173 * 0x1p72f, 0x1p16f, 0x1.000002p16f, 0x1p20f, 0x1p25f, 0x1.fffffep24f, Float.MAX_VALUE, 1e-30f, -0f};
        System.arraycopy(hard, 0, angles, 0, hard.length);
        Tensor x = Tensor.of(angles);
        Tensor out = Tensor.zeros(angles.length);
        for (Unary f : new Unary[] {Unary.SIN, Unary.COS}) {
            backend().unary(f, x, out);
            assertClose(f.label(), f, HostTensor.values(x), out);
        }
    }

    /** The values that PyTorch 2.13 gives: signs of zeros, halves to the even number, a sign of no number. */
    @Test
    void roundingFunctionsOfSpecialNumbers() {
        float[] x = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY,
            0f, -0f, 0.5f, -0.5f, 1.5f, 2.5f, -1.5f, -1e30f, 8388607.5f, 0x1.fffffep-2f};
        float inf = Float.POSITIVE_INFINITY;
        float[][] expected = {
            {Float.NaN, inf, -inf, 0f, -0f, 0f, -1f, 1f, 2f, -2f, -1e30f, 8388607f, 0f},
            {Float.NaN, inf, -inf, 0f, -0f, 1f, -0f, 2f, 3f, -1f, -1e30f, 8388608f, 1f},
            {Float.NaN, inf, -inf, 0f, -0f, 0f, -0f, 2f, 2f, -2f, -1e30f, 8388608f, 0f},
            {0f, 1f, -1f, 0f, 0f, 1f, -1f, 1f, 1f, -1f, -1f, 1f, 1f},
        };
        Unary[] functions = {Unary.FLOOR, Unary.CEIL, Unary.ROUND, Unary.SIGN};
        for (int i = 0; i < functions.length; i++) {
            Tensor out = Tensor.zeros(x.length);
            backend().unary(functions[i], Tensor.of(x), out);
            assertThat(out.toFloatArray()).as(functions[i].label()).isEqualTo(expected[i]);
        }
    }

    @Test
    void whereTakesOneOrTheOtherForEveryLayoutAndType() {
        int turn = 0;
        for (DType dtype : types()) {
            for (long[] shape : SHAPES) {
                for (Layout layout : LAYOUTS) {
                    if (isLeftOut(shape, turn++)) {
                        continue;
                    }
                    DType mask = turn % 2 == 0 && backend().has(DType.BOOL) ? DType.BOOL : DType.I32;
                    Tensor condition = HostTensor.of(mask, LAYOUTS[turn * 5 % LAYOUTS.length], i -> i % 3, shape);
                    Tensor a = HostTensor.of(dtype, layout, numbers(dtype, turn), shape);
                    Tensor b = HostTensor.of(dtype, LAYOUTS[turn * 3 % LAYOUTS.length], numbers(dtype, -turn), shape);
                    Tensor out = HostTensor.result(dtype, Layout.OF_RESULTS[turn % Layout.OF_RESULTS.length], shape);
                    backend().where(condition, a, b, out);
                    double[] expected = HostTensor.values(b);
                    double[] chosen = HostTensor.values(a);
                    double[] holds = HostTensor.values(condition);
                    for (int i = 0; i < expected.length; i++) {
                        expected[i] = holds[i] != 0 ? chosen[i] : expected[i];
                    }
                    assertExact("where, %s %s %s".formatted(dtype, layout, out.shape()), out, expected);
                }
            }
        }
    }

    @Test
    void resultsMayReplaceAnOperand() {
        for (DType dtype : FLOATING) {
            for (Layout layout : Layout.OF_RESULTS) {
                Tensor a = HostTensor.of(dtype, layout, numbers(dtype, 1), 3, 2050);
                Tensor b = HostTensor.of(dtype, Layout.SAME_ROWS, numbers(dtype, 2), 3, 2050);
                double[] expected = HostTensor.values(a);
                double[] y = HostTensor.values(b);
                for (int i = 0; i < expected.length; i++) {
                    expected[i] = HostTensor.rounded(dtype, y[i] - expected[i]);
                }
                backend().binary(Binary.SUBTRACT, b, a, a);
                assertThat(HostTensor.values(a)).as("%s %s", dtype, layout).isEqualTo(expected);
            }
        }
    }

    @Test
    void oneValueServesAllOfALargeTensor() {
        Tensor a = HostTensor.of(DType.F32, Layout.TRANSPOSED, numbers(DType.I32, 1), 20, 4098);
        for (DType dtype : FLOATING) {
            Tensor x = HostTensor.result(dtype, Layout.DENSE, 20, 4098);
            backend().copy(a, x);
            Tensor b = HostTensor.of(dtype, Layout.SCALAR, _ -> 3, 20, 4098);
            Tensor out = HostTensor.result(dtype, Layout.TRANSPOSED, 20, 4098);
            backend().binary(Binary.MULTIPLY, x, b, out);
            double[] expected = HostTensor.values(x);
            for (int i = 0; i < expected.length; i++) {
                expected[i] *= 3;
            }
            assertExact("product with one " + dtype, out, expected);
        }
    }

    /** Rows that cannot be taken together, of more than two runs of the CPU's loops,
            so that a task begins with a short one and goes on with a long. */
    @Test
    void oneValueServesShortRunsAndLongOnes() {
        int width = 2 * 2048 + 1;
        for (DType dtype : FLOATING) {
            Tensor x = HostTensor.of(dtype, Layout.DENSE, i -> i % 97 - 40, 12, width);
            Tensor three = HostTensor.of(dtype, Layout.SCALAR, _ -> 3, 12, width);
            Tensor memory = HostTensor.result(dtype, Layout.DENSE, 12, width + 3);
            Tensor out = TensorMemory.view(memory, x.shape(), memory.strides(), 0);
            backend().binary(Binary.MULTIPLY, x, three, out);
            double[] expected = HostTensor.values(x);
            for (int i = 0; i < expected.length; i++) {
                expected[i] *= 3;
            }
            assertExact("product with one " + dtype, out, expected);
            backend().binary(Binary.SUBTRACT, three, x, out);
            for (int i = 0; i < expected.length; i++) {
                expected[i] = 3 - expected[i] / 3;
            }
            assertExact("difference from one " + dtype, out, expected);
        }
    }

    @Test
    void copiesConvertBetweenAllTypesAndLayouts() {
        int turn = 0;
        for (DType from : types()) {
            for (DType to : types()) {
                for (long[] shape : SHAPES) {
                    for (Layout layout : LAYOUTS) {
                        if (isLeftOut(shape, turn++)) {
                            continue;
                        }
                        Layout of = Layout.OF_RESULTS[turn % Layout.OF_RESULTS.length];
                        Tensor x = HostTensor.of(from, layout, numbers(from, turn), shape);
                        Tensor out = HostTensor.result(to, of, shape);
                        backend().copy(x, out);
                        double[] expected = HostTensor.values(x);
                        if (from == DType.F64) {
                            Arrays.setAll(expected, i -> HostTensor.roundedOnce(to, expected[i]));
                        }
                        if (to == DType.U8 && !from.isFloating()) {
                            Arrays.setAll(expected, i -> (long) expected[i] & 0xff);
                        }
                        assertExact("%s %s to %s %s %s".formatted(from, layout, to, of, out.shape()), out, expected);
                    }
                }
            }
        }
    }

    /** Within, at and beyond the range of each integer type, and no number: each in a vector and in the rest behind vectors. */
    @Test
    void floatsBeyondIntegersBecomeTheNearestAndNotANumberZero() {
        double[] limits = {
            1e20, -1e20, 3e38, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN, 0x1p31, -0x1p31, 0x1.fffffep30, -0x1.000002p31,
            0x1p63, -0x1p63, 0x1.fffffep62, -0x1.000002p63, 0.99, -0.99, -0.0, 65504, 1e10, -1e10
        };
        for (DType from : Arrays.stream(types()).filter(DType::isFloating).toList()) {
            for (Layout layout : new Layout[] {Layout.DENSE, Layout.STRIDED, Layout.TRANSPOSED, Layout.SCALAR}) {
                for (int shift = 0; shift < limits.length; shift++) {
                    int first = shift;
                    Tensor x = HostTensor.of(from, layout, i -> limits[(i + first) % limits.length], 3, 37);
                    double[] values = HostTensor.values(x);
                    int[] ints = Arrays.stream(values).mapToInt(v -> (int) v).toArray();
                    long[] longs = Arrays.stream(values).mapToLong(v -> (long) v).toArray();
                    for (Layout of : Layout.OF_RESULTS) {
                        Tensor narrow = HostTensor.result(DType.I32, of, 3, 37);
                        backend().copy(x, narrow);
                        assertThat(narrow.toLongArray()).as("%s %s to i32 %s", from, layout, of)
                                .isEqualTo(Arrays.stream(ints).asLongStream().toArray());
                        Tensor wide = HostTensor.result(DType.I64, of, 3, 37);
                        backend().copy(x, wide);
                        assertThat(wide.toLongArray()).as("%s %s to i64 %s", from, layout, of).isEqualTo(longs);
                    }
                }
            }
        }
        for (double value : limits) {
            Tensor narrow = Tensor.of(new int[5]);
            backend().fill(narrow, value);
            assertThat(narrow.toLongArray()).as("i32 filled with %s", value).containsOnly((int) value);
            Tensor wide = Tensor.of(new long[5]);
            backend().fill(wide, value);
            assertThat(wide.toLongArray()).as("i64 filled with %s", value).containsOnly((long) value);
        }
    }

    @Test
    void longsBecomeIntsByTheirLowBits() {
        long[] values = {0, -1, 1L << 40 | 7, Integer.MAX_VALUE + 1L, Integer.MIN_VALUE - 1L, Long.MAX_VALUE, Long.MIN_VALUE};
        Tensor out = Tensor.of(new int[values.length]);
        backend().copy(Tensor.of(values), out);
        assertThat(out.toLongArray()).containsExactly(0, -1, 7, Integer.MIN_VALUE, Integer.MAX_VALUE, -1, 0);
    }

    @Test
    void floatsBeyondAShorterTypeAreInfinite() {
        float[] values = {1e20f, -1e20f, 65519, 65520, -65520, 3.4e38f, -3.4e38f, 0x1.fefffep127f, 0x1.ffp127f, Float.NaN, 1e-10f};
        for (int copies = 1; copies <= 5; copies += 4) {
            float[] many = new float[values.length * copies];
            for (int i = 0; i < many.length; i++) {
                many[i] = values[i % values.length];
            }
            float infinity = Float.POSITIVE_INFINITY;
            Tensor half = Tensor.full(0, DType.F16, Shape.of(many.length));
            backend().copy(Tensor.of(many), half);
            assertThat(Arrays.copyOf(half.toFloatArray(), values.length)).containsExactly(
                    infinity, -infinity, 65504, infinity, -infinity, infinity, -infinity, infinity, infinity, Float.NaN, 0);
            Tensor brain = Tensor.full(0, DType.BF16, Shape.of(many.length));
            backend().copy(Tensor.of(many), brain);
            assertThat(Arrays.copyOfRange(brain.toFloatArray(), 5, 10)).containsExactly(
                    infinity, -infinity, 0x1.fep127f, infinity, Float.NaN);
        }
    }

    @Test
    void roundingIsToNearestEvenAndKeepsNotANumber() {
        float[] values = new float[3 * 65536];
        for (int i = 0; i < values.length; i++) {
            // Every bf16, the middle to the next and a little less.
            values[i] = Float.intBitsToFloat((i / 3 << 16) + (i % 3 == 0 ? 0 : i % 3 == 1 ? 0x8000 : 0x7fff));
        }
        Tensor x = Tensor.of(values);
        for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
            Tensor out = HostTensor.result(dtype, Layout.DENSE, values.length);
            backend().copy(x, out);
            assertExact("f32 to " + dtype, out, HostTensor.values(x));
        }
    }

    @Test
    void fillsSetElementsAlone() {
        for (DType dtype : types()) {
            for (long[] shape : SHAPES) {
                for (Layout layout : Layout.OF_RESULTS) {
                    Tensor out = HostTensor.result(dtype, layout, shape);
                    backend().fill(out, 2.71828);
                    double[] expected = new double[(int) out.elementCount()];
                    Arrays.fill(expected, 2.71828);
                    assertExact("fill, %s %s %s".formatted(dtype, layout, out.shape()), out, expected);
                }
            }
        }
    }
}
