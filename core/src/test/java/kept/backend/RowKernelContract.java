package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import java.util.function.ToDoubleFunction;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** The contract of softmax, norms, rotary embedding and the gated unit, against {@link RowReference}. */
public abstract class RowKernelContract extends KernelContract {
    private static final int[] ROWS = {1, 3, 37};
    private static final int[] FEW_ROWS = {1, 3};
    private static final double EPSILON = 1e-5;

    /** For subclasses. */
    protected RowKernelContract() {}

    /** Runs a test over rows, widths and element types. */
    private interface Case {
        void run(int rows, int width, DType dtype);
    }

    private int[] rows(int width) {
        return isSlow() && width >= 1024 ? FEW_ROWS : ROWS;
    }

    private void forAll(Case body) {
        for (DType dtype : FLOATING) {
            for (int width : WIDTHS) {
                for (int rows : rows(width)) {
                    body.run(rows, width, dtype);
                }
            }
        }
    }

    @Test
    void softmaxIsAsGoodAsThePlainComputation() {
        forAll((rows, width, dtype) -> {
            Tensor x = normal(dtype, width, 4, rows, width);
            double[] values = values(x);
            Tensor out = out(dtype, rows, width);
            backend().softmax(false, x, out);
            assertAsGoodAsPlain("softmax", out, RowReference.EXACT.softmax(values, width), RowReference.PLAIN.softmax(values, width),
                    width, 1);
            Tensor logarithm = out(dtype, rows, width);
            backend().softmax(true, x, logarithm);
            double[] exact = RowReference.EXACT.logSoftmax(values, width);
            assertAsGoodAsPlain("log softmax", logarithm, exact, RowReference.PLAIN.logSoftmax(values, width), width, 1 + largest(exact));
            Tensor sums = out(DType.F32, rows);
            backend().logSumExp(x, sums);
            assertAsGoodAsPlain("log sum exp", sums, RowReference.EXACT.logSumExp(values, width), RowReference.PLAIN.logSumExp(values, width),
                    width, 1 + largest(values));
            backend().softmax(false, x, x);
            assertThat(x.toFloatArray()).as("in place").isEqualTo(out.toFloatArray());
        });
    }

    @Test
    void softmaxGradientIsAsGoodAsThePlainComputation() {
        forAll((rows, width, dtype) -> {
            Tensor x = normal(dtype, width, 4, rows, width);
            Tensor gradient = normal(DType.F32, 74, 1, rows, width);
            for (boolean logarithm : new boolean[] {false, true}) {
                Tensor y = out(dtype, rows, width);
                backend().softmax(logarithm, x, y);
                Tensor dx = out(DType.F32, rows, width);
                backend().softmaxGradient(logarithm, gradient, y, dx);
                assertAsGoodAsPlain(logarithm ? "log softmax" : "softmax", dx, softmaxGradient(RowReference.EXACT, logarithm, gradient, y),
                        softmaxGradient(RowReference.PLAIN, logarithm, gradient, y), width, largest(softmaxGradientSizes(logarithm, gradient, y)));
                Tensor inPlace = Tensor.of(gradient.toFloatArray(), rows, width);
                backend().softmaxGradient(logarithm, inPlace, y, inPlace);
                assertThat(inPlace.toFloatArray()).as("in place").isEqualTo(dx.toFloatArray());
            }
        });
    }

    private static double[] softmaxGradient(RowReference reference, boolean logarithm, Tensor gradient, Tensor y) {
        int width = (int) y.size(-1);
        return logarithm
                ? reference.logSoftmaxGradient(values(gradient), values(y), width)
                : reference.softmaxGradient(values(gradient), values(y), width);
    }

    /** The formula with all signs such that nothing cancels. */
    private static double[] softmaxGradientSizes(boolean logarithm, Tensor gradient, Tensor y) {
        int width = (int) y.size(-1);
        double[] g = Arrays.stream(values(gradient)).map(v -> -Math.abs(v)).toArray();
        double[] ys = values(y);
        double[] sizes = new double[g.length];
        for (int row = 0; row < g.length; row += width) {
            double sum = 0;
            for (int j = row; j < row + width; j++) {
                sum += logarithm ? g[j] : g[j] * ys[j];
            }
            for (int i = row; i < row + width; i++) {
                sizes[i] = logarithm ? g[i] + Math.exp(ys[i]) * sum : (g[i] + sum) * ys[i];
            }
        }
        return sizes;
    }

