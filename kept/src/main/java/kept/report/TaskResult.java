package kept.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.evaluation.PairedDifference;
import kept.evaluation.TaskScores;
import kept.evaluation.TaskScores.Measure;

/**
 * The scores of the models on one task.
 *
 * @param name the name of the task
 * @param models the scores by model name; a teacher comes first
 */
public record TaskResult(String name, SequencedMap<String, TaskScores> models) {
    /**
     * Copies the models.
     *
     * @throws IllegalArgumentException if there is none
     */
    public TaskResult {
        if (models.isEmpty()) {
            throw new IllegalArgumentException("[report] the task '%s' was put to no model".formatted(name));
        }
        models = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(models));
    }

    /** Whether there are two models to compare. */
    boolean compares() {
        return models.size() > 1;
    }

    /** Compares the last model's answers with the first one's. */
    PairedDifference difference(Measure measure) {
        return PairedDifference.of(models.lastEntry().getValue().correct(measure), models.firstEntry().getValue().correct(measure));
    }
}
