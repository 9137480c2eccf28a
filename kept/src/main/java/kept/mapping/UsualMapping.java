package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.tensor.TensorException;

/** The mapping of a conversion for which the user chooses none, and what to say of it. */
public final class UsualMapping {
    /** The mappings between which users choose. */
    public static final List<NamedMapping> CHOICES = List.of(NamedMapping.EXACT, NamedMapping.OPM, NamedMapping.CALIBRATED);

    private UsualMapping() {}

    /**
     * The mapping for a source.
     *
     * @param source a source's configuration
     * @return {@code exact} where the norms have no biases, so that its Llama has neither biases nor a layer that the one of {@code opm} lacks; else
     *     {@code opm}
     * @throws MappingException if the source is a Llama
     */
    public static NamedMapping of(DecoderConfig source) {
        Mapping.requireSource(source);
        return source.architecture().norm().hasBias() ? NamedMapping.OPM : NamedMapping.EXACT;
    }

    /**
     * What the mapping loses, and what others would.
     *
     * @param source a source's configuration
     * @return a line for the mapping and each other one that the source can have
     * @throws MappingException if the source is a Llama
     */
    public static List<String> notes(DecoderConfig source) {
        NamedMapping usual = of(source);
        if (usual == NamedMapping.EXACT) {
            return List.of("note: exact, the default mapping for %s, gives as plain a Llama as opm and loses %s".formatted(
                    source.architecture().label(), usual.loss(source)));
        }
        List<String> notes = new ArrayList<>();
        notes.add("note: %s, the default mapping, loses %s".formatted(usual, usual.loss(source)));
        for (NamedMapping other : CHOICES) {
            if (other != usual && isPossible(other, source)) {
                notes.add("note: --mapping %s gives %s, and loses %s".formatted(
                        other, TargetDescription.of(other.table(source)), other.loss(source)));
            }
        }
        return notes;
    }

    private static boolean isPossible(NamedMapping mapping, DecoderConfig source) {
        try {
            mapping.table(source);
            return true;
        } catch (TensorException e) {
            return false;
        }
    }
}
