package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** The contract of the kernels that pick and place by index. */
public abstract class IndexContract extends KernelContract {
    private static final long[][] SHAPES = {{1}, {13}, {4098}, {5, 7}, {3, 0}, {2, 3, 17}, {300, 3}, {2, 2050}};

    /** For subclasses. */
    protected IndexContract() {}

    private static Tensor normal(DType dtype, Layout layout, long seed, long... shape) {
        var random = new SplittableRandom(seed);
        return HostTensor.of(dtype, layout, _ -> Math.rint(100 * random.nextGaussian()), shape);
    }

    private static Tensor indices(DType dtype, Layout layout, long extent, long seed, long... shape) {
        var random = new SplittableRandom(seed);
        return HostTensor.of(dtype, layout, _ -> random.nextLong(Math.max(1, extent)), shape);
    }

    /** The row-major place that an element's index leads to. */
    private static int place(long[] shape, int axis, long[] target, int element, double chosen) {
        long[] at = new long[shape.length];
        long rest = element;
        for (int i = shape.length - 1; i >= 0; i--) {
            at[i] = rest % shape[i];
            rest /= shape[i];
        }
        at[axis] = (long) chosen;
        long place = 0;
        for (int i = 0; i < shape.length; i++) {
            place = place * target[i] + at[i];
        }
        return (int) place;
    }

    @Test
    void gatherPicksAlongEveryAxis() {
        int turn = 0;
        for (DType dtype : types()) {
            for (long[] shape : SHAPES) {
                for (int axis = 0; axis < shape.length; axis++) {
                    for (Layout layout : Layout.values()) {
                        long[] chosen = shape.clone();
                        chosen[axis] = shape[axis] == 0 ? 0 : turn % 2 == 0 ? 3 : shape[axis] + 2;
                        Tensor x = normal(dtype, layout, turn, shape);
                        Tensor index = indices(turn % 2 == 0 ? DType.I64 : DType.I32, Layout.values()[turn % 7], shape[axis], turn, chosen);
                        Tensor out = HostTensor.result(dtype, Layout.OF_RESULTS[turn++ % 4], chosen);
                        backend().gather(x, axis, index, out);
                        double[] from = HostTensor.values(x);
                        double[] which = HostTensor.values(index);
                        double[] actual = HostTensor.values(out);
                        for (int i = 0; i < actual.length; i++) {
                            assertThat(actual[i]).as("%s %s %s, axis %d, element %d", dtype, layout, x.shape(), axis, i)
                                    .isEqualTo(from[place(chosen, axis, shape, i, which[i])]);
                        }
                        assertThat(HostTensor.isUntouchedBetween(out)).isTrue();
                    }
                }
            }
        }
    }

    @Test
    void scatterAddAddsUpAlongEveryAxis() {
        int turn = 0;
        for (DType dtype : types()) {
            if (dtype == DType.BF16 || dtype == DType.F16) {
                continue;
            }
            for (long[] shape : SHAPES) {
                for (int axis = 0; axis < shape.length; axis++) {
                    for (Layout layout : Layout.values()) {
                        long[] target = shape.clone();
                        target[axis] = turn % 2 == 0 ? 3 : shape[axis] + 2;
                        Tensor x = normal(dtype, layout, turn, shape);
                        Tensor index = indices(turn % 2 == 0 ? DType.I64 : DType.I32, Layout.values()[turn % 7], target[axis], turn, shape);
                        Tensor out = normal(dtype, Layout.OF_RESULTS[turn++ % 4], -turn, target);
                        double[] expected = HostTensor.values(out);
                        double[] from = HostTensor.values(x);
                        double[] which = HostTensor.values(index);
                        for (int i = 0; i < from.length; i++) {
                            expected[place(shape, axis, target, i, which[i])] += from[i];
                        }
                        if (!dtype.isFloating()) {
                            Arrays.setAll(expected, i -> dtype == DType.U8 ? (long) expected[i] & 0xff
                                    : dtype == DType.BOOL ? Math.min(1, expected[i]) : expected[i]);
                        }
                        backend().scatterAdd(x, axis, index, out);
                        assertThat(HostTensor.values(out)).as("%s %s %s, axis %d", dtype, layout, x.shape(), axis).isEqualTo(expected);
                    }
                }
            }
        }
    }