    @Test
    void aProbabilityOfZeroHasNoGradient() {
        float infinity = Float.POSITIVE_INFINITY;
        Tensor gradient = Tensor.of(new float[] {3, 1, 2.5f, 5}, 1, 4);
        Tensor dx = out(DType.F32, 1, 4);
        backend().softmaxGradient(false, gradient, Tensor.of(new float[] {0.5f, 0.5f, 0, 0}, 1, 4), dx);
        assertThat(dx.toFloatArray()).containsExactly(0.5f, -0.5f, 0, 0);
        backend().softmaxGradient(true, gradient, Tensor.of(new float[] {-infinity, 0, -infinity, -200}, 1, 4), dx);
        assertThat(dx.toFloatArray()).containsExactly(3, -10.5f, 2.5f, 5);
    }

    @Test
    void softmaxKeepsToItsLimitsForExtremeValues() {
        float infinity = Float.POSITIVE_INFINITY;
        float[] values = {1e4f, -1e4f, 9999f, -infinity, 1e4f, 0f, 3e38f, -3e38f, 1f, 2f, -infinity, -3e38f};
        Tensor x = Tensor.of(values, 2, 6);
        Tensor out = out(DType.F32, 2, 6);
        backend().softmax(false, x, out);
        double e = Math.exp(-1);
        assertThat(out.toFloatArray())
                .containsExactly(new float[] {(float) (1 / (2 + e)), 0, (float) (e / (2 + e)), 0, (float) (1 / (2 + e)), 0, 1, 0, 0, 0, 0, 0},
                Offset.offset(1e-7f));
        backend().softmax(true, x, out);
        assertThat(out.toFloatArray()[1]).isEqualTo(-20000.862f);
        assertThat(out.toFloatArray()[3]).isEqualTo(-infinity);
        Tensor sums = out(DType.F32, 2);
        backend().logSumExp(x, sums);
        assertThat(sums.toFloatArray()).containsExactly(10000.862f, 3e38f);
        float nan = Float.NaN;
        Tensor rows = Tensor.of(new float[] {-infinity, -infinity, infinity, 1, nan, 1, infinity, nan, nan, infinity, -infinity, nan}, 6, 2);
        Tensor limits = out(DType.F32, 6);
        backend().logSumExp(rows, limits);
        assertThat(limits.toFloatArray()).containsExactly(-infinity, infinity, nan, nan, nan, nan);
    }

    @Test
    void aNotANumberAnywhereInARowShowsInTheWholeRowAndInNoOther() {
        for (int width : WIDTHS) {
            float[] values = new float[3 * width];
            values[width + width / 2] = Float.intBitsToFloat(0x7fc00001);
            Tensor out = out(DType.F32, 3, width);
            backend().softmax(false, Tensor.of(values, 3, width), out);
            float[] results = out.toFloatArray();
            for (int i = 0; i < results.length; i++) {
                assertThat(Float.isNaN(results[i])).as("width %d, element %d", width, i).isEqualTo(i / width == 1);
            }
        }
    }

    @Test
    void layerNormIsAsGoodAsThePlainComputation() {
        forAll((rows, width, dtype) -> {
            Tensor x = normal(dtype, width, 2, rows, width);
            Tensor weight = normal(dtype, 71, 1, width);
            Tensor bias = normal(dtype, 72, 1, width);
            Tensor out = out(dtype, rows, width);
            Tensor mean = out(DType.F32, rows);
            Tensor rstd = out(DType.F32, rows);
            backend().layerNorm(x, new LayerNormParameters(weight, bias, EPSILON), out, mean, rstd);
            double size = 2 * largest(values(x)) * largest(values(rstd)) * largest(values(weight)) + largest(values(bias));
            assertAsGoodAsPlain("layer norm", out, RowReference.EXACT.layerNorm(values(x), values(weight), values(bias), EPSILON),
                    RowReference.PLAIN.layerNorm(values(x), values(weight), values(bias), EPSILON), width, size);
            double average = Arrays.stream(values(x)).limit(width).sum() / width;
            assertThat((double) mean.toFloatArray()[0]).isCloseTo(average, Offset.offset(1e-6));
            backend().layerNorm(x, new LayerNormParameters(weight, bias, EPSILON), x, mean, rstd);
            assertThat(x.toFloatArray()).as("in place").isEqualTo(out.toFloatArray());
        });
    }

