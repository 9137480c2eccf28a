package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** What contract tests share: a scope on the device under test, random operands, and the measures of closeness. */
public abstract class KernelContract {
    /** Widths at and around the lanes of vectors, the block of passes, and beyond. */
    protected static final int[] WIDTHS = {1, 2, 13, 16, 64, 127, 1024, 4098};
    /** The element types that floating operands may have. */
    protected static final DType[] FLOATING = {DType.F32, DType.BF16, DType.F16};

    private Scope scope;

    /** For subclasses. */
    protected KernelContract() {}

    /**
     * The device under test.
     *
     * @return the device
     */
    protected abstract Device device();

    /**
     * Whether kernels run so slowly that the largest operands are left to the thorough form of the tests.
     *
     * @return false, except where kernels are interpreted, or composed of others
     */
    protected boolean isSlow() {
        return false;
    }

    /** Before each test. */
    @BeforeEach
    void openScope() {
        scope = Scope.open(device());
    }

    /** After each test. */
    @AfterEach
    void closeScope() {
        scope.close();
    }

    /**
     * The kernels under test.
     *
     * @return the device's backend
     */
    protected final Backend backend() {
        return device().backend();
    }

    /**
     * The types that the device has.
     *
     * @return those of {@link DType} that tensors there may have
     */
    protected final DType[] types() {
        return Arrays.stream(DType.values()).filter(backend()::has).toArray(DType[]::new);
    }

    /**
     * A tensor of normally distributed numbers.
     *
     * @param dtype the element type
     * @param seed its own for every operand
     * @param scale the standard deviation
     * @param dimensions the shape
     * @return the tensor
     */
    protected static Tensor normal(DType dtype, long seed, double scale, long... dimensions) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[Math.toIntExact(Shape.of(dimensions).elementCount())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return of(dtype, values, dimensions);
    }

    /**
     * A tensor of given numbers.
     *
     * @param dtype the element type
     * @param values rounded to it
     * @param dimensions the shape
     * @return the tensor
     */
    protected static Tensor of(DType dtype, float[] values, long... dimensions) {
        Tensor f32 = Tensor.of(values, dimensions);
        return dtype == DType.F32 ? f32 : Tensor.empty(dtype, Shape.of(dimensions)).assign(f32);
    }

    /**
     * A tensor for results, filled with what no kernel should leave behind.
     *
     * @param dtype the element type
     * @param dimensions the shape
     * @return the tensor
     */
    protected static Tensor out(DType dtype, long... dimensions) {
        return Tensor.full(-777, dtype, Shape.of(dimensions));
    }

    /**
     * The elements as doubles.
     *
     * @param tensor any tensor
     * @return its values, exactly
     */
    protected static double[] values(Tensor tensor) {
        float[] values = tensor.toFloatArray();
        double[] out = new double[values.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = values[i];
        }
        return out;
    }

    /**
     * Asserts that the largest error is at most twice that of the plain computation in the same dtype, or what a sum of f32 may lose in any order:
     * {@code n 2^-24 sum |terms|}. One plain run may be lucky, and the order of a kernel's sums depends on the width of its vectors.
     *
     * @param what named in the message
     * @param actual the kernel's result
     * @param exact the float64 reference
     * @param plain the plain f32 computation, to be rounded to the result's dtype
     * @param terms how many terms the longest sum has
     * @param size the largest sum of the terms' magnitudes, in the result's units
     */
    protected static void assertAsGoodAsPlain(String what, Tensor actual, double[] exact, double[] plain, int terms, double size) {
        float[] plainValues = new float[plain.length];
        for (int i = 0; i < plain.length; i++) {
            plainValues[i] = (float) plain[i];
        }
        double plainError = error(values(of(actual.dtype(), plainValues, actual.shape().toArray())), exact);
        double allowed = 2 * plainError + 1e-7 * largest(exact) + (terms + 2) * 0x1p-24 * size + 1e-37;
        assertThat(allowed).as("%s: the references are finite", what).isFinite();
        assertThat(error(values(actual), exact)).as("%s, %s %s", what, actual.dtype(), actual.shape()).isLessThanOrEqualTo(allowed);
    }

    /**
     * The largest magnitude.
     *
     * @param values any numbers
     * @return the largest of their absolute values
     */
    protected static double largest(double... values) {
        double largest = 0;
        for (double value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    private static double error(double[] actual, double[] exact) {
        double error = 0;
        for (int i = 0; i < exact.length; i++) {
            double difference = Math.abs(actual[i] - exact[i]);
            error = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(error, difference);
        }
        return error;
    }

    /**
     * Asserts that a gradient is that of a function, by central differences in float64, at up to 24 elements spread over the operand.
     *
     * @param what named in the message
     * @param gradient the kernel's
     * @param at where it was taken
     * @param function the float64 reference
     */
    protected static void assertGradient(String what, Tensor gradient, double[] at, ToDoubleFunction<double[]> function) {
        double[] actual = values(gradient);
        int step = Math.max(1, at.length / 24);
        double largest = 0;
        for (double value : actual) {
            largest = Math.max(largest, Math.abs(value));
        }
        for (int i = 0; i < at.length; i += step) {
            double[] moved = at.clone();
            double h = 1e-5 * Math.max(1, Math.abs(at[i]));
            moved[i] = at[i] + h;
            double above = function.applyAsDouble(moved);
            moved[i] = at[i] - h;
            double below = function.applyAsDouble(moved);
            assertThat(Math.abs(actual[i] - (above - below) / (2 * h))).as("%s, element %d of %s", what, i, gradient.shape())
                    .isLessThanOrEqualTo(1e-5 * largest + 1e-8 * Math.max(Math.abs(above), 1));
        }
    }

    /**
     * The sum of products.
     *
     * @param a one operand
     * @param b the other
     * @return their inner product
     */
    protected static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
