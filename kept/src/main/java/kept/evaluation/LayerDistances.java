package kept.evaluation;

import java.util.List;

/**
 * How far a student's inner values are from its teacher's, layer by layer. Each distance is relative and a root mean square over tokens,
 * {@code sqrt(mean over tokens of (||t - s||^2 / ||t||^2))}: 0 where the student does as the teacher, 1 where zeros would be as near. Streams are
 * compared after each token's mean has been taken away, and after the student's have been multiplied by the one factor that makes the distance
 * smallest: neither of the two changes what a norm that centres hands on, and mappings use that freedom.
 *
 * @param places in the order of the graph
 * @param notes in words, what could not be compared and why; empty if all was
 */
public record LayerDistances(List<Place> places, List<String> notes) {
    /** Keeps copies of the lists. */
    public LayerDistances {
        places = List.copyOf(places);
        notes = List.copyOf(notes);
    }

    /**
     * One place of the graph, before a norm; NaN where there is nothing to compare.
     *
     * @param name such as {@code layer 0 attention}, {@code layer 0 MLP} or {@code final norm}
     * @param stream the distance of the streams that enter the norm, centred and scaled
     * @param scale the factor of the student's stream
     * @param norm the distance of the norm's outputs, as they are
     * @param projections the distance of the concatenated outputs, biases included, of the projections after the norm: queries, keys and values; gate
     *     and up; or logits, from which each token's mean is subtracted, because no probability depends on it
     */
    public record Place(String name, double stream, double scale, double norm, double projections) {}
}
