package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The contract of sums, maxima and minima along axes, and of the index of the largest. */
public abstract class ReductionContract extends KernelContract {
    private static final long[][] SHAPES = {
        {}, {0}, {1}, {13}, {127}, {4098}, {5, 7}, {3, 0}, {0, 3}, {2, 3, 17}, {300, 3}, {4, 2050}, {2, 5, 4, 3}, {1, 1}, {3, 4098},
        {1000, 0}, {40, 0, 33}, {40, 33, 0, 2}
    };
    /** Such that work is divided into chunks: whole tensors, few results, and results side by side. */
    private static final long[][] LARGE_SHAPES = {{1_000_003}, {3, 200_001}, {40, 9_001}, {5, 100, 1_003}};

    /** For subclasses. */
    protected ReductionContract() {}

    @Test
    void reductionsAreRightForEveryLayoutTypeAndNumberOfAxes() {
        int turn = 0;
        for (long[] shape : SHAPES) {
            for (Layout layout : Layout.values()) {
                for (DType dtype : types()) {
                    for (int kept = 0; kept <= shape.length; kept++) {
                        Tensor x = operand(dtype, layout, turn, shape);
                        assertReductions(x, kept, Layout.OF_RESULTS[turn++ % Layout.OF_RESULTS.length]);
                    }
                }
            }
        }
    }

    @Test
    void largeReductionsAreRightHoweverTheyAreDivided() {
        for (long[] shape : LARGE_SHAPES) {
            for (Layout layout : new Layout[] {Layout.DENSE, Layout.TRANSPOSED}) {
                for (int kept = 0; kept < shape.length; kept++) {
                    assertReductions(operand(DType.F32, layout, 7, shape), kept, Layout.STRIDED);
                }
            }
        }
        assertReductions(operand(DType.BF16, Layout.TRANSPOSED, 8, 33, 20_001), 1, Layout.DENSE);
    }

    private static Tensor operand(DType dtype, Layout layout, long seed, long... shape) {
        var random = new SplittableRandom(seed);
        return HostTensor.of(dtype, layout, _ -> dtype.isFloating() ? random.nextGaussian() : random.nextInt(-100, 100), shape);
    }

    private void assertReductions(Tensor x, int kept, Layout of) {
        long[] keptShape = Arrays.copyOf(x.shape().toArray(), kept);
        double[] values = HostTensor.values(x);
        int results = (int) Shape.of(keptShape).elementCount();
        int terms = results == 0 ? 0 : values.length / results;
        for (Reduction reduction : Reduction.values()) {
            if (terms == 0 && reduction != Reduction.SUM) {
                continue;
            }
            DType type = reduction == Reduction.SUM ? x.dtype().ofSums() : x.dtype();
            Tensor out = HostTensor.result(type, of, keptShape);
            backend().reduce(reduction, x, out);
            double[] actual = HostTensor.values(out);
            String what = "%s of %s %s to %s %s".formatted(reduction, x.dtype(), x.shape(), of, out.shape());
            for (int i = 0; i < results; i++) {
                double[] row = Arrays.copyOfRange(values, i * terms, (i + 1) * terms);
                double exact = switch (reduction) {
                    case SUM -> Arrays.stream(row).sum();
                    case MAXIMUM -> Arrays.stream(row).max().orElseThrow();
                    case MINIMUM -> Arrays.stream(row).min().orElseThrow();
                };
                double expected = HostTensor.rounded(type, exact);
                if (actual[i] != expected) {
                    double size = Arrays.stream(row).map(Math::abs).sum();
                    double last = reduction == Reduction.SUM && x.dtype().isFloating() ? Math.abs(expected) * roundOff(x.dtype()) : 0;
                    double unit = x.dtype() == DType.F64 ? 0x1p-53 : 0x1p-24;
                    double slack = reduction == Reduction.SUM && x.dtype().isFloating() ? terms * unit * size + last : 0;
                    assertThat(Math.abs(actual[i] - exact)).as("%s, result %d", what, i).isLessThanOrEqualTo(slack);
                }
            }
            assertThat(HostTensor.isUntouchedBetween(out)).as("%s writes elements alone", what).isTrue();
        }
    }

