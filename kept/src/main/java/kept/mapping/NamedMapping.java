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
