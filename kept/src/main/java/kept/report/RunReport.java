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
 * All that a distillation run has to show.
 *
 * @param domains the results on held-out text
 * @param steps the metrics of each training step
 * @param heldOut how near to the teacher the student was in the course of the training; empty where nothing was trained
 * @param norms how far each of the teacher's norms is from the student's
 * @param mapping where each tensor came from
 * @param provenance how the result was made: models, text, settings, versions; by name, in order
 * @param untrained what the output is where training did not help, such as "the mapping itself"
 * @param texts what was read of each text, by its name
 */
public record RunReport(
        List<DomainResult> domains,
        List<StepMetrics> steps,
        HeldOutCurve heldOut,
        List<NormStatistics> norms,
        Mapping mapping,
        SequencedMap<String, String> provenance,
        String untrained,
        SequencedMap<String, TextCoverage> texts) {
    /** What the output is where training did not help and nothing is rounded. */
    public static final String MAPPING = "the mapping itself";

    /** Fixes the lists. */
    public RunReport {
        domains = List.copyOf(domains);
        steps = List.copyOf(steps);
        norms = List.copyOf(norms);
        provenance = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(provenance));
        texts = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(texts));
    }

    /**
     * A report of a run whose weights are not rounded, and that tells nothing of its texts.
     *
     * @param domains the results on held-out text
     * @param steps the metrics of each training step
     * @param heldOut how near to the teacher the student was in the course of the training
     * @param norms how far each of the teacher's norms is from the student's
     * @param mapping where each tensor came from
     * @param provenance how the result was made
     */
    public RunReport(List<DomainResult> domains, List<StepMetrics> steps, HeldOutCurve heldOut, List<NormStatistics> norms, Mapping mapping,
            SequencedMap<String, String> provenance) {
        this(domains, steps, heldOut, norms, mapping, provenance, MAPPING, new LinkedHashMap<>());
    }

    /** What the results on held-out text say about the training; null where there are none. */
    String verdict() {
        return heldOut.results().isEmpty() ? null
            : Verdict.of(heldOut, steps.isEmpty() ? heldOut.results().getLast().step() : steps.getLast().steps(), untrained);
    }
}
