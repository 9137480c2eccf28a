package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The contract of batched matrix products: shapes, broadcasting, strides, types and accumulation. */
public abstract class MatmulContract extends KernelContract {
    /** a, b and the result. */
    private static final long[][][] SHAPES = {
        {{1, 1}, {1, 1}, {1, 1}}, {{13, 7}, {7, 5}, {13, 5}}, {{127, 65}, {65, 33}, {127, 33}}, {{0, 3}, {3, 4}, {0, 4}}, {{3, 0}, {0, 4}, {3, 4}},
        {{2, 3, 5, 7}, {7, 4}, {2, 3, 5, 4}}, {{2, 3, 5, 7}, {2, 3, 7, 4}, {2, 3, 5, 4}}, {{5, 7}, {4, 7, 3}, {4, 5, 3}},
        {{2, 1, 5, 7}, {3, 7, 4}, {2, 3, 5, 4}}, {{3, 1, 9}, {3, 9, 130}, {3, 1, 130}}, {{4, 20, 9}, {9, 1}, {4, 20, 1}},
        {{2, 0, 5}, {5, 3}, {2, 0, 3}}, {{1, 300}, {300, 200}, {1, 200}},
    };

    /** For subclasses. */
    protected MatmulContract() {}

    private static Tensor operand(DType dtype, Layout layout, long seed, long... shape) {
        var random = new SplittableRandom(seed);
        return HostTensor.of(dtype, layout, _ -> random.nextGaussian(), shape);
    }

    @Test
    void productsAreRightForEveryShapeLayoutAndType() {
        int turn = 0;
        Layout[] ofResults = {Layout.DENSE, Layout.OFFSET};
        for (long[][] shape : SHAPES) {
            for (Layout layout : Layout.values()) {
                for (DType dtype : FLOATING) {
                    for (boolean accumulate : new boolean[] {false, true}) {
                        turn++;
                        DType resultType = accumulate ? DType.F32 : FLOATING[turn / 2 % 3];
                        Tensor a = operand(dtype, layout, turn, shape[0]);
                        Tensor b = operand(FLOATING[turn % 3], Layout.values()[turn % 7], -turn, shape[1]);
                        Tensor out = operand(resultType, ofResults[turn % 2], 5, shape[2]);
                        double[] before = HostTensor.values(out);
                        backend().matmul(a, b, out, accumulate);
                        assertProduct(a, b, accumulate ? before : new double[before.length], out);
                    }
                }
            }
        }
    }

    @Test
    void productsOfF64HaveItsDigits() {
        DType[] wide = Arrays.stream(types()).filter(type -> type == DType.F64).toArray(DType[]::new);
        int turn = 0;
        for (DType dtype : wide) {
            for (long[][] shape : SHAPES) {
                for (Layout layout : Layout.values()) {
                    for (boolean accumulate : new boolean[] {false, true}) {
                        turn++;
                        Tensor a = operand(dtype, layout, turn, shape[0]);
                        Tensor b = operand(dtype, Layout.values()[turn % 7], -turn, shape[1]);
                        Tensor out = operand(dtype, turn % 2 == 0 ? Layout.DENSE : Layout.OFFSET, 5, shape[2]);
                        double[] before = HostTensor.values(out);
                        backend().matmul(a, b, out, accumulate);
                        assertProduct(a, b, accumulate ? before : new double[before.length], out);
                    }
                }
            }
        }
    }

    /** Few rows and many, weights of one type and of several, in one piece and strided, widths that are no multiple of a vector. */
    @Test
    void severalProductsOfTheSameRowsHaveTheBitsOfEach() {
        DType[][] types = {{DType.F32, DType.F32, DType.F32}, {DType.BF16, DType.BF16, DType.BF16}, {DType.F16, DType.F16, DType.F16},
            {DType.F32, DType.BF16, DType.F16}};
        long[] widths = {70, 1, 133};
        for (int rows : new int[] {1, 3, 7}) {
            for (long k : new long[] {7, 300}) {
                for (DType[] type : types) {
                    for (Layout layout : new Layout[] {Layout.DENSE, Layout.OFFSET, Layout.TRANSPOSED}) {
                        assertEachHasItsBits(operand(type[0], Layout.DENSE, rows, rows, k), type, layout, widths);
                    }
                }
            }
        }
    }

