package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Function;
import kept.backend.composition.AttentionComposition;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionOperationTest {
    @ParameterizedTest
    @CsvSource({"F32, 2e-6", "BF16, 1e-2", "F16, 2e-3"})
    void agreesWithItsPlainDefinitionOnViewsOfEveryType(DType type, float tolerance) {
        try (var _ = Scope.open()) {
            Tensor q = Tensor.normal(1, 0, 2, 4, 37, 24).cast(type);
            Tensor k = Tensor.normal(1, 1, 2, 2, 50, 24).cast(type);
            Tensor v = Tensor.normal(1, 2, 2, 2, 50, 24).cast(type);
            Function<Tensor, Tensor> tokensFirst = x -> x.permute(0, 2, 1, 3);
            Tensor fused = Functional.scaledDotProductAttention(tokensFirst.apply(q), tokensFirst.apply(k), tokensFirst.apply(v), true, 0.3);
            Tensor plain = AttentionComposition.attention(tokensFirst.apply(q), tokensFirst.apply(k), tokensFirst.apply(v), 0.3);
            assertThat(fused.dtype()).isEqualTo(type);
            Tensor difference = fused.cast(DType.F32).sub(plain.cast(DType.F32));
            assertThat(difference.mul(difference).max().item()).isLessThan(tolerance * tolerance);
        }
    }

    @Test
    void memoryForwardAndBackwardGrowsWithTheTokensAndNotWithTheirSquare() {
        int tokens = 8192;
        int dimension = 64;
        long operand = (long) tokens * dimension * Float.BYTES;
        long before = Device.cpu().memoryUsage().obtained();
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(1, 0, 1, 1, tokens, dimension).requireGradient();
            Functional.scaledDotProductAttention(x, x, x, true, 0.125).sum().backward();
            assertThat(x.gradient()).isNotNull();
        }
        // Scores of all pairs of tokens would take 128 operands.
        assertThat(Device.cpu().memoryUsage().obtained() - before).isLessThan(16 * operand);
    }
}
