package kept.gguf;

import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorRole;

/** The names and types of a Llama's tensors in llama.cpp. */
final class LlamaTensors {
    /** The divisors of rotary frequencies for Llama 3's scaling and LongRoPE; computed from the configuration. */
    static final String ROPE_FREQUENCIES = "rope_freqs.weight";

    private LlamaTensors() {}

    /**
     * Returns all tensors that come from a checkpoint.
     *
     * @param config a Llama
     * @param type the element type of matrices
     * @return the tensors, in the order of the model's layers
     */
    static List<GgufTensor> of(DecoderConfig config, GgufType type) {
        return ModelTensor.of(config).stream().map(tensor -> of(tensor, config, type)).toList();
    }

    private static GgufTensor of(ModelTensor tensor, DecoderConfig config, GgufType type) {
        boolean rotated = switch (tensor.role()) {
            case QUERY, QUERY_BIAS, KEY, KEY_BIAS -> true;
            default -> false;
        };
        return new GgufTensor(name(tensor), stored(tensor, type), tensor.shape(), tensor.name(), rotated ? config.headDimension() : 0);
    }

    /** Vectors are f32, and a matrix whose rows are not whole blocks is f16, as in llama.cpp's converter. */
    private static GgufType stored(ModelTensor tensor, GgufType type) {
        if (tensor.shape().rank() == 1) {
            return GgufType.F32;
        }
        return tensor.shape().size(1) % type.blockElements() == 0 ? type : GgufType.F16;
    }

    private static String name(ModelTensor tensor) {
        String layer = tensor.role().isInLayer() ? "blk." + tensor.layer() + "." : "";
        return layer + module(tensor.role()) + (tensor.role().isBias() ? ".bias" : ".weight");
    }

    private static String module(TensorRole role) {
        return switch (role) {
            case EMBEDDING -> "token_embd";
            case INPUT_NORM_WEIGHT, INPUT_NORM_BIAS -> "attn_norm";
            case QUERY, QUERY_BIAS -> "attn_q";
            case KEY, KEY_BIAS -> "attn_k";
            case VALUE, VALUE_BIAS -> "attn_v";
            case ATTENTION_OUTPUT, ATTENTION_OUTPUT_BIAS -> "attn_output";
            case POST_ATTENTION_NORM_WEIGHT, POST_ATTENTION_NORM_BIAS -> "ffn_norm";
            case GATE, GATE_BIAS -> "ffn_gate";
            case UP, UP_BIAS -> "ffn_up";
            case DOWN, DOWN_BIAS -> "ffn_down";
            case FINAL_NORM_WEIGHT, FINAL_NORM_BIAS -> "output_norm";
            case HEAD -> "output";
        };
    }
}