    @Test
    void sumsOfIntegersHave64Bits() {
        long[] shape = {3, 4098};
        for (Layout layout : Layout.values()) {
            for (int kept = 0; kept <= 2; kept++) {
                Tensor x = HostTensor.of(DType.I32, layout, i -> (i & 1) == 0 ? Integer.MAX_VALUE : Integer.MAX_VALUE - 1000 * i, shape);
                double[] values = HostTensor.values(x);
                Tensor out = HostTensor.result(DType.I64, Layout.STRIDED, Arrays.copyOf(shape, kept));
                backend().reduce(Reduction.SUM, x, out);
                int terms = values.length / (int) out.elementCount();
                long[] sums = out.toLongArray();
                for (int i = 0; i < sums.length; i++) {
                    long expected = 0;
                    for (int j = 0; j < terms; j++) {
                        expected += (long) values[i * terms + j];
                    }
                    assertThat(sums[i]).as("%s, %d axes kept, result %d", layout, kept, i).isEqualTo(expected);
                }
            }
        }
        Tensor sum = Tensor.of(new long[1]).reshape();
        backend().reduce(Reduction.SUM, Tensor.of(new long[] {Long.MAX_VALUE, 2, -5}), sum);
        assertThat(sum.toLongArray()).as("beyond 64 bits it wraps around").containsExactly(Long.MAX_VALUE - 3);
    }

    private static double roundOff(DType dtype) {
        return dtype == DType.BF16 ? 0x1p-8 : dtype == DType.F16 ? 0x1p-10 : dtype == DType.F64 ? 0x1p-52 : 0x1p-23;
    }

    @Test
    void notANumberReachesEveryReductionFromAnyPlace() {
        for (int width : WIDTHS) {
            for (int at : new int[] {0, width / 2, width - 1}) {
                float[] values = new float[width];
                values[at] = Float.NaN;
                Tensor x = Tensor.of(values);
                for (Reduction reduction : Reduction.values()) {
                    Tensor out = Tensor.zeros();
                    backend().reduce(reduction, x, out);
                    assertThat(out.item()).as("%s of NaN at %d of %d", reduction, at, width).isNaN();
                }
            }
        }
    }

    @Test
    void infinitiesAreTheLargestAndSmallest() {
        Tensor x = Tensor.of(new float[] {-3, Float.POSITIVE_INFINITY, 2, Float.NEGATIVE_INFINITY});
        Tensor out = Tensor.zeros();
        backend().reduce(Reduction.MAXIMUM, x, out);
        assertThat(out.item()).isEqualTo(Float.POSITIVE_INFINITY);
        backend().reduce(Reduction.MINIMUM, x, out);
        assertThat(out.item()).isEqualTo(Float.NEGATIVE_INFINITY);
        backend().reduce(Reduction.SUM, x, out);
        assertThat(out.item()).isNaN();
    }

    @Test
    void argMaxFindsTheLargestForEveryLayoutAndType() {
        for (DType dtype : types()) {
            for (Layout layout : Layout.values()) {
                for (long[] shape : new long[][] {{1}, {13}, {4098}, {5, 127}, {2, 3, 17}, {3, 2050}, {0, 4}}) {
                    Tensor x = operand(dtype, layout, shape.length, shape);
                    long[] kept = Arrays.copyOf(shape, shape.length - 1);
                    Tensor out = HostTensor.result(DType.I64, Layout.STRIDED, kept);
                    backend().argMax(x, out);
                    double[] values = HostTensor.values(x);
                    double[] actual = HostTensor.values(out);
                    int n = (int) shape[shape.length - 1];
                    for (int i = 0; i < actual.length; i++) {
                        int best = 0;
                        for (int j = 1; j < n; j++) {
                            best = values[i * n + j] > values[i * n + best] ? j : best;
                        }
                        assertThat(actual[i]).as("%s %s %s, row %d", dtype, layout, x.shape(), i).isEqualTo(best);
                    }
                }
            }
        }
    }

    @Test
    void argMaxTakesTheFirstOfEqualsAndTheFirstNotANumber() {
        float infinity = Float.POSITIVE_INFINITY;
        float[] values = new float[5 * 3000];
        Arrays.fill(values, 0, 3000, -infinity);
        values[3000 + 2500] = 4;
        values[3000 + 2600] = 4;
        values[6000 + 17] = infinity;
        values[6000 + 2300] = Float.NaN;
        values[6000 + 2301] = Float.NaN;
        values[9000] = -0f;
        values[12000 + 2999] = 1e-45f;
        Tensor out = Tensor.of(new long[5]);
        backend().argMax(Tensor.of(values, 5, 3000), out);
        assertThat(out.toLongArray()).containsExactly(0, 2500, 2300, 0, 2999);
    }
}
