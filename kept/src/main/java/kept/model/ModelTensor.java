package kept.model;

import java.util.ArrayList;
import java.util.List;
import kept.tensor.Shape;

/**
 * The name and shape of one tensor in a checkpoint.
 *
 * @param name such as {@code model.layers.0.self_attn.q_proj.weight}
 * @param shape its extents
 */
public record ModelTensor(String name, Shape shape) {
    /** The name of the output projection's weight. */
    static final String HEAD = "lm_head.weight";
    /** The name of the embedding's weight. */
    static final String EMBEDDING = "model.embed_tokens.weight";

    /**
     * All tensors of a model, in the order of the graph.
     *
     * @param config the model's configuration
     * @return one entry for each tensor that a checkpoint must hold
     */
    public static List<ModelTensor> of(DecoderConfig config) {
        List<ModelTensor> tensors = new ArrayList<>();
        Shape hidden = Shape.of(config.hiddenSize());
        Shape vocabulary = Shape.of(config.vocabSize(), config.hiddenSize());
        tensors.add(new ModelTensor(EMBEDDING, vocabulary));
        for (int i = 0; i < config.layers(); i++) {
            addLayer(tensors, "model.layers." + i, hidden, config);
        }
        addNorm(tensors, "model.norm", hidden, config);
        if (!config.tieWordEmbeddings()) {
            tensors.add(new ModelTensor(HEAD, vocabulary));
        }
        return tensors;
    }

    /**
     * Whether the tensor belongs to a norm.
     *
     * @return true for weights and biases of norms
     */
    public boolean isNorm() {
        return name.contains("norm.");
    }

    private static void addLayer(List<ModelTensor> tensors, String layer, Shape hidden, DecoderConfig config) {
        long width = config.hiddenSize();
        long queries = (long) config.heads() * config.headDimension();
        long keys = (long) config.keyValueHeads() * config.headDimension();
        addNorm(tensors, layer + ".input_layernorm", hidden, config);
        addLinear(tensors, layer + ".self_attn.q_proj", queries, width, config.attentionBias());
        addLinear(tensors, layer + ".self_attn.k_proj", keys, width, config.attentionBias());
        addLinear(tensors, layer + ".self_attn.v_proj", keys, width, config.attentionBias());
        addLinear(tensors, layer + ".self_attn.o_proj", width, queries, config.attentionBias());
        addNorm(tensors, layer + ".post_attention_layernorm", hidden, config);
        addLinear(tensors, layer + ".mlp.gate_proj", config.intermediateSize(), width, config.mlpBias());
        addLinear(tensors, layer + ".mlp.up_proj", config.intermediateSize(), width, config.mlpBias());
        addLinear(tensors, layer + ".mlp.down_proj", width, config.intermediateSize(), config.mlpBias());
    }

    private static void addNorm(List<ModelTensor> tensors, String name, Shape shape, DecoderConfig config) {
        tensors.add(new ModelTensor(name + ".weight", shape));
        if (config.architecture() == Architecture.ORION) {
            tensors.add(new ModelTensor(name + ".bias", shape));
        }
    }

    private static void addLinear(List<ModelTensor> tensors, String name, long out, long in, boolean bias) {
        tensors.add(new ModelTensor(name + ".weight", Shape.of(out, in)));
        if (bias) {
            tensors.add(new ModelTensor(name + ".bias", Shape.of(out)));
        }
    }
}
