package kept.mapping;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.Weights;

/**
 * A table of every tensor of a Llama target with the source tensors it is made of, and every tensor of the Orion source with its targets. Tensors
 * pass one by one, so that a mapping needs memory for one tensor only.
 *
 * @param name what users choose the mapping by
 * @param source the Orion configuration
 * @param target the Llama configuration
 * @param rows one for each target tensor, in the order of the model
 * @param dropped the source tensors that go nowhere
 * @param measured tensors that rows are made of besides the source's: measured on text before the mapping is used
 */
public record Mapping(String name, DecoderConfig source, DecoderConfig target, List<TensorMapping> rows, List<DroppedTensor> dropped,
        List<MeasuredTensor> measured) {
    private static final String SAME_MODULE = "the same module in both architectures";
    private static final String SAME_SCALE = "g' = g is the best RMSNorm weight for features of zero mean";
    static final String NO_SHIFT = "RMSNorm adds nothing after scaling";

    /** Fixes the lists. */
    public Mapping {
        rows = List.copyOf(rows);
        dropped = List.copyOf(dropped);
        measured = List.copyOf(measured);
    }

    /**
     * A mapping that is made of the source's tensors alone.
     *
     * @param name what users choose the mapping by
     * @param source the Orion configuration
     * @param target the Llama configuration
     * @param rows one for each target tensor, in the order of the model
     * @param dropped the source tensors that go nowhere
     */
    public Mapping(String name, DecoderConfig source, DecoderConfig target, List<TensorMapping> rows, List<DroppedTensor> dropped) {
        this(name, source, target, rows, dropped, List.of());
    }

    /**
     * The paper's mapping without training: NPM copies all that both architectures share, OPM takes each LayerNorm's weight as the RMSNorm's and
     * drops the bias (docs/kept.md derives it).
     *
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if the source is not an Orion
     */
    public static Mapping opm(DecoderConfig source) {
        requireOrion(source);
        DecoderConfig target = source.toLlama();
        return new Mapping("opm", source, target, rows(target, Mapping::opm), DroppedTensor.normBiases(source, NO_SHIFT));
    }

    static TensorMapping opm(ModelTensor tensor) {
        return switch (tensor.role()) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT ->
                    TensorMapping.of(tensor, Transform.NORM_WEIGHT, SAME_SCALE, tensor.name());
            default -> TensorMapping.of(tensor, Transform.COPY, SAME_MODULE, tensor.name());
        };
    }

    /** A row for each tensor of the target. */
    static List<TensorMapping> rows(DecoderConfig target, Function<ModelTensor, TensorMapping> row) {
        return ModelTensor.of(target).stream().map(row).toList();
    }

    /**
     * The mapping that loses nothing, without training: biases in the projections, and one more layer, which carries the final norm's bias
     * (docs/kept.md derives it).
     *
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if the source is not an Orion, or its intermediate size is below its hidden size
     */
    public static Mapping exact(DecoderConfig source) {
        return ExactMapping.of(source);
    }

    /**
     * To compare with: OPM with weights that {@link ChannelProbe} measures, each RMSNorm the nearest to its LayerNorm channel by channel.
     *
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if the source is not an Orion
     */
    public static Mapping channel(DecoderConfig source) {
        return Baselines.channel(source);
    }

    /**
     * The mapping of a name.
     *
     * @param name as users write it
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if there is no such mapping, or the source is not an Orion
     */
    public static Mapping named(String name, DecoderConfig source) {
        return NamedMapping.of(name).table(source);
    }

    /** What a table says of a tensor that its target cannot have. */
    static IllegalArgumentException unexpected(ModelTensor tensor) {
        return new IllegalArgumentException("[mapping] the target has no %s".formatted(tensor.name()));
    }

    static void requireOrion(DecoderConfig source) {
        if (source.architecture() != Architecture.ORION) {
            throw new MappingException("[mapping] the source is a %s, not an Orion: nothing to map"
                    .formatted(source.architecture().className()));
        }
    }

    /**
     * All tensors that rows may be made of, with their sources.
     *
     * @param checkpoint the source's parameters
     * @param measurements the measured tensors; not asked where there are none
     * @return both
     */
    public Weights sources(Weights checkpoint, Weights measurements) {
        Set<String> names = new HashSet<>();
        measured.forEach(tensor -> names.add(tensor.name()));
        return (tensor, shape) -> (names.contains(tensor) ? measurements : checkpoint).get(tensor, shape);
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
