package kept.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.corpus.TextCoverage;
import kept.mapping.Mapping;
import kept.mapping.NormStatistics;
import kept.training.HeldOutCurve;
import kept.training.StepMetrics;

/**
 * The results of a distillation run.
 *
 * @param domains the results on held-out text
 * @param steps the metrics of each training step
 * @param heldOut the student's divergence on held-out text during training; empty if nothing was trained
 * @param norms the difference of each of the teacher's norms from the student's
 * @param mapping the origin of each tensor
 * @param provenance how the result was produced: models, text, settings, versions; texts, numbers, truth values, lists and maps of these, by name, in
 *     order
 * @param untrained a description of the output if training did not help, such as "the mapping itself"
 * @param texts the coverage of each text, by name
 */
public record RunReport(
        List<DomainResult> domains,
        List<StepMetrics> steps,
        HeldOutCurve heldOut,
        List<NormStatistics> norms,
        Mapping mapping,
        SequencedMap<String, ?> provenance,
        String untrained,
        SequencedMap<String, TextCoverage> texts) {
    /** The output if training did not help and weights are not rounded. */
    public static final String MAPPING = "the mapping itself";

    /** Copies the lists. */
    public RunReport {
        domains = List.copyOf(domains);
        steps = List.copyOf(steps);
        norms = List.copyOf(norms);
        provenance = Collections.unmodifiableSequencedMap(new LinkedHashMap<String, Object>(provenance));
        texts = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(texts));
    }

    /**
     * Creates a report of a run whose weights are not rounded, without the coverage of texts.
     *
     * @param domains the results on held-out text
     * @param steps the metrics of each training step
     * @param heldOut the student's divergence on held-out text during training
     * @param norms the difference of each of the teacher's norms from the student's
     * @param mapping the origin of each tensor
     * @param provenance how the result was produced
     */
    public RunReport(List<DomainResult> domains, List<StepMetrics> steps, HeldOutCurve heldOut, List<NormStatistics> norms, Mapping mapping,
            SequencedMap<String, ?> provenance) {
        this(domains, steps, heldOut, norms, mapping, provenance, MAPPING, new LinkedHashMap<>());
    }

    /**
     * Whether the divergence on held-out text fell to the end of the training, so that more tokens may bring more.
     *
     * @return false if nothing was evaluated during the training
     */
    public boolean isStillImproving() {
        return !heldOut.results().isEmpty() && Verdict.isFalling(heldOut);
    }

    /** Summarises the training from the results on held-out text; null if there are none. */
    String verdict() {
        return heldOut.results().isEmpty() ? null
            : Verdict.of(heldOut, steps.isEmpty() ? heldOut.results().getLast().step() : steps.getLast().steps(), untrained,
                this::shareOfRate);
    }

    private double shareOfRate(long step) {
        double peak = steps.stream().mapToDouble(StepMetrics::learningRate).max().orElse(0);
        return steps.stream().filter(metrics -> metrics.step() > step).mapToDouble(metrics -> metrics.learningRate() / peak).findFirst().orElse(1);
    }
}
