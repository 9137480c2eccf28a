package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import kept.autograd.operation.CausalAttention;
import kept.backend.composition.AttentionComposition;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention: against a float64 reference with central differences, and against its plain definition. */
class CausalAttentionTest {
    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1, 2", "2, 5, 5, 4, 6", "1, 3, 7, 6, 5", "2, 1, 9, 2, 3"})
    void attentionReadsWhatLiesBefore(int batch, int queries, int keys, int heads, int width) {
        int groups = heads > 2 ? heads / 2 : 1;
        double scale = 1 / Math.sqrt(width);
        GradientCheck.check(
                in -> Functional.scaledDotProductAttention(in[0], in[1], in[2], true, scale),
                in -> attention(scale, in),
                Reference.normal(10, batch, queries, heads, width), Reference.normal(11, batch, keys, groups, width),
                Reference.normal(12, batch, keys, groups, width));
    }

    private static Reference attention(double scale, Reference... in) {
        int width = in[0].shape()[3];
        int shared = in[0].shape()[2] / in[1].shape()[2];
        int offset = in[1].shape()[1] - in[0].shape()[1];
        return Reference.generate(in[0].shape(), at -> {
            int group = at[2] / shared;
            double sum = 0;
            double result = 0;
            for (int key = 0; key <= at[1] + offset; key++) {
                double score = 0;
                for (int i = 0; i < width; i++) {
                    score += in[0].at(at[0], at[1], at[2], i) * in[1].at(at[0], key, group, i);
                }
                double weight = Math.exp(scale * score);
                sum += weight;
                result += weight * in[2].at(at[0], key, group, at[3]);
            }
            return result / sum;
        });
    }

    @ParameterizedTest
    @CsvSource({"131, 131, 4, 4, 32", "70, 150, 6, 2, 40", "1, 300, 4, 1, 64", "257, 257, 2, 1, 18"})
    void longerAttentionMatchesItsPlainDefinition(long queries, long keys, long heads, long groups, long width) {
        double scale = 1 / Math.sqrt(width);
        FusedCheck.assertMatches(in -> Functional.scaledDotProductAttention(in[0], in[1], in[2], true, scale),
                in -> AttentionComposition.attention(in[0], in[1], in[2], scale),
                Shape.of(2, queries, heads, width), Shape.of(2, keys, groups, width), Shape.of(2, keys, groups, width));
    }

    @Test
    void attentionOverManyPositionsHoldsNoSquareOfScores() {
        try (var scope = Scope.open()) {
            Tensor q = Tensor.normal(40, 0, 1, 2048, 2, 16).requireGradient();
            Functional.scaledDotProductAttention(q.slice(1, 0, 8), q.slice(1, 0, 8), q.slice(1, 0, 8), true, 0.25);
            long before = scope.device().memoryUsage().inUse();
            Functional.scaledDotProductAttention(q, q, q, true, 0.25);
            assertThat(scope.device().memoryUsage().inUse() - before).isLessThan(2 * q.elementCount() * 4);
        }
    }

    @Test
    void reducedPrecisionIsRoundedOnce() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(30, 0, 2, 9, 4, 32).cast(DType.BF16);
            FusedCheck.assertOneRounding(Functional.scaledDotProductAttention(x, x, x, true, 0.2),
                    AttentionComposition.attention(x.cast(DType.F32), x, x, 0.2));
        }
    }

    @Test
    void gradientsOfReducedPrecisionAreF32() {
        // The gradient uses the result, which is rounded to 8 significant bits.
        FusedCheck.assertGradientsOfReducedPrecision(0x1p-8, in -> Functional.scaledDotProductAttention(in[0], in[1], in[2], true, 0.2),
                Shape.of(2, 9, 4, 24), Shape.of(2, 11, 2, 24), Shape.of(2, 11, 2, 24));
    }

    @Test
    void operandsThatDoNotFitAreRefused() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.zeros(2, 3, 4, 6);
            assertThatThrownBy(() -> Functional.scaledDotProductAttention(x, x.slice(1, 0, 2), x.slice(1, 0, 2), true, 1))
                    .isInstanceOf(ShapeException.class)
                    .hasMessageStartingWith("[attention] needs q").hasMessageEndingWith("[2, 3, 4, 6], [2, 2, 4, 6], [2, 2, 4, 6]");
            assertThatThrownBy(() -> Functional.scaledDotProductAttention(x, x.slice(2, 0, 3), x.slice(2, 0, 3), true, 1))
                    .isInstanceOf(ShapeException.class);
        }
    }

    /** Keys and values of BF16 with queries of F32: recorded, in a kernel, of several caches, and on a device that has to convert them. */
    @Test
    void keysOfACacheInBf16CountAsTheSameNumbersInF32() {
        for (Device device : List.of(Device.cpu(), OtherDevice.of("other"))) {
            try (var _ = Scope.open(device)) {
                Tensor q = Tensor.normal(1, 0, 2, 3, 4, 24);
                Tensor k = Tensor.normal(1, 1, 2, 40, 2, 24).cast(DType.BF16);
                Tensor v = Tensor.normal(1, 2, 2, 40, 2, 24).cast(DType.BF16);
                float[] expected = Autograd.withoutRecording(() ->
                        CausalAttention.apply(q, k.cast(DType.F32), v.cast(DType.F32), 0.2)).toFloatArray();
                assertThat(Autograd.withoutRecording(() -> CausalAttention.apply(q, k, v, 0.2)).toFloatArray()).isEqualTo(expected);
                assertThat(Autograd.withoutRecording(() -> CausalAttention.applyToEach(q, List.of(k.slice(0, 0, 1), k.slice(0, 1, 2)),
                        List.of(v.slice(0, 0, 1), v.slice(0, 1, 2)), 0.2)).toFloatArray()).isEqualTo(expected);
                Tensor recorded = k.requireGradient();
                Tensor result = CausalAttention.apply(q, recorded, v, 0.2);
                assertThat(result.toFloatArray()).isEqualTo(expected);
                result.square().sum().backward();
                Tensor wide = k.detach().cast(DType.F32).requireGradient();
                CausalAttention.apply(q, wide, v.cast(DType.F32), 0.2).square().sum().backward();
                assertThat(recorded.gradient().toFloatArray()).isEqualTo(wide.gradient().cast(recorded.gradient().dtype()).toFloatArray());
            }
        }
    }

    @Test
    void otherMixturesOfTypesAreRefused() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(1, 0, 1, 3, 2, 8);
            for (DType[] types : new DType[][] {{DType.BF16, DType.F32, DType.F32}, {DType.F32, DType.BF16, DType.F32},
                {DType.F32, DType.F16, DType.F16}, {DType.F64, DType.BF16, DType.BF16}}) {
                assertThatThrownBy(() -> CausalAttention.apply(x.cast(types[0]), x.cast(types[1]), x.cast(types[2]), 1))
                        .isInstanceOf(DTypeException.class).hasMessageContaining("q, k and v must be of one dtype");
            }
        }
    }
}
