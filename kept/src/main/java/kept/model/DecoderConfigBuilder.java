package kept.model;

import java.util.List;
import java.util.OptionalInt;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.TensorException;

/**
 * Builds a {@link DecoderConfig}, starting from transformers' defaults for the architecture. Five sizes have no default and must be set: vocabulary,
 * hidden and intermediate size, layers and heads.
 */
public final class DecoderConfigBuilder {
    private final Architecture architecture;
    private int vocabSize;
    private int hiddenSize;
    private int intermediateSize;
    private int layers;
    private int heads;
    private int keyValueHeads;
    private int headDimension;
    /** 0 for all features. */
    private int rotaryDimension;
    private int maxPositions;
    private Activation activation = Activation.SILU;
    private double normEps;
    private double ropeTheta = 10_000;
    private RopeScaling ropeScaling = new RopeScaling.None();
    private boolean attentionBias;
    private boolean attentionOutputBias;
    private boolean mlpBias;
    private boolean tieWordEmbeddings;
    /** Null for that of the architecture, if the vocabulary has it. */
    private OptionalInt bosTokenId;
    /** Null for those of the architecture that the vocabulary has. */
    private List<Integer> eosTokenIds;
    /** Null for that of the architecture, if the vocabulary has it. */
    private OptionalInt padTokenId;
    private DType dtype = DType.F32;
    private double initializerRange = 0.02;

    DecoderConfigBuilder(Architecture architecture) {
        this.architecture = architecture;
        architecture.family().putDefaults(this);
    }

    DecoderConfigBuilder(DecoderConfig config, Architecture architecture) {
        this.architecture = architecture;
        this.vocabSize = config.vocabSize();
        this.hiddenSize = config.hiddenSize();
        this.intermediateSize = config.intermediateSize();
        this.layers = config.layers();
        this.heads = config.heads();
        this.keyValueHeads = config.keyValueHeads();
        this.headDimension = config.headDimension();
        this.rotaryDimension = config.rotaryDimension() == config.headDimension() ? 0 : config.rotaryDimension();
        this.maxPositions = config.maxPositions();
        this.activation = config.activation();
        this.normEps = config.normEps();
        this.ropeTheta = config.ropeTheta();
        this.ropeScaling = config.ropeScaling();
        this.attentionBias = config.attentionBias();
        this.attentionOutputBias = config.attentionOutputBias();
        this.mlpBias = config.mlpBias();
        this.tieWordEmbeddings = config.tieWordEmbeddings();
        this.bosTokenId = config.bosTokenId();
        this.eosTokenIds = config.eosTokenIds();
        this.padTokenId = config.padTokenId();
        this.dtype = config.dtype();
        this.initializerRange = config.initializerRange();
    }

    /**
     * Sets the vocabulary size.
     *
     * @param value the rows of the embedding
     * @return this builder
     */
    public DecoderConfigBuilder vocabSize(int value) {
        vocabSize = value;
        return this;
    }

    /**
     * Sets the width of the residual stream.
     *
     * @param value the width of the residual stream
     * @return this builder
     */
    public DecoderConfigBuilder hiddenSize(int value) {
        hiddenSize = value;
        return this;
    }

    /**
     * Sets the width of the MLP.
     *
     * @param value the width of the MLP
     * @return this builder
     */
    public DecoderConfigBuilder intermediateSize(int value) {
        intermediateSize = value;
        return this;
    }

    /**
     * Sets the number of layers.
     *
     * @param value the number of layers
     * @return this builder
     */
    public DecoderConfigBuilder layers(int value) {
        layers = value;
        return this;
    }

    /**
     * Sets the number of query heads.
     *
     * @param value the number of query heads
     * @return this builder
     */
    public DecoderConfigBuilder heads(int value) {
        heads = value;
        return this;
    }

    /**
     * Sets the number of key and value heads.
     *
     * @param value the number of key and value heads; defaults to the number of query heads
     * @return this builder
     */
    public DecoderConfigBuilder keyValueHeads(int value) {
        keyValueHeads = value;
        return this;
    }

    /**
     * Sets the width of a head.
     *
     * @param value the width of a head; defaults to {@code hiddenSize / heads}
     * @return this builder
     */
    public DecoderConfigBuilder headDimension(int value) {
        headDimension = value;
        return this;
    }

    /**
     * Sets the number of features of a head that are rotated.
     *
     * @param value how many of the first features; defaults to all
     * @return this builder
     */
    public DecoderConfigBuilder rotaryDimension(int value) {
        rotaryDimension = value;
        return this;
    }

