package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;

/** Operands that do not fit together are refused where they are put together. */
class OperandRecordsTest {
    private static Tensor tensor(long... shape) {
        return Tensor.empty(DType.F32, Shape.of(shape));
    }

    @Test
    void operandsOfAttentionFitTogether() {
        try (var _ = Scope.open()) {
            Tensor q = tensor(2, 3, 4, 8);
            Tensor k = tensor(2, 5, 2, 8);
            assertThat(new AttentionOperands(q, k, k, 0.5).map(x -> x).scale()).isEqualTo(0.5);
            for (Tensor wrong : new Tensor[] {tensor(1, 5, 2, 8), tensor(2, 2, 2, 8), tensor(2, 5, 3, 8), tensor(2, 5, 2, 9), tensor(2, 5, 16)}) {
                assertThatThrownBy(() -> new AttentionOperands(q, wrong, wrong, 0.5)).as("%s", wrong.shape()).isInstanceOf(ShapeException.class)
                        .hasMessageContaining("[attention] needs q");
            }
            assertThatThrownBy(() -> new AttentionOperands(q, k, tensor(2, 6, 2, 8), 0.5)).isInstanceOf(ShapeException.class);
            assertThatThrownBy(() -> new AttentionOperands(q, k, k, Double.NaN)).isInstanceOf(TensorException.class).hasMessageContaining("scale");
        }
    }

    @Test
    void partsOfDistributionsFitTogether() {
        try (var _ = Scope.open()) {
            Tensor tokens = Tensor.empty(DType.I64, Shape.of(3, 2));
            assertThat(new SparseDistribution(tokens, tensor(3, 2), tensor(3), tensor(3)).map(x -> x).tokens()).isSameAs(tokens);
            assertThatThrownBy(() -> new SparseDistribution(tokens, tensor(3, 1), tensor(3), tensor(3))).isInstanceOf(ShapeException.class)
                    .hasMessageStartingWith("[sparse distribution] needs tokens and probabilities [rows, k]");
            assertThatThrownBy(() -> new SparseDistribution(tokens, tensor(3, 2), tensor(2), tensor(2))).isInstanceOf(ShapeException.class);
            assertThatThrownBy(() -> new SparseDistribution(tokens, tensor(3, 2), tensor(3), tensor(3, 1))).isInstanceOf(ShapeException.class);
            assertThatThrownBy(() -> new SparseDistribution(tensor(3, 2), tensor(3, 2), tensor(3), tensor(3))).isInstanceOf(DTypeException.class)
                    .hasMessageStartingWith("[sparse distribution] needs tokens of i64");
        }
    }

    @Test
    void parametersOfALayerNormFitTogether() {
        try (var _ = Scope.open()) {
            Tensor weight = tensor(4);
            assertThat(new LayerNormParameters(weight, weight, 1e-5).epsilon()).isEqualTo(1e-5);
            assertThatThrownBy(() -> new LayerNormParameters(weight, tensor(5), 1e-5)).isInstanceOf(ShapeException.class)
                    .hasMessage("[layer norm] needs weight and bias [width], not [4] and [5]");
            assertThatThrownBy(() -> new LayerNormParameters(tensor(4, 1), tensor(4, 1), 1e-5)).isInstanceOf(ShapeException.class);
            for (double epsilon : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
                assertThatThrownBy(() -> new LayerNormParameters(weight, weight, epsilon)).isInstanceOf(TensorException.class)
                        .hasMessageContaining("epsilon");
            }
        }
    }
}
