package kept.model;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import kept.io.FileException;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.TensorException;

/**
 * The validated configuration of a decoder, as in config.json. Immutable; {@link #builder(Architecture)} creates and {@link #toBuilder()}
 * modifies one.
 *
 * @param architecture the architecture, which determines the norm, the form of the MLP and the tensors' names
 * @param vocabSize {@code vocab_size}: rows of the embedding
 * @param hiddenSize {@code hidden_size}: width of the residual stream, in most architectures a multiple of {@code heads}
 * @param intermediateSize {@code intermediate_size}: width of the MLP
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}: query heads
 * @param keyValueHeads {@code num_key_value_heads}: key and value heads, a divisor of {@code heads}
 * @param headDimension {@code head_dim}: width of a head, even; in some architectures always {@code hiddenSize / heads}
 * @param rotaryDimension the features of a head that are rotated, the first ones; even, and in most architectures all
 * @param maxPositions {@code max_position_embeddings}: the longest sequence
 * @param activation {@code hidden_act}: the activation of the MLP
 * @param normEps epsilon of the norms; {@code rms_norm_eps} in Llama
 * @param ropeTheta {@code rope_theta}: the base of the rotary frequencies
 * @param ropeScaling the scaling of rotary frequencies
 * @param attentionBias whether the q, k and v projections have biases; {@code attention_bias} in Llama
 * @param attentionOutputBias whether the o projection has a bias; in Llama as {@code attentionBias}
 * @param mlpBias whether the projections of the MLP have biases; {@code mlp_bias} in Llama
 * @param tieWordEmbeddings {@code tie_word_embeddings}: whether the head shares the embedding's weight
 * @param bosTokenId {@code bos_token_id}: beginning-of-sequence token
 * @param eosTokenIds {@code eos_token_id}: end-of-sequence tokens; may be empty
 * @param padTokenId {@code pad_token_id}: padding token
 * @param dtype {@code torch_dtype} or {@code dtype}: intended element type of the weights
 * @param initializerRange {@code initializer_range}: standard deviation for initialising weights
 */
