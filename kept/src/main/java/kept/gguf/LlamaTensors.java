package kept.gguf;

import java.util.List;
import java.util.Map;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;

/** What llama.cpp calls the tensors of a Llama, and in which type it expects each. */
final class LlamaTensors {
    /** The rotary frequencies' divisors of Llama 3's scaling; made from the configuration, not from a tensor. */
    static final String ROPE_FREQUENCIES = "rope_freqs.weight";

    private static final String LAYERS = "model.layers.";
    private static final Map<String, String> OUTSIDE = Map.of(
            "model.embed_tokens", "token_embd", "model.norm", "output_norm", "lm_head", "output");
    private static final Map<String, String> INSIDE = Map.of(
            "input_layernorm", "attn_norm", "self_attn.q_proj", "attn_q", "self_attn.k_proj", "attn_k", "self_attn.v_proj", "attn_v",
            "self_attn.o_proj", "attn_output", "post_attention_layernorm", "ffn_norm",
            "mlp.gate_proj", "ffn_gate", "mlp.up_proj", "ffn_up", "mlp.down_proj", "ffn_down");

    private LlamaTensors() {}

    /**
     * All tensors that come from a checkpoint.
     *
     * @param config a Llama
     * @param type what matrices are stored in
     * @return the tensors, in the order of the graph
     */
    static List<GgufTensor> of(DecoderConfig config, GgufType type) {
        return ModelTensor.of(config).stream().map(tensor -> of(tensor, config, type)).toList();
    }

    private static GgufTensor of(ModelTensor tensor, DecoderConfig config, GgufType type) {
        boolean rotated = tensor.name().contains(".q_proj.") || tensor.name().contains(".k_proj.");
        return new GgufTensor(rename(tensor.name()), stored(tensor, type), tensor.shape(), tensor.name(), rotated ? config.headDimension() : 0);
    }

    /** Vectors are f32, and a matrix whose rows are not whole blocks is f16, as llama.cpp's converter has it. */
    private static GgufType stored(ModelTensor tensor, GgufType type) {
        if (tensor.shape().rank() == 1) {
            return GgufType.F32;
        }
        return tensor.shape().size(1) % type.blockElements() == 0 ? type : GgufType.F16;
    }

    private static String rename(String name) {
        int suffix = name.lastIndexOf('.');
        String module = name.substring(0, suffix);
        if (!module.startsWith(LAYERS)) {
            return OUTSIDE.get(module) + name.substring(suffix);
        }
        int number = module.indexOf('.', LAYERS.length());
        return "blk." + module.substring(LAYERS.length(), number) + "." + INSIDE.get(module.substring(number + 1)) + name.substring(suffix);
    }
}
