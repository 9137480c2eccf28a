package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import kept.io.JsonObject;
import kept.nn.Activation;
import kept.tensor.TensorException;

/**
 * What distinguishes an architecture from the decoder that all of them share: its norm, its MLP, the names of its tensors, and its config.json.
 * A subclass states it for one architecture; {@link Architecture} lists them. {@link DecoderConfigReader} reads the keys that all have in common.
 */
abstract class Family {
    static final double FIXED_EPSILON = 1e-5;

    private final String label;
    private final String modelType;
    private final String className;

    /**
     * @param label the name for readers
     * @param modelType {@code model_type} in config.json
     * @param className the class in {@code architectures}
     */
    Family(String label, String modelType, String className) {
        this.label = label;
        this.modelType = modelType;
        this.className = className;
    }

    final String label() {
        return label;
    }

    final String modelType() {
        return modelType;
    }

    final String className() {
        return className;
    }

    /** The kind of all norms. */
    abstract NormKind norm();

    /** Whether the MLP has a gate. */
    boolean isGated() {
        return true;
    }

    /** The modules in layers that are named otherwise than Llama's, such as {@code mlp.c_fc}, by the role of their weights. */
    Map<TensorRole, String> modules() {
        return Map.of();
    }

    /** The activations that {@code hidden_act} may name. */
    Set<Activation> activations() {
        return Set.of(Activation.values());
    }

    /** The key with the epsilon of the norms; nothing if it is always {@link #FIXED_EPSILON}. */
    abstract Optional<String> normEpsKey();

    /** Whether {@code head_dim} may differ from {@code hidden_size / num_attention_heads}. */
    boolean hasFreeHeads() {
        return true;
    }

    /** Whether {@code hidden_size} need not be a multiple of {@code num_attention_heads}. */
    boolean hasUnevenHeads() {
        return false;
    }

    /** The usual {@code partial_rotary_factor}; nothing if always all features of a head are rotated. */
    OptionalDouble rotaryFactor() {
        return OptionalDouble.empty();
    }

    /** The special tokens where config.json lacks their keys. */
    abstract SpecialTokens tokens();

    /** The number of key and value heads where config.json does not say it. */
    int keyValueHeads(int heads) {
        return heads;
    }

    /**
     * Whether a model with {@code sliding_window} is read as one for texts up to that length, which the window does not restrict; if not, it is
     * refused.
     */
    boolean endsAtWindow() {
        return false;
    }

    /** The keys with the longest sequence; the first that is there counts. */
    List<String> positionKeys() {
        return List.of("max_position_embeddings");
    }

    /** Sets what differs from {@link DecoderConfigBuilder}'s initial values, as transformers does it where config.json lacks the keys. */
    abstract void putDefaults(DecoderConfigBuilder builder);

    /** The keys that {@link #read} and {@link #refuse} read. */
    Set<String> keys() {
        return Set.of("attention_bias", "mlp_bias");
    }

    /**
     * Refuses values of config.json that no decoder here can compute.
     *
     * @throws kept.io.FileException naming file and key
     */
    void refuse(JsonObject json) {
        // Nothing beyond what DecoderConfigReader refuses.
    }

    /** Reads the {@link #keys} into a builder with the usual values. */
    void read(JsonObject json, DecoderConfigBuilder builder) {
        builder.attentionBias(json.flag("attention_bias", false)).mlpBias(json.flag("mlp_bias", false));
    }

    /** Writes the {@link #keys}. */
    abstract void write(DecoderConfig config, Map<String, Object> json);

    /**
     * Checks the biases.
     *
     * @throws TensorException if this architecture has others
     */
    void check(Biases biases) {
        require(biases.attentionOutput() == biases.attention(), "%s has biases in all projections of attention or in none", label);
    }

    /** The key of config.json that says whether projections have a bias, by the bias's role; nothing for one that no such model has. */
    Optional<String> biasKey(TensorRole bias) {
        return switch (bias) {
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS, ATTENTION_OUTPUT_BIAS -> Optional.of("attention_bias");
            case GATE_BIAS, UP_BIAS, DOWN_BIAS -> Optional.of("mlp_bias");
            default -> Optional.empty();
        };
    }

    /** The classes in {@code auto_map} whose code this package replaces. */
    Set<String> ownCode() {
        return Set.of();
    }

    /** Writes the width of a head where it is not the usual one. */
    static void putHeadDimension(DecoderConfig config, Map<String, Object> json) {
        if (config.headDimension() != config.hiddenSize() / config.heads()) {
            json.put("head_dim", config.headDimension());
        }
    }

    /** Throws the error of a configuration that cannot be. */
    final void require(boolean holds, String problem, Object... values) {
        if (!holds) {
            throw new TensorException("[config] " + problem.formatted(values));
        }
    }

    /**
     * Which projections have biases.
     *
     * @param attention q, k and v
     * @param attentionOutput o
     * @param mlp those of the MLP
     */
    record Biases(boolean attention, boolean attentionOutput, boolean mlp) {}

    /**
     * Special tokens.
     *
     * @param bos beginning of sequence
     * @param eos end of sequence
     * @param pad padding
     */
    record SpecialTokens(OptionalInt bos, List<Integer> eos, OptionalInt pad) {
        /** Those that a vocabulary has. */
        SpecialTokens within(int vocabSize) {
            return new SpecialTokens(within(bos, vocabSize), eos.stream().filter(id -> id < vocabSize).toList(), within(pad, vocabSize));
        }

        private static OptionalInt within(OptionalInt id, int vocabSize) {
            return id.isPresent() && id.getAsInt() < vocabSize ? id : OptionalInt.empty();
        }
    }
}