    /**
     * Sets the activation of the MLP.
     *
     * @param value the activation
     * @return this builder
     */
    public DecoderConfigBuilder activation(Activation value) {
        activation = value;
        return this;
    }

    /**
     * Sets the maximum sequence length.
     *
     * @param value the longest sequence
     * @return this builder
     */
    public DecoderConfigBuilder maxPositions(int value) {
        maxPositions = value;
        return this;
    }

    /** The longest sequence so far, at first the architecture's usual one. */
    int maxPositions() {
        return maxPositions;
    }

    /**
     * Sets the epsilon of the norms.
     *
     * @param value the epsilon of the norms
     * @return this builder
     */
    public DecoderConfigBuilder normEps(double value) {
        normEps = value;
        return this;
    }

    /**
     * Sets the base of the rotary frequencies.
     *
     * @param value the base of the rotary frequencies
     * @return this builder
     */
    public DecoderConfigBuilder ropeTheta(double value) {
        ropeTheta = value;
        return this;
    }

    /**
     * Sets the scaling of rotary frequencies.
     *
     * @param value the scaling of rotary frequencies
     * @return this builder
     */
    public DecoderConfigBuilder ropeScaling(RopeScaling value) {
        ropeScaling = value;
        return this;
    }

    /**
     * Sets whether q, k, v and o have biases.
     *
     * @param value whether q, k, v and o have biases
     * @return this builder
     */
    public DecoderConfigBuilder attentionBias(boolean value) {
        attentionBias = value;
        attentionOutputBias = value;
        return this;
    }

    /**
     * Sets whether o has a bias, where q, k and v say otherwise.
     *
     * @param value whether o has a bias; defaults to what {@link #attentionBias} sets
     * @return this builder
     */
    public DecoderConfigBuilder attentionOutputBias(boolean value) {
        attentionOutputBias = value;
        return this;
    }

    /**
     * Sets whether the projections of the MLP have biases.
     *
     * @param value whether they have biases
     * @return this builder
     */
    public DecoderConfigBuilder mlpBias(boolean value) {
        mlpBias = value;
        return this;
    }

    /**
     * Sets whether the head shares the embedding's weight.
     *
     * @param value whether the head shares the embedding's weight
     * @return this builder
     */
    public DecoderConfigBuilder tieWordEmbeddings(boolean value) {
        tieWordEmbeddings = value;
        return this;
    }

    /**
     * Sets the beginning-of-sequence token.
     *
     * @param value the beginning-of-sequence token
     * @return this builder
     */
    public DecoderConfigBuilder bosTokenId(OptionalInt value) {
        bosTokenId = value;
        return this;
    }

    /**
     * Sets the end-of-sequence tokens.
     *
     * @param value the end-of-sequence tokens
     * @return this builder
     */
    public DecoderConfigBuilder eosTokenIds(List<Integer> value) {
        eosTokenIds = value;
        return this;
    }

    /**
     * Sets the padding token.
     *
     * @param value the padding token
     * @return this builder
     */
    public DecoderConfigBuilder padTokenId(OptionalInt value) {
        padTokenId = value;
        return this;
    }

    /**
     * Sets the intended element type of the weights.
     *
     * @param value the intended element type of the weights
     * @return this builder
     */
    public DecoderConfigBuilder dtype(DType value) {
        dtype = value;
        return this;
    }

    /**
     * Sets the standard deviation for initialising weights.
     *
     * @param value the standard deviation for initialising weights
     * @return this builder
     */
    public DecoderConfigBuilder initializerRange(double value) {
        initializerRange = value;
        return this;
    }

    /**
     * Builds the configuration.
     *
     * @return the configuration
     * @throws TensorException if a size is missing or the values are inconsistent
     */
    public DecoderConfig build() {
        int keyValue = keyValueHeads == 0 ? heads : keyValueHeads;
        int dimension = headDimension == 0 && heads > 0 ? hiddenSize / heads : headDimension;
        int rotated = rotaryDimension == 0 ? dimension : rotaryDimension;
        Family.SpecialTokens usual = architecture.family().tokens().within(vocabSize);
        OptionalInt bos = bosTokenId == null ? usual.bos() : bosTokenId;
        List<Integer> eos = eosTokenIds == null ? usual.eos() : eosTokenIds;
        OptionalInt pad = padTokenId == null ? usual.pad() : padTokenId;
        return new DecoderConfig(architecture, vocabSize, hiddenSize, intermediateSize, layers, heads, keyValue, dimension, rotated, maxPositions,
            activation, normEps, ropeTheta, ropeScaling, attentionBias, attentionOutputBias, mlpBias, tieWordEmbeddings, bos, eos, pad,
            dtype, initializerRange);
    }
}
