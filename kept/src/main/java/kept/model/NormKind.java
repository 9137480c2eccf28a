package kept.model;

/** The norms of decoders. */
public enum NormKind {
    /** RMSNorm with a weight. */
    RMS(true, false),
    /** LayerNorm with weight and bias. */
    LAYER(true, true),
    /** LayerNorm with weight and bias, whose gain is the weight plus one (LayerNorm1P). */
    LAYER_AROUND_ONE(true, true),
    /** LayerNorm without parameters. */
    LAYER_WITHOUT_PARAMETERS(false, false);

    private final boolean weight;
    private final boolean bias;

    NormKind(boolean weight, boolean bias) {
        this.weight = weight;
        this.bias = bias;
    }

    /**
     * Whether a norm has a weight.
     *
     * @return true if checkpoints have one
     */
    public boolean hasWeight() {
        return weight;
    }

    /**
     * Whether a norm has a bias.
     *
     * @return true if checkpoints have one
     */
    public boolean hasBias() {
        return bias;
    }
}