public record DecoderConfig(Architecture architecture, int vocabSize, int hiddenSize, int intermediateSize, int layers, int heads, int keyValueHeads,
    int headDimension, int rotaryDimension, int maxPositions, Activation activation, double normEps, double ropeTheta, RopeScaling ropeScaling,
    boolean attentionBias, boolean attentionOutputBias, boolean mlpBias, boolean tieWordEmbeddings,
    OptionalInt bosTokenId, List<Integer> eosTokenIds, OptionalInt padTokenId, DType dtype, double initializerRange) {

    /** File name in a checkpoint directory. */
    public static final String FILE = "config.json";
    /** File name of the generation settings in a checkpoint directory. */
    public static final String GENERATION_FILE = "generation_config.json";

    private static final int MAX_LAYERS = 10_000;
    /** Bounds sums of sizes in bytes well below 64 bits. */
    private static final double MAX_PARAMETERS = 1L << 50;

    /**
     * Validates the sizes.
     *
     * @throws TensorException if they are inconsistent; the message names the keys of config.json
     */
    public DecoderConfig {
        Objects.requireNonNull(architecture, "architecture");
        Objects.requireNonNull(activation, "activation");
        Objects.requireNonNull(ropeScaling, "ropeScaling");
        eosTokenIds = List.copyOf(eosTokenIds);
        positive("vocab_size", vocabSize);
        positive("hidden_size", hiddenSize);
        positive("intermediate_size", intermediateSize);
        positive("num_hidden_layers", layers);
        positive("num_attention_heads", heads);
        positive("num_key_value_heads", keyValueHeads);
        positive("head_dim", headDimension);
        positive("max_position_embeddings", maxPositions);
        String epsilon = architecture.family().normEpsKey().orElse("the norms' epsilon");
        positive(epsilon, normEps);
        require((float) normEps > 0 && (float) normEps < Float.POSITIVE_INFINITY, "%s %s is beyond the range of 32-bit floating point", epsilon,
            normEps);
        positive("rope_theta", ropeTheta);
        require(initializerRange >= 0 && initializerRange < Double.POSITIVE_INFINITY,
            "initializer_range must not be negative, but is %s", initializerRange);
        require(hiddenSize % heads == 0 || architecture.family().hasUnevenHeads(),
            "hidden_size %d is not a multiple of num_attention_heads %d", hiddenSize, heads);
        require(heads % keyValueHeads == 0, "num_attention_heads %d is not a multiple of num_key_value_heads %d", heads, keyValueHeads);
        require(headDimension % 2 == 0, "the head dimension must be even for rotary positions, but is %d", headDimension);
        require(rotaryDimension % 2 == 0 && rotaryDimension >= 2 && rotaryDimension <= headDimension,
            "rotary positions take an even number of a head's %d features, not %d", headDimension, rotaryDimension);
        require(!(ropeScaling instanceof RopeScaling.LongRope rope) || rope.shortFactors().size() == rotaryDimension / 2,
            "longrope needs %d factors, one for two of a head's features", rotaryDimension / 2);
        require(layers <= MAX_LAYERS, "num_hidden_layers %d is above the %d that are supported", layers, MAX_LAYERS);
        double parameters = 2.0 * vocabSize * hiddenSize
            + layers * (2.0 * hiddenSize * headDimension * ((double) heads + keyValueHeads) + 3.0 * hiddenSize * intermediateSize);
        require(parameters <= MAX_PARAMETERS, "the sizes are those of a model of %.3g parameters; are they right?", parameters);
        bosTokenId.ifPresent(id -> checkId("bos_token_id", id, vocabSize));
        eosTokenIds.forEach(id -> checkId("eos_token_id", id, vocabSize));
        padTokenId.ifPresent(id -> checkId("pad_token_id", id, vocabSize));
        require(dtype.isFloating() && dtype != DType.F64, "weights of type %s cannot be trained or run; take f32, bf16 or f16", dtype.label());
        require(architecture.family().hasFreeHeads() || headDimension == hiddenSize / heads,
            "%s's head_dim is hidden_size / num_attention_heads = %d, not %d", architecture.label(), hiddenSize / heads, headDimension);
        require(architecture.family().rotaryFactor().isPresent() || rotaryDimension == headDimension,
            "%s rotates all %d features of a head, not %d", architecture.label(), headDimension, rotaryDimension);
        require(architecture.family().activations().contains(activation), "%s's hidden_act is one of %s", architecture.label(),
            ActivationNames.list(architecture.family().activations()));
        require(architecture.family().normEpsKey().isPresent() || normEps == Family.FIXED_EPSILON, "the epsilon of %s's norms is %s, not %s",
            architecture.label(), Family.FIXED_EPSILON, normEps);
        architecture.family().check(new Family.Biases(attentionBias, attentionOutputBias, mlpBias));
    }

    /**
     * Reads a configuration in the form of transformers 4 ({@code rope_theta}, {@code rope_scaling}, {@code torch_dtype}) or 5
     * ({@code rope_parameters}, {@code dtype}).
     *
     * <p>The keys {@code vocab_size}, {@code hidden_size}, {@code intermediate_size}, {@code num_hidden_layers} and {@code num_attention_heads} are
     * required; other keys have the defaults of transformers, and unknown keys are ignored.
     *
     * @param path a config.json, or the directory that contains one
     * @return the configuration
     * @throws FileException if the file cannot be read, has an unsupported architecture or feature, or inconsistent values; the message names
     *     file and key
     */
    public static DecoderConfig read(Path path) {
        return DecoderConfigReader.read(path);
    }

    /**
     * Starts a configuration with the architecture's defaults; sizes have no defaults.
     *
     * @param architecture the architecture
     * @return the builder
     */
    public static DecoderConfigBuilder builder(Architecture architecture) {
        return new DecoderConfigBuilder(architecture);
    }

    /**
     * Starts a configuration from this one.
     *
     * @return a builder with all values of this configuration
     */
    public DecoderConfigBuilder toBuilder() {
        return new DecoderConfigBuilder(this, architecture);
    }

    /**
     * The name of the activation in config.json.
     *
     * @return {@code hidden_act}, such as {@code silu}
     */
    public String activationName() {
        return ActivationNames.of(activation);
    }

    /**
     * The scaling of rotary frequencies in words.
     *
     * @return such as {@code not scaled} or {@code yarn (factor 4.0, from 4096 positions)}
     */
    public String ropeScalingInWords() {
        return RopeScalingNames.inWords(ropeScaling);
    }

    /**
     * Returns the configuration of a Llama with the same sizes and constants whose modules, except norms, can compute what this model's do. It has
     * biases where this one has any in attention or in the MLP, or no gate in the MLP; where a part of a head is rotated, it has factors of
     * LongRoPE that stop the other frequencies ({@link PartialRotation}); where the hidden size is no multiple of the heads, it has more
     * ({@link HeadPadding}).
     *
     * @return the configuration
     * @throws TensorException if a part of a head is rotated with frequencies that are scaled otherwise than linearly, or no number of heads fits
     */
    public DecoderConfig toLlama() {
        HeadPadding padding = HeadPadding.of(this);
        return new DecoderConfigBuilder(this, Architecture.LLAMA).heads(padding.groups() * padding.padded())
            .attentionBias(attentionBias || attentionOutputBias).mlpBias(mlpBias || !architecture.isGated())
            .rotaryDimension(headDimension).ropeScaling(PartialRotation.scaling(this)).build();
    }

    /**
     * Writes config.json in the form of transformers 4, which transformers 5 also reads.
     *
     * @param directory where to
     * @throws FileException if it cannot be written
     */
    public void write(Path directory) {
        DecoderConfigWriter.write(this, directory);
    }

    /**
     * Writes a generation_config.json with the source's generation settings and the special tokens.
     *
     * @param source the directory of the source checkpoint, with or without such a file
     * @param directory where to
     * @throws FileException if the source's file cannot be read or the new file cannot be written
     */
    public void writeGenerationConfig(Path source, Path directory) {
        DecoderConfigWriter.writeGenerationConfig(this, source, directory);
    }

    private static void positive(String key, double value) {
        require(value > 0 && value < Double.POSITIVE_INFINITY, "%s must be greater than 0, but is %s", key,
            value == Math.rint(value) ? (Object) (long) value : (Object) value);
    }

    private static void checkId(String key, int id, int vocabSize) {
        require(id >= 0 && id < vocabSize, "%s %d is outside the vocabulary of %d", key, id, vocabSize);
    }

    private static void require(boolean holds, String problem, Object... values) {
        if (!holds) {
            throw new TensorException("[config] " + problem.formatted(values));
        }
    }
}