    @Test
    void layerNormLosesNoDigitsToALargeMean() {
        float[] values = new float[4098];
        for (int i = 0; i < values.length; i++) {
            values[i] = 4096 + (i % 2 == 0 ? 1 : -1);
        }
        Tensor out = out(DType.F32, 1, 4098);
        Tensor rstd = out(DType.F32, 1);
        var parameters = new LayerNormParameters(Tensor.ones(4098), Tensor.zeros(4098), 1e-12);
        backend().layerNorm(Tensor.of(values, 1, 4098), parameters, out, out(DType.F32, 1), rstd);
        assertThat(rstd.item()).isEqualTo(1f);
        assertThat(out.toFloatArray()).contains(1f, -1f).doesNotContain(0f);
    }

    @Test
    void layerNormGradientIsThatOfTheReference() {
        forAll((rows, width, dtype) -> {
            Tensor x = normal(dtype, width, 2, rows, width);
            Tensor weight = normal(dtype, 71, 1, width);
            double[] bias = new double[width];
            Tensor gradient = normal(DType.F32, 73, 1, rows, width);
            Tensor mean = out(DType.F32, rows);
            Tensor rstd = out(DType.F32, rows);
            backend().layerNorm(x, new LayerNormParameters(weight, Tensor.zeros(width), EPSILON), out(dtype, rows, width), mean, rstd);
            Tensor dx = out(DType.F32, rows, width);
            Tensor dWeight = Tensor.ones(width);
            Tensor dBias = Tensor.ones(width);
            backend().layerNormGradient(gradient, x, weight, mean, rstd, dx, dWeight, dBias);

            double[] g = values(gradient);
            if (width > 2) {
                assertGradient("dx", dx, values(x), v -> dot(g, RowReference.EXACT.layerNorm(v, values(weight), bias, EPSILON)));
            }
            assertAccumulates("dWeight", dWeight, values(weight), v -> dot(g, RowReference.EXACT.layerNorm(values(x), v, bias, EPSILON)));
            assertAccumulates("dBias", dBias, bias, v -> dot(g, RowReference.EXACT.layerNorm(values(x), values(weight), v, EPSILON)));

            Tensor only = Tensor.zeros(width);
            backend().layerNormGradient(gradient, x, weight, mean, rstd, null, only, null);
            assertThat(only.toFloatArray()[0] + 1).isEqualTo(dWeight.toFloatArray()[0]);
            backend().layerNormGradient(gradient, x, weight, mean, rstd, gradient, null, null);
            assertThat(gradient.toFloatArray()).as("in place").isEqualTo(dx.toFloatArray());
        });
    }

