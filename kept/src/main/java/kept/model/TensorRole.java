package kept.model;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The roles of a decoder's tensors, in the order of the graph, with their names in checkpoints of Llama; {@link TensorName} adds the layer, and
 * {@link Architecture#name} knows the names that are others elsewhere.
 */
public enum TensorRole {
    /** The embedding. */
    EMBEDDING("model.embed_tokens"),
    /** The weight of the norm before attention. */
    INPUT_NORM_WEIGHT("layer.input_layernorm"),
    /** The bias of the norm before attention; a LayerNorm's. */
    INPUT_NORM_BIAS(INPUT_NORM_WEIGHT),
    /** The projection to queries. */
    QUERY("layer.self_attn.q_proj", INPUT_NORM_WEIGHT),
    /** The bias of the projection to queries. */
    QUERY_BIAS(QUERY),
    /** The projection to keys. */
    KEY("layer.self_attn.k_proj", INPUT_NORM_WEIGHT),
    /** The bias of the projection to keys. */
    KEY_BIAS(KEY),
    /** The projection to values. */
    VALUE("layer.self_attn.v_proj", INPUT_NORM_WEIGHT),
    /** The bias of the projection to values. */
    VALUE_BIAS(VALUE),
    /** The projection of what attention read back to the residual stream. */
    ATTENTION_OUTPUT("layer.self_attn.o_proj"),
    /** The bias of the projection of what attention read. */
    ATTENTION_OUTPUT_BIAS(ATTENTION_OUTPUT),
    /** The weight of the norm before the MLP. */
    POST_ATTENTION_NORM_WEIGHT("layer.post_attention_layernorm"),
    /** The bias of the norm before the MLP; a LayerNorm's. */
    POST_ATTENTION_NORM_BIAS(POST_ATTENTION_NORM_WEIGHT),
    /** The projection through the activation of an MLP with a gate. */
    GATE("layer.mlp.gate_proj", POST_ATTENTION_NORM_WEIGHT),
    /** The bias of the projection through the activation of an MLP with a gate. */
    GATE_BIAS(GATE),
    /** The MLP's projection that the gate multiplies, or through the activation where there is no gate. */
    UP("layer.mlp.up_proj", POST_ATTENTION_NORM_WEIGHT),
    /** The bias of the projection that the gate multiplies, or through the activation where there is no gate. */
    UP_BIAS(UP),
    /** The MLP's projection back to the residual stream. */
    DOWN("layer.mlp.down_proj"),
    /** The bias of the MLP's projection back to the residual stream. */
    DOWN_BIAS(DOWN),
    /** The weight of the norm before the head. */
    FINAL_NORM_WEIGHT("model.norm"),
    /** The bias of the norm before the head; a LayerNorm's. */
    FINAL_NORM_BIAS(FINAL_NORM_WEIGHT),
    /** The language-model head. */
    HEAD("lm_head", FINAL_NORM_WEIGHT);

    /** The prefix of names of a layer's modules in a checkpoint, before the layer's index. */
    static final String LAYERS = "model.layers.";

    private static final String LAYER = "layer.";
    private static final Map<String, TensorRole> BY_NAME = new HashMap<>();

    static {
        for (TensorRole role : values()) {
            BY_NAME.put(role.module + role.ending(), role);
        }
    }

    private final String module;
    private final TensorRole weight;
    private final TensorRole norm;

    /** A weight; the names of those in a layer begin with "layer.". */
    TensorRole(String module) {
        this(module, (TensorRole) null);
    }

    /** The weight of a projection that reads a norm's output. */
    TensorRole(String module, TensorRole norm) {
        this.module = module;
        this.weight = null;
        this.norm = norm;
    }

    /** The bias beside a weight. */
    TensorRole(TensorRole weight) {
        this.module = weight.module;
        this.weight = weight;
        this.norm = weight.norm;
    }

    /** The role of a tensor outside of the layers, by its whole name. */
    static Optional<TensorRole> outsideLayers(String name) {
        return Optional.ofNullable(BY_NAME.get(name)).filter(role -> !role.isInLayer());
    }

    /** The role of a layer's tensor, by what follows the layer's number and a dot. */
    static Optional<TensorRole> insideLayer(String rest) {
        return Optional.ofNullable(BY_NAME.get(LAYER + rest));
    }

    /** The module's name in a checkpoint; the layer counts only in layers. */
    String module(int layer) {
        return isInLayer() ? LAYERS + layer + "." + moduleInLayer() : module;
    }

    /** The name in its layer of a module that is in one. */
    String moduleInLayer() {
        return module.substring(LAYER.length());
    }

    /** The part of the name after the module's. */
    String ending() {
        return isBias() ? ".bias" : ".weight";
    }

    /**
     * Whether each layer has one.
     *
     * @return false for embedding, final norm and head
     */
    public boolean isInLayer() {
        return module.startsWith(LAYER);
    }

    /**
     * Whether it is a bias, of a norm or of a projection.
     *
     * @return false for weights
     */
    public boolean isBias() {
        return weight != null;
    }

    /**
     * Whether it belongs to a norm.
     *
     * @return true for weights and biases of norms
     */
    public boolean isNorm() {
        return switch (weight()) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT -> true;
            default -> false;
        };
    }

    /**
     * Whether its output is added to the residual stream.
     *
     * @return true for attention's output and the MLP's down projection, and their biases
     */
    public boolean writesToStream() {
        return switch (weight()) {
            case ATTENTION_OUTPUT, DOWN -> true;
            default -> false;
        };
    }

    /**
     * The weight of the same module.
     *
     * @return of a bias the weight beside it, of a weight itself
     */
    public TensorRole weight() {
        return weight == null ? this : weight;
    }

    /**
     * The bias of the same module.
     *
     * @return of a weight the bias beside it, of a bias itself; nothing for embedding and head
     */
    public Optional<TensorRole> bias() {
        return Optional.ofNullable(BY_NAME.get(module + ".bias"));
    }

    /**
     * The norm whose output the tensor's module reads.
     *
     * @return the norm's weight; nothing for what reads no norm
     */
    public Optional<TensorRole> norm() {
        return Optional.ofNullable(norm);
    }
}
