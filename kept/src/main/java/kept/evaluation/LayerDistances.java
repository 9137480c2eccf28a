package kept.evaluation;

import java.util.List;

/**
 * The distances of a student's inner values from its teacher's, layer by layer. Each distance is relative and a root mean square over tokens, {@code
 * sqrt(mean over tokens of (||t - s||^2 / ||t||^2))}: 0 if the student equals the teacher, 1 if zeros would be as close. Before streams are compared,
 * each token's mean is subtracted and the student's stream is multiplied by the one factor that minimises the distance: neither changes the output of
 * a norm that centres, and mappings use that freedom.
 *
 * @param places in the order of the graph
 * @param notes descriptions of what could not be compared, and why; empty if everything was
 */
public record LayerDistances(List<Place> places, List<String> notes) {
    /** Keeps copies of the lists. */
    public LayerDistances {
        places = List.copyOf(places);
        notes = List.copyOf(notes);
    }

    /**
     * The distances at one norm of the graph; NaN if there is nothing to compare.
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