    /** The kernel added to ones. */
    private static void assertAccumulates(String what, Tensor sum, double[] at, ToDoubleFunction<double[]> function) {
        float[] gradient = sum.toFloatArray();
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] -= 1;
        }
        assertGradient(what, Tensor.of(gradient), at, function);
    }

    @Test
    void rmsNormIsAsGoodAsThePlainComputation() {
        forAll((rows, width, dtype) -> {
            Tensor x = normal(dtype, width, 2, rows, width);
            Tensor weight = normal(dtype, 71, 1, width);
            Tensor out = out(dtype, rows, width);
            Tensor rstd = out(DType.F32, rows);
            backend().rmsNorm(x, weight, EPSILON, out, rstd);
            double[] exact = RowReference.EXACT.rmsNorm(values(x), values(weight), EPSILON);
            assertAsGoodAsPlain("rms norm", out, exact, RowReference.PLAIN.rmsNorm(values(x), values(weight), EPSILON), width, largest(exact));
            double[] first = Arrays.copyOf(values(x), width);
            assertThat((double) rstd.toFloatArray()[0])
                    .isCloseTo(1 / Math.sqrt(dot(first, first) / width + EPSILON), Percentage.withPercentage(1e-4));
            backend().rmsNorm(x, weight, EPSILON, x, rstd);
            assertThat(x.toFloatArray()).as("in place").isEqualTo(out.toFloatArray());
        });
    }

    @Test
    void normsOfF32RoundOnceToBf16() {
        for (int width : new int[] {1, 2, 13, 16, 64, 127, 516, 1024, 4098, 5120, 16_388}) {
            for (int rows : rows(width)) {
                Tensor x = normal(DType.F32, width, 2, rows, width);
                for (DType dtype : FLOATING) {
                    Tensor weight = normal(dtype, 71, 1, width);
                    Tensor bias = normal(dtype, 72, 1, width);
                    Tensor wide = out(DType.F32, rows, width);
                    Tensor narrow = out(DType.BF16, rows, width);
                    Tensor[] saved = {out(DType.F32, rows), out(DType.F32, rows), out(DType.F32, rows), out(DType.F32, rows)};
                    backend().rmsNorm(x, weight, EPSILON, wide, saved[0]);
                    backend().rmsNorm(x, weight, EPSILON, narrow, saved[1]);
                    assertThat(narrow.toFloatArray()).as("rms norm, %d x %d", rows, width).isEqualTo(wide.cast(DType.BF16).toFloatArray());
                    assertThat(saved[1].toFloatArray()).isEqualTo(saved[0].toFloatArray());
                    backend().layerNorm(x, new LayerNormParameters(weight, bias, EPSILON), wide, saved[0], saved[1]);
                    backend().layerNorm(x, new LayerNormParameters(weight, bias, EPSILON), narrow, saved[2], saved[3]);
                    assertThat(narrow.toFloatArray()).as("layer norm, %d x %d", rows, width).isEqualTo(wide.cast(DType.BF16).toFloatArray());
                    assertThat(saved[2].toFloatArray()).isEqualTo(saved[0].toFloatArray());
                    assertThat(saved[3].toFloatArray()).isEqualTo(saved[1].toFloatArray());
                }
            }
        }
    }

    @Test
    void normsOfSumsHaveTheBitsOfTheAddAndTheNorm() {
        // None, one or all of x, branch, sum and result begin at addresses that are not multiples of 16 bytes.
        int[] all = {0, 1, 2, 4, 8, 15};
        // Where kernels are slow, one of the four alone: another for each width and each pair of types.
        int count = 0;
        for (int width : new int[] {1, 2, 13, 16, 64, 127, 516, 1024, 4098, 5120, 16_384, 16_388}) {
            count++;
            for (DType branch : new DType[] {DType.F32, DType.BF16}) {
                for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
                    int[] one = {0, 1 << count++ % 4, 15};
                    for (int unaligned : width > 1024 ? new int[] {0} : isSlow() ? one : all) {
                        assertNormsOfSums(width <= 64 ? 37 : 3, width, branch, dtype, unaligned);
                    }
                }
            }
        }
    }

    /** Which operand is unaligned: a bit each. */
    private void assertNormsOfSums(int rows, int width, DType branchType, DType dtype, int unaligned) {
        Tensor branch = placed(unaligned & 2, normal(branchType, width + 1, 1, rows, width));
        Tensor weight = normal(FLOATING[width % 3], 71, 1, width);
        Tensor bias = normal(FLOATING[(width + 1) % 3], 72, 1, width);
        Tensor x = placed(unaligned & 1, normal(DType.F32, width, 2, rows, width));
        Tensor expectedSum = out(DType.F32, rows, width);
        backend().binary(Binary.ADD, x, branch.cast(DType.F32), expectedSum);
        for (boolean layerNorm : new boolean[] {false, true}) {
            for (boolean inPlace : new boolean[] {false, true}) {
                Tensor from = placed(unaligned & 1, normal(DType.F32, width, 2, rows, width));
                Tensor sum = inPlace ? from : placed(unaligned & 4, out(DType.F32, rows, width));
                Tensor[] seen = {placed(unaligned & 8, out(dtype, rows, width)), out(DType.F32, rows), out(DType.F32, rows)};
                Tensor[] expected = {placed(unaligned & 8, out(dtype, rows, width)), out(DType.F32, rows), out(DType.F32, rows)};
                if (layerNorm) {
                    backend().addLayerNorm(from, branch, sum, new LayerNormParameters(weight, bias, EPSILON), seen[0], seen[1], seen[2]);
                    backend().layerNorm(sum, new LayerNormParameters(weight, bias, EPSILON), expected[0], expected[1], expected[2]);
                } else {
                    backend().addRmsNorm(from, branch, sum, weight, EPSILON, seen[0], seen[1]);
                    backend().rmsNorm(sum, weight, EPSILON, expected[0], expected[1]);
                }
                String what = "%s, %d x %d, branch %s, %s%s, unaligned %d".formatted(
                        layerNorm ? "layer norm" : "rms norm", rows, width, branchType, dtype, inPlace ? ", in place" : "", unaligned);
                assertThat(sum.toFloatArray()).as("sum, %s", what).isEqualTo(expectedSum.toFloatArray());
                for (int i = 0; i < seen.length; i++) {
                    assertThat(seen[i].toFloatArray()).as("result %d, %s", i, what).isEqualTo(expected[i].toFloatArray());
                }
                if (!inPlace) {
                    assertThat(from.toFloatArray()).as("x stays, %s", what).isEqualTo(x.toFloatArray());
                }
            }
        }
    }

    /** The same rows, at the beginning of their memory or one element further: then no longer at a multiple of 16 bytes. */
    private static Tensor placed(int further, Tensor rows) {
        if (further == 0) {
            return rows;
        }
        Tensor memory = Tensor.empty(rows.dtype(), Shape.of(rows.elementCount() + 1));
        return TensorMemory.view(memory, rows.shape(), rows.strides(), 1).assign(rows);
    }

    @Test
    void rmsNormGradientIsThatOfTheReference() {
        forAll((rows, width, dtype) -> {
            Tensor x = normal(dtype, width, 2, rows, width);
            Tensor weight = normal(dtype, 71, 1, width);
            Tensor gradient = normal(DType.F32, 73, 1, rows, width);
            Tensor rstd = out(DType.F32, rows);
            backend().rmsNorm(x, weight, EPSILON, out(dtype, rows, width), rstd);
            Tensor dx = out(DType.F32, rows, width);
            Tensor dWeight = Tensor.ones(width);
            backend().rmsNormGradient(gradient, x, weight, rstd, dx, dWeight);

            double[] g = values(gradient);
            if (width > 1) {
                assertGradient("dx", dx, values(x), v -> dot(g, RowReference.EXACT.rmsNorm(v, values(weight), EPSILON)));
            }
            assertAccumulates("dWeight", dWeight, values(weight), v -> dot(g, RowReference.EXACT.rmsNorm(values(x), v, EPSILON)));
            backend().rmsNormGradient(gradient, x, weight, rstd, gradient, null);
            assertThat(gradient.toFloatArray()).as("in place").isEqualTo(dx.toFloatArray());
        });
    }

    @Test
    void rotaryEmbeddingTurnsPairsAndItsInverseTurnsThemBack() {
        for (DType dtype : FLOATING) {
            for (int width : new int[] {2, 26, 32, 64, 128, 254}) {
                int half = width / 2;
                Tensor x = normal(dtype, width, 2, 2, 5, 3, width);
                Tensor angles = normal(DType.F32, 81, 1, 5, half);
                Tensor cos = out(DType.F32, 5, half);
                Tensor sin = out(DType.F32, 5, half);
                float[] a = angles.toFloatArray();
                float[] c = new float[a.length];
                float[] s = new float[a.length];
                for (int i = 0; i < a.length; i++) {
                    c[i] = (float) Math.cos(a[i]);
                    s[i] = (float) Math.sin(a[i]);
                }
                cos.assign(Tensor.of(c, 5, half));
                sin.assign(Tensor.of(s, 5, half));
                BiFunction<RowReference, Double, double[]> reference = (r, sign) -> r.rotary(values(x), 5, 3, width, values(cos), values(sin), sign);
                Tensor out = out(dtype, 2, 5, 3, width);
                backend().rotaryEmbedding(x, cos, sin, false, out);
                assertAsGoodAsPlain("rotary", out, reference.apply(RowReference.EXACT, 1.0), reference.apply(RowReference.PLAIN, 1.0), 2,
                        2 * largest(values(x)));
                Tensor inverse = out(dtype, 2, 5, 3, width);
                backend().rotaryEmbedding(x, cos, sin, true, inverse);
                assertAsGoodAsPlain("inverse", inverse, reference.apply(RowReference.EXACT, -1.0), reference.apply(RowReference.PLAIN, -1.0), 2,
                        2 * largest(values(x)));

                // A result that lies in memory otherwise than the operand, one way and the other.
                Tensor headsFirst = Tensor.full(-777, dtype, Shape.of(2, 3, 5, width)).transpose(1, 2);
                backend().rotaryEmbedding(x, cos, sin, false, headsFirst);
                assertThat(headsFirst.toFloatArray()).as("strided result").isEqualTo(out.toFloatArray());
                Tensor wider = Tensor.full(-777, dtype, Shape.of(2, 5, 4, width));
                Tensor within = wider.slice(2, 1, 4);
                backend().rotaryEmbedding(headsFirst.assign(x), cos, sin, true, within);
                assertThat(within.toFloatArray()).as("result among other heads").isEqualTo(inverse.toFloatArray());
                assertThat(wider.slice(2, 0, 1).toFloatArray()).as("the other head stays").containsOnly(of(dtype, new float[] {-777}, 1).item());

                // [batch, heads, sequence, D] in memory, as attention keeps it
                Tensor strided = Tensor.empty(dtype, Shape.of(2, 3, 5, width)).transpose(1, 2).assign(x);
                backend().rotaryEmbedding(strided, cos, sin, false, strided);
                assertThat(strided.toFloatArray()).as("strided and in place").isEqualTo(out.toFloatArray());
            }
        }
    }

    /** The caches are slices of larger memory, and of it nothing else changes. */
    @Test
    void rotaryAppendHasTheBitsOfRotationsAndACopy() {
        for (DType dtype : FLOATING) {
            for (int width : new int[] {2, 26, 64, 128}) {
                Tensor q = normal(dtype, width, 2, 2, 3, 5, width);
                Tensor k = normal(dtype, width + 1, 2, 2, 3, 2, width);
                Tensor v = normal(dtype, width + 2, 2, 2, 3, 2, width);
                Tensor cos = normal(DType.F32, 82, 1, 3, width / 2);
                Tensor sin = normal(DType.F32, 83, 1, 3, width / 2);
                Tensor rotated = out(dtype, 2, 3, 5, width);
                Tensor rotatedKeys = out(dtype, 2, 3, 2, width);
                backend().rotaryEmbedding(q, cos, sin, false, rotated);
                backend().rotaryEmbedding(k, cos, sin, false, rotatedKeys);
                Tensor keys = out(dtype, 2, 9, 2, width);
                Tensor values = out(dtype, 2, 9, 2, width);
                backend().rotaryAppend(q, k, v, cos, sin, keys.slice(1, 4, 7), values.slice(1, 5, 8));
                assertThat(q.toFloatArray()).as("queries, %s %d", dtype, width).isEqualTo(rotated.toFloatArray());
                assertThat(keys.slice(1, 4, 7).toFloatArray()).as("keys").isEqualTo(rotatedKeys.toFloatArray());
                assertThat(values.slice(1, 5, 8).toFloatArray()).as("values").isEqualTo(v.toFloatArray());
                float other = of(dtype, new float[] {-777}, 1).item();
                for (Tensor rest : new Tensor[] {keys.slice(1, 0, 4), keys.slice(1, 7, 9), values.slice(1, 0, 5), values.slice(1, 8, 9)}) {
                    assertThat(rest.toFloatArray()).as("the rest of the caches").containsOnly(other);
                }
            }
        }
    }

    /** Eleven tokens take two launches where a launch takes eight. */
    @Test
    void rotaryAppendToEachHasTheBitsOfEachAlone() {
        for (DType dtype : FLOATING) {
            for (int width : new int[] {26, 128}) {
                int tokens = 11;
                Tensor q = normal(dtype, width, 2, 1, tokens, 4, width);
                Tensor k = normal(dtype, width + 1, 2, 1, tokens, 2, width);
                Tensor v = normal(dtype, width + 2, 2, 1, tokens, 2, width);
                Tensor cos = normal(DType.F32, 82, 1, tokens, width / 2);
                Tensor sin = normal(DType.F32, 83, 1, tokens, width / 2);
                Tensor before = Tensor.empty(dtype, q.shape()).assign(q);
                List<Tensor> caches = new ArrayList<>();
                List<Tensor> expected = new ArrayList<>();
                for (int i = 0; i < 2 * tokens; i++) {
                    caches.add(out(dtype, 1, 5 + i, 2, width));
                    expected.add(out(dtype, 1, 5 + i, 2, width));
                }
                backend().rotaryAppendToEach(q, k, v, cos, sin, places(caches, 0, tokens), places(caches, tokens, 2 * tokens));
                for (int i = 0; i < tokens; i++) {
                    backend().rotaryAppend(before.slice(1, i, i + 1), k.slice(1, i, i + 1), v.slice(1, i, i + 1), cos.slice(0, i, i + 1),
                            sin.slice(0, i, i + 1), places(expected, i, i + 1).getFirst(), places(expected, tokens + i, tokens + i + 1).getFirst());
                }
                assertThat(q.toFloatArray()).as("queries, %s %d", dtype, width).isEqualTo(before.toFloatArray());
                for (int i = 0; i < 2 * tokens; i++) {
                    assertThat(caches.get(i).toFloatArray()).as("cache %d", i).isEqualTo(expected.get(i).toFloatArray());
                }
            }
        }
    }

    /** The place of a token in each of some caches of different lengths. */
    private static List<Tensor> places(List<Tensor> caches, int from, int to) {
        return caches.subList(from, to).stream().map(cache -> cache.slice(1, cache.size(1) - 2, cache.size(1) - 1)).toList();
    }

    @Test
    void gatedUnitIsAsGoodAsThePlainComputation() {
        forAll((rows, width, dtype) -> {
            Tensor gate = normal(dtype, width, 8, rows, width);
            Tensor up = normal(dtype, 91, 1, rows, width);
            Tensor out = out(dtype, rows, width);
            backend().swiGlu(gate, up, out);
            BinaryOperator<double[]> exact = RowReference.EXACT::swiGlu;
            double[] expected = exact.apply(values(gate), values(up));
            assertAsGoodAsPlain("gated unit", out, expected, RowReference.PLAIN.swiGlu(values(gate), values(up)), 2, largest(expected));

            Tensor gradient = normal(DType.F32, 92, 1, rows, width);
            Tensor dGate = out(DType.F32, rows, width);
            Tensor dUp = out(DType.F32, rows, width);
            backend().swiGluGradient(gradient, gate, up, dGate, dUp);
            Tensor inPlace = Tensor.of(gradient.toFloatArray(), rows, width);
            Tensor again = out(DType.F32, rows, width);
            backend().swiGluGradient(inPlace, gate, up, inPlace, again);
            assertThat(inPlace.toFloatArray()).as("dGate in place").isEqualTo(dGate.toFloatArray());
            assertThat(again.toFloatArray()).as("dUp beside it").isEqualTo(dUp.toFloatArray());
            assertGradient("dGate", dGate, values(gate), v -> dot(values(gradient), exact.apply(v, values(up))));
            assertGradient("dUp", dUp, values(up), v -> dot(values(gradient), exact.apply(values(gate), v)));
            backend().swiGlu(gate, up, up);
            assertThat(up.toFloatArray()).as("in place").isEqualTo(out.toFloatArray());
        });
    }

    @Test
    void gatedUnitHasItsLimitsForExtremeGates() {
        Tensor gate = Tensor.of(new float[] {-1e4f, 1e4f, -200, 200, 0});
        Tensor out = out(DType.F32, 5);
        backend().swiGlu(gate, Tensor.ones(5), out);
        assertThat(out.toFloatArray()).containsExactly(-0f, 1e4f, -0f, 200f, 0f);
        Tensor dGate = out(DType.F32, 5);
        backend().swiGluGradient(Tensor.ones(5), gate, Tensor.ones(5), dGate, out);
        assertThat(dGate.toFloatArray()).containsExactly(-0f, 1f, -0f, 1f, 0.5f);
    }
}
