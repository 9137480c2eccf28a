package kept.report;

import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;

/**
 * The fidelity of a student on one text domain, stage by stage.
 *
 * @param name the name of the domain
 * @param stages the student's fidelity by stage, such as {@code mapped} and {@code distilled}, in order: first the untrained stages, of which the
 *     first is the baseline of a mapping's gain, then the trained stage, if there is one
 * @param start the stage from which training started
 */
public record DomainResult(String name, SequencedMap<String, Fidelity> stages, String start) {
    /**
     * Copies the scores.
     *
     * @throws IllegalArgumentException if there is no stage, or {@code start} is not one of them
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
     * The teacher's perplexity on the text.
     *
     * @return the perplexity, equal at every stage
     */
    public double teacherPerplexity() {
        return stages.firstEntry().getValue().perplexityTeacher();
    }

    /**
     * The student that is closest to the teacher.
     *
     * @return the stage with the smallest mean divergence, the earliest of equal ones, and its fidelity
     */
    public Map.Entry<String, Fidelity> closest() {
        return stages.entrySet().stream().filter(stage -> Double.isFinite(stage.getValue().klMean()))
            .min(Comparator.comparingDouble(stage -> Figures.isNoise(stage.getValue().klMean()) ? 0 : stage.getValue().klMean()))
            .orElse(stages.firstEntry());
    }

    /**
     * Describes how much closer the closest student is than the last one, which is the result of the run.
     *
     * @return for example {@code 18.2x smaller than that of xkd}; empty if the last one is the closest
     */
    public String lead() {
        Map.Entry<String, Fidelity> last = stages.lastEntry();
        return closest().getKey().equals(last.getKey()) ? ""
            : "%s than that of %s".formatted(Figures.change(last.getValue().klMean(), closest().getValue().klMean()), last.getKey());
    }

    /**
     * Describes how training changed the mean divergence, from the stage it started from to the last.
     *
     * @return for example {@code 18.2x smaller}
     */
    public String change() {
        return Figures.change(stages.get(start).klMean(), stages.lastEntry().getValue().klMean());
    }

    /**
     * Describes the gain of the mapping from which training started, before any training.
     *
     * @return for example {@code without training, calibrated has a KL of 0.000694, 768.0x smaller than that of opm}; empty if training started from
     *     the first stage
     */
    public String gainOfStart() {
        String first = stages.firstEntry().getKey();
        if (start.equals(first)) {
            return "";
        }
        double before = stages.firstEntry().getValue().klMean();
        double after = stages.get(start).klMean();
        return Figures.isNoise(after)
            ? "without training, %s cannot be distinguished from the teacher; %s has a KL of %s".formatted(start, first, Figures.divergence(before))
            : "without training, %s has a KL of %s, %s than that of %s".formatted(start, Figures.significant(after),
                Figures.change(before, after), first);
    }
}
