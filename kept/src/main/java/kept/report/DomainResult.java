package kept.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;

/**
 * How faithful a student is on one kind of text, stage by stage.
 *
 * @param name what the text is called
 * @param stages the student's fidelity by the name of the stage, such as {@code mapped} and {@code distilled}, in order:
 *     those without training, the first being what a mapping's gain is told from, then the trained one, if there is one
 * @param start the stage that training began from
 */
public record DomainResult(String name, SequencedMap<String, Fidelity> stages, String start) {
    /**
     * Fixes the stages.
     *
     * @throws IllegalArgumentException if there is no stage, or the start is none of them
     */
    public DomainResult {
        if (stages.isEmpty()) {
            throw new IllegalArgumentException("[report] the domain '%s' has no stage: measure the student at least once".formatted(name));
        }
        if (!stages.containsKey(start)) {
            throw new IllegalArgumentException("[report] the domain '%s' has no stage '%s', which training began from".formatted(name, start));
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
     * How training changed the mean divergence: from the stage it began from to the last, in words.
     *
     * @return such as {@code 18.2x smaller}
     */
    public String change() {
        return Figures.change(stages.get(start).klMean(), stages.lastEntry().getValue().klMean());
    }

    /**
     * What the mapping that training began from gained without any, in words.
     *
     * @return such as {@code without training, calibrated has a KL of 0.000694, 768.0x smaller than that of opm}; empty where training began
     *     from the first stage
     */
    public String gainOfStart() {
        String first = stages.firstEntry().getKey();
        if (start.equals(first)) {
            return "";
        }
        double before = stages.firstEntry().getValue().klMean();
        double after = stages.get(start).klMean();
        return Figures.isNoise(after)
            ? "without training, %s cannot be told from the teacher; %s has a KL of %s".formatted(start, first, Figures.divergence(before))
            : "without training, %s has a KL of %s, %s than that of %s".formatted(start, Figures.significant(after),
                Figures.change(before, after), first);
    }
}
