package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;

/** Names, order and freezing of parameters. */
class LayerTest {
    private static Linear linear(long out, long in) {
        return new Linear(Tensor.zeros(out, in), null);
    }

    /** Two blocks as a checkpoint of the Llama form names them. */
    private static final class Blocks extends Layer {
        Blocks() {
            register("embed_tokens", new Embedding(Tensor.zeros(7, 4)));
            for (int i = 0; i < 2; i++) {
                register("layers." + i, new Block());
            }
            register("norm", new LayerNorm(Tensor.ones(4), Tensor.zeros(4), 1e-5));
            register("scale", Tensor.ones(1));
        }
    }

    private static final class Block extends Layer {
        Block() {
            register("input_layernorm", new RmsNorm(Tensor.ones(4), 1e-5));
            register("self_attn", new Attention(linear(4, 4), linear(2, 4), new Linear(Tensor.zeros(2, 4), Tensor.zeros(2)), linear(4, 4), 2, 1, 2));
            register("mlp", new SwiGlu(linear(6, 4), linear(6, 4), linear(4, 6)));
        }
    }

    @Test
    void parametersAreNamedByTheirPathInTheOrderOfRegistration() {
        try (var _ = Scope.open()) {
            assertThat(new Blocks().parameters().keySet()).containsExactly(
                    "embed_tokens.weight",
                    "layers.0.input_layernorm.weight",
                    "layers.0.self_attn.q_proj.weight",
                    "layers.0.self_attn.k_proj.weight",
                    "layers.0.self_attn.v_proj.weight",
                    "layers.0.self_attn.v_proj.bias",
                    "layers.0.self_attn.o_proj.weight",
                    "layers.0.mlp.gate_proj.weight",
                    "layers.0.mlp.up_proj.weight",
                    "layers.0.mlp.down_proj.weight",
                    "layers.1.input_layernorm.weight",
                    "layers.1.self_attn.q_proj.weight",
                    "layers.1.self_attn.k_proj.weight",
                    "layers.1.self_attn.v_proj.weight",
                    "layers.1.self_attn.v_proj.bias",
                    "layers.1.self_attn.o_proj.weight",
                    "layers.1.mlp.gate_proj.weight",
                    "layers.1.mlp.up_proj.weight",
                    "layers.1.mlp.down_proj.weight",
                    "norm.weight",
                    "norm.bias",
                    "scale");
        }
    }

    @Test
    void parameterMapIsReadOnlyAndNamesAreUnique() {
        try (var _ = Scope.open()) {
            Layer layer = linear(2, 2);
            assertThatThrownBy(() -> layer.parameters().clear()).isInstanceOf(UnsupportedOperationException.class);
            assertThatThrownBy(() -> layer.register("weight", Tensor.zeros(1))).isInstanceOf(TensorException.class)
                    .hasMessage("[layer] two parameters are named 'weight' in Linear");
        }
    }

    @Test
    void onlyTrainableParametersRecordAndGetGradients() {
        try (var _ = Scope.open()) {
            Linear linear = new Linear(Tensor.ones(2, 3), Tensor.zeros(2));
            Tensor x = Tensor.ones(4, 3);
            assertThat(linear.weight().isTrainable()).isFalse();
            assertThat(linear.forward(x).requiresGradient()).isFalse();

            linear.weight().setTrainable(true);
            linear.forward(x).sum().backward();
            assertThat(linear.weight().gradient().toFloatArray()).containsOnly(4);
            assertThat(linear.bias().orElseThrow().gradient()).isNull();
            linear.weight().zeroGradient();
            assertThat(linear.weight().gradient().toFloatArray()).containsOnly(0);

            linear.weight().setTrainable(false);
            assertThat(linear.weight().gradient()).isNull();
            assertThat(linear.forward(x).requiresGradient()).isFalse();
        }
    }

    @Test
    void freezingSharesTheMemory() {
        try (var _ = Scope.open()) {
            var parameter = new Parameter(Tensor.ones(3).requireGradient());
            assertThat(parameter.isTrainable()).isTrue();
            parameter.setTrainable(false).value().fill(5);
            assertThat(parameter.setTrainable(true).value().toFloatArray()).containsOnly(5);
        }
    }

    @Test
    void parameterMustBeContiguous() {
        try (var _ = Scope.open()) {
            assertThatThrownBy(() -> new Parameter(Tensor.ones(3, 2).transpose(0, 1))).isInstanceOf(ShapeException.class)
                    .hasMessage("[parameter] needs a contiguous tensor, not [2, 3] with strides [1, 2]");
        }
    }
}