    private void assertEachHasItsBits(Tensor x, DType[] types, Layout layout, long... widths) {
        List<Tensor> weights = new ArrayList<>();
        List<Tensor> outs = new ArrayList<>();
        for (int i = 0; i < widths.length; i++) {
            weights.add(operand(types[i], layout, 10 + i, widths[i], x.size(1)));
            outs.add(Tensor.full(Double.NaN, DType.F32, Shape.of(x.size(0), widths[i])));
        }
        backend().linearOfEach(x, weights, outs);
        for (int i = 0; i < widths.length; i++) {
            Tensor alone = Tensor.empty(DType.F32, outs.get(i).shape());
            backend().matmul(x, weights.get(i).transpose(0, 1), alone, false);
            assertThat(outs.get(i).toFloatArray()).as("%s x %s %s %s", x.shape(), types[i], layout, weights.get(i).shape())
                    .isEqualTo(alone.toFloatArray());
        }
    }

    @Test
    void rowsKeepTheirBitsIfTheDeviceSaysSo() {
        assertThat(backend().keepsBitsOfRows() && productsWithOtherBitsOfRows() > 0).as("a row has other bits among others").isFalse();
    }

    /**
     * Compares a row among few rows, and among many.
     *
     * @return how many of six products give the row other bits than a smaller one
     */
    protected int productsWithOtherBitsOfRows() {
        Tensor b = operand(DType.F32, Layout.DENSE, 2, 300, 70);
        int different = 0;
        for (int[] rows : new int[][] {{1, 2}, {1, 3}, {2, 4}, {5, 6}, {5, 64}, {33, 70}}) {
            Tensor a = operand(DType.F32, Layout.DENSE, 1, rows[1], 300);
            different += Arrays.equals(firstRow(a.slice(0, 0, rows[0]), b), firstRow(a, b)) ? 0 : 1;
        }
        return different;
    }

    private double[] firstRow(Tensor a, Tensor b) {
        Tensor out = Tensor.empty(DType.F32, Shape.of(a.size(0), b.size(1)));
        backend().matmul(a, b, out, false);
        return HostTensor.values(out.slice(0, 0, 1));
    }

    @Test
    void twoF32OperandsAreNeverRounded() {
        assertThat(backend().productType(DType.F32)).isEqualTo(DType.F32);
        assertThat(backend().productType(DType.F16)).as("f16 has too small an exponent for what meets it").isEqualTo(DType.F32);
    }

    private void assertProduct(Tensor a, Tensor b, double[] expected, Tensor out) {
        double[] x = HostTensor.values(expanded(a, out.shape()));
        double[] y = HostTensor.values(expanded(b, out.shape()));
        int m = (int) out.size(-2);
        int n = (int) out.size(-1);
        int k = (int) a.size(-1);
        double[] actual = HostTensor.values(out);
        boolean mixed = a.dtype() != b.dtype() && a.dtype() != DType.F16 && b.dtype() != DType.F16;
        double unit = out.dtype() == DType.F64 ? 0x1p-53 : 0x1p-24;
        double ofTerms = (k + 2) * unit + (mixed && backend().productType(DType.BF16) == DType.BF16 ? 0x1p-8 : 0);
        for (int i = 0; i < actual.length; i++) {
            int product = i / (m * n);
            int row = i / n % m;
            double sum = expected[i];
            double size = Math.abs(sum);
            for (int j = 0; j < k; j++) {
                double term = x[(product * m + row) * k + j] * y[(product * k + j) * n + i % n];
                sum += term;
                size += Math.abs(term);
            }
            double last = switch (out.dtype()) {
                case BF16 -> 0x1p-8;
                case F16 -> 0x1p-11;
                default -> 0;
            };
            assertThat(Math.abs(actual[i] - sum)).as("%s %s x %s %s, element %d: %s instead of %s", a.dtype(), a.shape(), b.dtype(), b.shape(), i,
                    actual[i], sum).isLessThanOrEqualTo(ofTerms * size + last * Math.abs(sum) + 1e-7 * last);
        }
    }

    /** The operand with the result's batch axes. */
    private static Tensor expanded(Tensor operand, Shape result) {
        long[] shape = Arrays.copyOf(result.toArray(), result.rank());
        shape[shape.length - 2] = operand.size(-2);
        shape[shape.length - 1] = operand.size(-1);
        Shape target = Shape.of(shape);
        long[] strides = TensorMemory.expandedStrides(operand, target, "test");
        strides[strides.length - 2] = operand.stride(-2);
        strides[strides.length - 1] = operand.stride(-1);
        return TensorMemory.view(operand, target, strides, operand.offset());
    }
}
