package kept.model;

/** The supported architectures, which differ in their norm. */
public enum Architecture {
    /** Orion: LayerNorm with weight and bias, no other biases. */
    ORION("orion", "OrionForCausalLM"),
    /** Llama: RMSNorm with weight; projections have biases if the configuration says so. */
    LLAMA("llama", "LlamaForCausalLM");

    private final String modelType;
    private final String className;

    Architecture(String modelType, String className) {
        this.modelType = modelType;
        this.className = className;
    }

    /**
     * The value of {@code model_type} in config.json.
     *
     * @return the type, as in {@code llama}
     */
    public String modelType() {
        return modelType;
    }

    /**
     * The value in {@code architectures} in config.json.
     *
     * @return the class of transformers, as in {@code LlamaForCausalLM}
     */
    public String className() {
        return className;
    }
}