    @Test
    void indicesOutsideAreRefusedWithTheirValue() {
        Tensor x = Tensor.zeros(4, 3);
        for (long wrong : new long[] {-1, 3}) {
            Tensor index = Tensor.of(new long[] {0, 1, 2, wrong}, 4, 1);
            assertThatThrownBy(() -> backend().gather(x, 1, index, Tensor.zeros(4, 1)))
                    .isInstanceOf(ShapeException.class).hasMessageContainingAll("[gather]", "index " + wrong, "0 to 2");
            assertThatThrownBy(() -> backend().scatterAdd(Tensor.zeros(4, 1), 1, index, x))
                    .isInstanceOf(ShapeException.class).hasMessageContainingAll("[scatterAdd]", "index " + wrong, "0 to 2");
        }
        for (long wrong : new long[] {-1, 4}) {
            Tensor index = Tensor.of(new long[] {0, wrong}, 2);
            assertThatThrownBy(() -> backend().embedding(x, index, Tensor.zeros(2, 3)))
                    .isInstanceOf(ShapeException.class).hasMessageContainingAll("[embedding]", "index " + wrong, "0 to 3");
            assertThatThrownBy(() -> backend().embeddingGradient(Tensor.zeros(2, 3), index, x))
                    .isInstanceOf(ShapeException.class).hasMessageContainingAll("[embeddingGradient]", "index " + wrong, "0 to 3");
        }
    }

    @Test
    void embeddingLooksUpRowsAndConverts() {
        for (int width : WIDTHS) {
            for (DType from : FLOATING) {
                for (DType to : FLOATING) {
                    Tensor table = normal(from, Layout.OFFSET, width, 11, width);
                    Tensor index = indices(DType.I32, Layout.OFFSET, 11, width, 7);
                    Tensor out = HostTensor.result(to, Layout.OFFSET, 7, width);
                    backend().embedding(table, index, out);
                    double[] rows = HostTensor.values(table);
                    double[] which = HostTensor.values(index);
                    double[] actual = HostTensor.values(out);
                    for (int i = 0; i < actual.length; i++) {
                        double expected = HostTensor.rounded(to, rows[(int) which[i / width] * width + i % width]);
                        assertThat(actual[i]).as("%s to %s, width %d, element %d", from, to, width, i).isEqualTo(expected);
                    }
                    assertThat(HostTensor.isUntouchedBetween(out)).isTrue();
                }
            }
        }
    }

    @Test
    void embeddingGradientAddsTheRowsOfEqualIndicesInOrder() {
        for (int width : WIDTHS) {
            var random = new SplittableRandom(width);
            Tensor gradient = HostTensor.of(DType.F32, Layout.OFFSET, _ -> random.nextGaussian(), 50, width);
            Tensor index = indices(DType.I64, Layout.DENSE, 4, width, 50);
            Tensor out = normal(DType.F32, Layout.OFFSET, 1, 6, width);
            double[] expected = HostTensor.values(out);
            double[] rows = HostTensor.values(gradient);
            double[] which = HostTensor.values(index);
            for (int i = 0; i < rows.length; i++) {
                int at = (int) which[i / width] * width + i % width;
                expected[at] = (float) expected[at] + (float) rows[i];
            }
            backend().embeddingGradient(gradient, index, out);
            assertThat(HostTensor.values(out)).as("width %d", width).isEqualTo(expected);
        }
    }

    @Test
    void noIndicesChangeNothing() {
        Tensor table = Tensor.ones(3, 4);
        Tensor none = Tensor.empty(DType.I64, Shape.of(0));
        backend().embedding(table, none, Tensor.zeros(0, 4));
        backend().embeddingGradient(Tensor.zeros(0, 4), none, table);
        assertThat(table.toFloatArray()).containsOnly(1);
    }
}
