package kept.model;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The supported architectures: Llama, to which mappings lead, and the sources they start from. All are the same pre-norm decoder; what distinguishes
 * one is stated by a class of its own in this package, so that another architecture is a class and a line here.
 */
public enum Architecture {
    /** Orion: LayerNorm with weight and bias, no other biases. */
    ORION(new OrionFamily()),
    /** Llama: RMSNorm with weight; projections have biases if the configuration says so. */
    LLAMA(new LlamaFamily()),
    /** OLMo 1: LayerNorm without parameters. */
    OLMO(new OlmoFamily()),
    /** StarCoder2: LayerNorm, biases, an MLP without a gate. */
    STARCODER2(new Starcoder2Family()),
    /** StableLM with sequential blocks: LayerNorm, rotary positions on a part of each head. */
    STABLELM(new StablelmFamily()),
    /** Nemotron and Minitron: LayerNorm with a gain around one, an MLP without a gate, rotary positions on half of each head. */
    NEMOTRON(new NemotronFamily());

    private final Family family;

    Architecture(Family family) {
        this.family = family;
    }

    /** What distinguishes the architecture. */
    Family family() {
        return family;
    }

    /**
     * The name for readers.
     *
     * @return such as {@code Orion}
     */
    public String label() {
        return family.label();
    }

    /**
     * The value of {@code model_type} in config.json.
     *
     * @return the type, as in {@code llama}
     */
    public String modelType() {
        return family.modelType();
    }

    /**
     * The value in {@code architectures} in config.json.
     *
     * @return the class of transformers, as in {@code LlamaForCausalLM}
     */
    public String className() {
        return family.className();
    }

    /**
     * Whether mappings start from it.
     *
     * @return false for Llama
     */
    public boolean isSource() {
        return this != LLAMA;
    }

    /**
     * The architectures that mappings start from.
     *
     * @return their names for readers, as in {@code Orion}, separated by commas
     */
    public static String sources() {
        List<Architecture> all = Arrays.asList(values());
        return all.stream().filter(Architecture::isSource).map(Architecture::label).collect(Collectors.joining(", "));
    }

    /**
     * The number of features of a head that are rotated by position where config.json does not say it.
     *
     * @param headDimension the features of a head
     * @return an even number
     */
    public int usualRotaryDimension(int headDimension) {
        return (int) (headDimension * family.rotaryFactor().orElse(1));
    }

    /**
     * The norms.
     *
     * @return their kind, the same for all of a model
     */
    public NormKind norm() {
        return family.norm();
    }

    /**
     * Whether the MLP has a gate.
     *
     * @return true for {@code down(f(gate(x)) * up(x))}, false for {@code down(f(up(x)))}, whose first projection has the role {@link TensorRole#UP}
     */
    public boolean isGated() {
        return family.isGated();
    }

    /**
     * The name of a tensor in checkpoints.
     *
     * @param tensor role and layer
     * @return such as {@code model.layers.0.self_attn.q_proj.weight}
     */
    public String name(TensorName tensor) {
        return tensor.module(family.modules()) + tensor.role().ending();
    }

    /**
     * Reads the name of a tensor.
     *
     * @param name as checkpoints have it
     * @return role and layer; nothing if no decoder of this architecture has a tensor of that name
     */
    public Optional<TensorName> parse(String name) {
        return TensorName.parse(name, family.modules());
    }
}
