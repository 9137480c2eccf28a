package kept.model;

import java.util.ArrayList;
import java.util.List;
import kept.tensor.Shape;

/**
 * A tensor of a decoder: which it is, its shape, and its name.
 *
 * @param id its role and layer
 * @param shape its extents
 * @param name its name in checkpoints, such as {@code model.layers.0.self_attn.q_proj.weight}
 */
public record ModelTensor(TensorName id, Shape shape, String name) {
    /**
     * Returns all tensors of a model, in the order of the forward pass.
     *
     * @param config the model's configuration
     * @return one entry for each tensor that a checkpoint must contain
     */
    public static List<ModelTensor> of(DecoderConfig config) {
        List<ModelTensor> tensors = new ArrayList<>();
        add(tensors, TensorRole.EMBEDDING, TensorName.NO_LAYER, config);
        for (int layer = 0; layer < config.layers(); layer++) {
            for (TensorRole role : TensorRole.values()) {
                if (role.isInLayer()) {
                    add(tensors, role, layer, config);
                }
            }
        }
        add(tensors, TensorRole.FINAL_NORM_WEIGHT, TensorName.NO_LAYER, config);
        add(tensors, TensorRole.FINAL_NORM_BIAS, TensorName.NO_LAYER, config);
        add(tensors, TensorRole.HEAD, TensorName.NO_LAYER, config);
        return tensors;
    }

    /**
     * Its role.
     *
     * @return its role
     */
    public TensorRole role() {
        return id.role();
    }

    /**
     * The layer it belongs to.
     *
     * @return counted from 0; {@link TensorName#NO_LAYER} for what is in none
     */
    public int layer() {
        return id.layer();
    }

    /**
     * The norm whose output its module reads.
     *
     * @return the name of the norm's weight
     * @throws java.util.NoSuchElementException if it reads no norm
     */
    public TensorName norm() {
        return id.norm();
    }

    /** Whether a model has tensors of a role. */
    static boolean exists(TensorRole role, DecoderConfig config) {
        return switch (role) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT -> config.architecture().norm().hasWeight();
            case INPUT_NORM_BIAS, POST_ATTENTION_NORM_BIAS, FINAL_NORM_BIAS -> config.architecture().norm().hasBias();
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS -> config.attentionBias();
            case ATTENTION_OUTPUT_BIAS -> config.attentionOutputBias();
            case GATE -> config.architecture().isGated();
            case GATE_BIAS -> config.architecture().isGated() && config.mlpBias();
            case UP_BIAS, DOWN_BIAS -> config.mlpBias();
            case HEAD -> !config.tieWordEmbeddings();
            case EMBEDDING, QUERY, KEY, VALUE, ATTENTION_OUTPUT, UP, DOWN -> true;
        };
    }

    /** The shape of a model's tensors of a role. */
    static Shape shape(TensorRole role, DecoderConfig config) {
        long hidden = config.hiddenSize();
        long queries = (long) config.heads() * config.headDimension();
        long keys = (long) config.keyValueHeads() * config.headDimension();
        return switch (role) {
            case EMBEDDING, HEAD -> Shape.of(config.vocabSize(), hidden);
            case QUERY -> Shape.of(queries, hidden);
            case KEY, VALUE -> Shape.of(keys, hidden);
            case ATTENTION_OUTPUT -> Shape.of(hidden, queries);
            case GATE, UP -> Shape.of(config.intermediateSize(), hidden);
            case DOWN -> Shape.of(hidden, config.intermediateSize());
            case QUERY_BIAS -> Shape.of(queries);
            case KEY_BIAS, VALUE_BIAS -> Shape.of(keys);
            case GATE_BIAS, UP_BIAS -> Shape.of(config.intermediateSize());
            case INPUT_NORM_WEIGHT, INPUT_NORM_BIAS, POST_ATTENTION_NORM_WEIGHT, POST_ATTENTION_NORM_BIAS, FINAL_NORM_WEIGHT, FINAL_NORM_BIAS,
                    ATTENTION_OUTPUT_BIAS, DOWN_BIAS -> Shape.of(hidden);
        };
    }

    private static void add(List<ModelTensor> tensors, TensorRole role, int layer, DecoderConfig config) {
        if (exists(role, config)) {
            var id = new TensorName(role, layer);
            tensors.add(new ModelTensor(id, shape(role, config), config.architecture().name(id)));
        }
    }
}
