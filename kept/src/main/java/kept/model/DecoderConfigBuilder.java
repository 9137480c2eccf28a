package kept.model;

import java.util.List;
import java.util.OptionalInt;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.TensorException;

/**
 * Makes a {@link DecoderConfig}, starting from the defaults of transformers for the architecture. The five sizes that have none must be set:
 * vocabulary, hidden and intermediate size, layers and heads.
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
    private int maxPositions;
    private double normEps;
    private double ropeTheta = 10_000;
    private RopeScaling ropeScaling = new RopeScaling.None();
    private boolean attentionBias;
    private boolean mlpBias;
    private boolean tieWordEmbeddings;
    private OptionalInt bosTokenId = OptionalInt.of(1);
    private List<Integer> eosTokenIds = List.of(2);
    private OptionalInt padTokenId = OptionalInt.empty();
    private DType dtype = DType.F32;
    private double initializerRange = 0.02;

    DecoderConfigBuilder(Architecture architecture) {
        this.architecture = architecture;
        boolean orion = architecture == Architecture.ORION;
        this.maxPositions = orion ? 4096 : 2048;
        this.normEps = orion ? 1e-5 : 1e-6;
        if (orion) {
            this.padTokenId = OptionalInt.of(0);
        }
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
        this.maxPositions = config.maxPositions();
        this.normEps = config.normEps();
        this.ropeTheta = config.ropeTheta();
        this.ropeScaling = config.ropeScaling();
        this.attentionBias = config.attentionBias();
        this.mlpBias = config.mlpBias();
        this.tieWordEmbeddings = config.tieWordEmbeddings();
        this.bosTokenId = config.bosTokenId();
        this.eosTokenIds = config.eosTokenIds();
        this.padTokenId = config.padTokenId();
        this.dtype = config.dtype();
        this.initializerRange = config.initializerRange();
    }

    /**
     * Sets the rows of the embedding.
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
     * Sets the width inside the MLP.
     *
     * @param value the width inside the MLP
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
     * @param value the number of key and value heads; as many as query heads unless set
     * @return this builder
     */
    public DecoderConfigBuilder keyValueHeads(int value) {
        keyValueHeads = value;
        return this;
    }

    /**
     * Sets the width of a head.
     *
     * @param value the width of a head; {@code hiddenSize / heads} unless set
     * @return this builder
     */
    public DecoderConfigBuilder headDimension(int value) {
        headDimension = value;
        return this;
    }

    /**
     * Sets the longest sequence.
     *
     * @param value the longest sequence
     * @return this builder
     */
    public DecoderConfigBuilder maxPositions(int value) {
        maxPositions = value;
        return this;
    }

    /**
     * Sets what the norms add to the variance or mean square.
     *
     * @param value what the norms add to the variance or mean square
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
     * Sets how the rotary frequencies are stretched.
     *
     * @param value how the rotary frequencies are stretched
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
        return this;
    }

    /**
     * Sets whether gate, up and down have biases.
     *
     * @param value whether gate, up and down have biases
     * @return this builder
     */
    public DecoderConfigBuilder mlpBias(boolean value) {
        mlpBias = value;
        return this;
    }

    /**
     * Sets whether the output projection is the embedding.
     *
     * @param value whether the output projection is the embedding
     * @return this builder
     */
    public DecoderConfigBuilder tieWordEmbeddings(boolean value) {
        tieWordEmbeddings = value;
        return this;
    }

    /**
     * Sets the token that begins a text.
     *
     * @param value the token that begins a text
     * @return this builder
     */
    public DecoderConfigBuilder bosTokenId(OptionalInt value) {
        bosTokenId = value;
        return this;
    }

    /**
     * Sets the tokens that end a text.
     *
     * @param value the tokens that end a text
     * @return this builder
     */
    public DecoderConfigBuilder eosTokenIds(List<Integer> value) {
        eosTokenIds = value;
        return this;
    }

    /**
     * Sets the token that fills up a batch.
     *
     * @param value the token that fills up a batch
     * @return this builder
     */
    public DecoderConfigBuilder padTokenId(OptionalInt value) {
        padTokenId = value;
        return this;
    }

    /**
     * Sets the element type the weights are meant to be stored in.
     *
     * @param value the element type the weights are meant to be stored in
     * @return this builder
     */
    public DecoderConfigBuilder dtype(DType value) {
        dtype = value;
        return this;
    }

    /**
     * Sets the standard deviation of fresh weights.
     *
     * @param value the standard deviation of fresh weights
     * @return this builder
     */
    public DecoderConfigBuilder initializerRange(double value) {
        initializerRange = value;
        return this;
    }

    /**
     * Makes the configuration.
     *
     * @return the configuration
     * @throws TensorException if a size is missing or the values do not fit each other
     */
    public DecoderConfig build() {
        int keyValue = keyValueHeads == 0 ? heads : keyValueHeads;
        int dimension = headDimension == 0 && heads > 0 ? hiddenSize / heads : headDimension;
        return new DecoderConfig(architecture, vocabSize, hiddenSize, intermediateSize, layers, heads, keyValue, dimension, maxPositions, normEps,
            ropeTheta, ropeScaling, attentionBias, mlpBias, tieWordEmbeddings, bosTokenId, eosTokenIds, padTokenId, dtype, initializerRange);
    }
}
