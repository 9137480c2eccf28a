package kept.mapping;

import java.util.function.Function;
import kept.model.DecoderConfig;

/** The mappings that users choose by name. */
public enum NamedMapping {
    /** For comparison: every norm's weight is one. */
    ONES("ones", Baselines::ones),
    /** The report's, {@link Mapping#opm}. */
    OPM("opm", Mapping::opm),
    /** Biases and an additional layer, {@link Mapping#exact}. */
    EXACT(ExactMapping.NAME, Mapping::exact),
    /** Measured on text, {@link CalibratedMapping}. */
    CALIBRATED(CalibratedMapping.NAME, CalibratedMapping::of),
    /** For comparison: OPM of a centred stream. */
    CENTRED("centred", Baselines::centred);

    private final String name;
    private final Function<DecoderConfig, Mapping> table;

    NamedMapping(String name, Function<DecoderConfig, Mapping> table) {
        this.name = name;
        this.table = table;
    }

    /**
     * The mapping of a name.
     *
     * @param name as users write it
     * @return the mapping
     * @throws MappingException if there is none
     */
    public static NamedMapping of(String name) {
        for (NamedMapping mapping : values()) {
            if (mapping.name.equals(name)) {
                return mapping;
            }
        }
        throw new MappingException(
                "[mapping] there is no mapping '%s'; choose opm, exact or calibrated, or for comparison ones, centred".formatted(name));
    }

    /**
     * What the Llama of a mapping loses.
     *
     * @param source a source's configuration, which the mapping supports
     * @return as the end of a sentence
     */
    public String loss(DecoderConfig source) {
        boolean hasBias = source.architecture().norm().hasBias();
        return switch (this) {
            case EXACT -> hasBias ? "rounding, and shares of the logits that are below rounding for trained models (docs/families.md)"
                    : "rounding only";
            case OPM -> hasBias ? "the norms' biases and the subtraction of the mean, most of which distill recovers" : "the subtraction of the mean";
            case CALIBRATED -> "little, measured on text (--calibration)";
            case ONES -> "the norms' weights, biases and the subtraction of the mean";
            case CENTRED -> "the norms' biases";
        };
    }

    /** The name by which users choose it. */
    @Override
    public String toString() {
        return name;
    }

    /**
     * Its table for a model.
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama, or the mapping does not support its shape
     */
    public Mapping table(DecoderConfig source) {
        return table.apply(source);
    }
}
