package kept.mapping;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.Weights;
import kept.tensor.DType;

/**
 * A table with a row for every tensor of a Llama target, which names the source's tensors it is computed from, and a list of the source's tensors
 * that are not used. Tensors are processed one by one, so that a mapping needs memory for one tensor only.
 *
 * @param name the name by which users choose the mapping
 * @param source the source's configuration
 * @param target the Llama configuration
 * @param rows one for each target tensor, in the order of the model
 * @param dropped the source tensors that are not used
 * @param measured tensors that rows use in addition to the source's, and that are measured on text before the mapping is used
 */
public record Mapping(String name, DecoderConfig source, DecoderConfig target, List<TensorMapping> rows, List<DroppedTensor> dropped,
        List<MeasuredTensor> measured) {
    private static final String SAME_MODULE = "the same module in both architectures";
    private static final String SAME_SCALE = "g' = g is the best RMSNorm weight for features of zero mean";
    static final String NO_SHIFT = "RMSNorm adds nothing after scaling";

    /** Makes the lists immutable. */
    public Mapping {
        rows = List.copyOf(rows);
        dropped = List.copyOf(dropped);
        measured = List.copyOf(measured);
    }

    /**
     * Creates a mapping without measured tensors.
     *
     * @param name the name by which users choose the mapping
     * @param source the source's configuration
     * @param target the Llama configuration
     * @param rows one for each target tensor, in the order of the model
     * @param dropped the source tensors that are not used
     */
    public Mapping(String name, DecoderConfig source, DecoderConfig target, List<TensorMapping> rows, List<DroppedTensor> dropped) {
        this(name, source, target, rows, dropped, List.of());
    }

    /**
     * The report's mapping without training: NPM copies the tensors that both architectures share; OPM uses each LayerNorm's weight for the RMSNorm
     * and drops the bias (docs/kept.md derives it).
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama
     */
    public static Mapping opm(DecoderConfig source) {
        requireSource(source);
        DecoderConfig target = source.toLlama();
        return new Mapping("opm", source, target, rows(target, tensor -> opm(tensor, source)), DroppedTensor.normBiases(source, NO_SHIFT));
    }

    static TensorMapping opm(ModelTensor tensor, DecoderConfig source) {
        var counterparts = new Counterparts(source);
        return tensor.role().isNorm() ? counterparts.norm(tensor, Transform.NORM_WEIGHT, SAME_SCALE) : counterparts.module(tensor, SAME_MODULE);
    }

    /** A row for each tensor of the target. */
    static List<TensorMapping> rows(DecoderConfig target, Function<ModelTensor, TensorMapping> row) {
        return ModelTensor.of(target).stream().map(row).toList();
    }

    /**
     * The mapping {@code exact}, without training: biases in the projections, and an additional layer that carries the final norm's bias
     * (docs/kept.md derives it).
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama, or its intermediate size is below its hidden size
     */
    public static Mapping exact(DecoderConfig source) {
        return ExactMapping.of(source);
    }

    /**
     * The same mapping with its constants for a source's weights. Those of {@code exact} depend on how large the weights are; other mappings have
     * none.
     *
     * @param weights the source's
     * @param stored the type of the target's weights
     * @return a table with the same rows, from the same tensors
     */
    public Mapping forWeights(Weights weights, DType stored) {
        return name.equals(ExactMapping.NAME) ? ExactMapping.of(source, weights, stored) : this;
    }

    /**
     * For comparison: OPM with the weights that {@link ChannelProbe} measures for each channel.
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama
     */
    public static Mapping channel(DecoderConfig source) {
        return Baselines.channel(source);
    }

    /**
     * The mapping of a name.
     *
     * @param name as users write it
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if there is no such mapping, or it does not map the source
     */
    public static Mapping named(String name, DecoderConfig source) {
        return NamedMapping.of(name).table(source);
    }

    /** The error for a tensor that the target cannot have. */
    static IllegalArgumentException unexpected(ModelTensor tensor) {
        return new IllegalArgumentException("[mapping] the target has no %s".formatted(tensor.name()));
    }

    static void requireSource(DecoderConfig source) {
        if (!source.architecture().isSource()) {
            throw new MappingException("[mapping] the source is a %s already: nothing to map".formatted(source.architecture().className()));
        }
    }

    /**
     * The weights with all tensors that rows use.
     *
     * @param checkpoint the source's parameters
     * @param measurements the measured tensors; unused if the mapping has none
     * @return both
     */
    public Weights sources(Weights checkpoint, Weights measurements) {
        Set<String> names = new HashSet<>();
        measured.forEach(tensor -> names.add(tensor.name()));
        return (tensor, shape) -> (names.contains(tensor) ? measurements : checkpoint).get(tensor, shape);
    }

    /**
     * The target's tensors that are tensors of the source, bit for bit.
     *
     * @return their names in the target
     */
    public Set<String> copies() {
        Set<String> names = measured.stream().map(MeasuredTensor::name).collect(Collectors.toSet());
        return rows.stream().filter(row -> row.transform().isVerbatim() && !names.contains(row.sources().getFirst())).map(TensorMapping::target)
                .collect(Collectors.toSet());
    }

    /**
     * Checks that the table accounts for every tensor of both models, once.
     *
     * @throws MappingException naming the tensors that are missing, unknown or doubled
     */
    public void requireComplete() {
        Set<String> targets = new HashSet<>();
        Set<String> sources = new HashSet<>();
        for (TensorMapping row : rows) {
            if (!targets.add(row.target())) {
                throw new MappingException("[mapping] %s is mapped twice".formatted(row.target()));
            }
            sources.addAll(row.sources());
        }
        dropped.forEach(tensor -> sources.add(tensor.source()));
        requireSame("target", names(target), targets);
        Set<String> known = names(source);
        measured.forEach(tensor -> known.add(tensor.name()));
        requireSame("source", known, sources);
    }

    private static Set<String> names(DecoderConfig config) {
        Set<String> names = new HashSet<>();
        ModelTensor.of(config).forEach(tensor -> names.add(tensor.name()));
        return names;
    }

    private static void requireSame(String side, Set<String> model, Set<String> table) {
        Set<String> missing = new HashSet<>(model);
        missing.removeAll(table);
        Set<String> unknown = new HashSet<>(table);
        unknown.removeAll(model);
        if (!missing.isEmpty() || !unknown.isEmpty()) {
            throw new MappingException("[mapping] %s tensors unaccounted for: %s; unknown to the model: %s".formatted(side, missing, unknown));
        }
    }
}
