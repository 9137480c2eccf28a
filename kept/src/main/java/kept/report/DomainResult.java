package kept.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.distill.Fidelity;

/**
 * How faithful a student is on one kind of text, stage by stage.
 *
 * @param name what the text is called
 * @param stages the student's fidelity by the name of the stage, such as {@code mapped} and {@code distilled}, in order
 */
public record DomainResult(String name, SequencedMap<String, Fidelity> stages) {
    /**
     * Fixes the stages.
     *
     * @throws IllegalArgumentException if there is no stage
     */
    public DomainResult {
        if (stages.isEmpty()) {
            throw new IllegalArgumentException("[report] the domain '%s' has no stage: measure the student at least once".formatted(name));
        }
        stages = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(stages));
    }

    /**
     * The teacher's perplexity of the text.
     *
     * @return the same at every stage
     */
    public double teacherPerplexity() {
        return stages.firstEntry().getValue().perplexityTeacher();
    }

    /**
     * How the mean divergence changed from the first stage to the last, in words.
     *
     * @return such as {@code 18.2x smaller}
     */
    public String change() {
        return Figures.change(stages.firstEntry().getValue().klMean(), stages.lastEntry().getValue().klMean());
    }
}
