package kept.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;
import kept.mapping.TensorMapping;
import kept.text.Json;
import kept.training.StepMetrics;

/** Renders a report as a self-contained HTML page, including style, scripts and numbers, without network access. */
final class ReportPage {
    private static final String TEMPLATE = "report.peb";
    /** Maximum number of rows in the table of steps; a page with ten thousand would be slow to open. */
    private static final int STEP_ROWS = 500;

    private ReportPage() { }

    static String of(RunReport report) {
        return PageLibrary.page(TEMPLATE, values(report));
    }

    /** The template's variables. It escapes every text except those it marks as raw, all of which are created here. */
    private static Map<String, Object> values(RunReport report) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("report", report);
        values.put("source", report.mapping().source().architecture().label());
        values.put("parameters", report.mapping().rows().stream().mapToLong(row -> row.shape().elementCount()).sum());
        values.put("methods", methods(report.mapping().rows()));
        LogScale scale = LogScale.of(report.domains().stream().flatMap(domain -> domain.stages().values().stream()).mapToDouble(Fidelity::klMean));
        values.put("scale", scale.ends());
        values.put("domains", report.domains().stream().map(domain -> card(domain, scale)).toList());
        values.put("closest", report.domains().stream().map(domain -> domain.closest().getKey()).distinct().toList());
        values.put("lossIsDivergence", isLossDivergence(report.steps()));
        values.put("training", training(report.steps()));
        values.put("verdict", report.verdict() == null ? "" : report.verdict());
        values.put("steps", thinned(report.steps()));
        values.put("numbers", numbers(report));
        values.put("provenance", FactGroups.of(report.provenance()));
        return values;
    }

    /** The number of tensors per method, in order of first use. */
    private static SequencedMap<String, Integer> methods(List<TensorMapping> rows) {
        SequencedMap<String, Integer> methods = new LinkedHashMap<>();
        rows.forEach(row -> methods.merge(row.transform().method(), 1, Integer::sum));
        return methods;
    }

    /** A summary of a domain: the closest student, and a bar for each. */
    private static Map<String, Object> card(DomainResult domain, LogScale scale) {
        Map.Entry<String, Fidelity> closest = domain.closest();
        List<Map<String, Object>> bars = new ArrayList<>();
        domain.stages().forEach((stage, fidelity) -> bars.add(Map.of("stage", stage, "kl", fidelity.klMean(),
            "width", scale.at(fidelity.klMean()), "closest", stage.equals(closest.getKey()))));
        return Map.of("name", domain.name(), "change", domain.change(), "start", domain.start(), "before", domain.stages().get(domain.start()),
            "gain", domain.gainOfStart(), "last", domain.stages().lastEntry(), "bars", bars, "closest", closest, "lead", domain.lead());
    }

    /** Whether the loss of each step is its divergence, so that it need not be shown twice. */
    private static boolean isLossDivergence(List<StepMetrics> steps) {
        return steps.stream().filter(step -> Double.isFinite(step.divergence()))
            .allMatch(step -> Figures.significant(step.loss()).equals(Figures.significant(step.divergence())))
            && steps.stream().anyMatch(step -> Double.isFinite(step.divergence()));
    }

    /** A summary of the training; empty if nothing was trained. */
    private static Map<String, Object> training(List<StepMetrics> steps) {
        if (steps.isEmpty()) {
            return Map.of();
        }
        double seconds = steps.stream().mapToDouble(StepMetrics::seconds).sum();
        // Excludes the first step, which includes warm-up and, in a resumed run, an unknown number of tokens.
        double warm = seconds - steps.getFirst().seconds();
        long speed = warm > 0 ? Math.round((steps.getLast().tokens() - steps.getFirst().tokens()) / warm) : 0;
        return Map.of("tokens", steps.getLast().tokens(), "duration", duration(Math.round(seconds)), "speed", speed);
    }

    private static String duration(long seconds) {
        return seconds >= 3600 ? "%d h %d min".formatted(seconds / 3600, seconds % 3600 / 60)
            : seconds >= 60 ? "%d min %d s".formatted(seconds / 60, seconds % 60)
            : "%d s".formatted(seconds);
    }

    /** Evenly spaced steps, including the first and the last. */
    private static List<StepMetrics> thinned(List<StepMetrics> steps) {
        if (steps.size() <= STEP_ROWS) {
            return steps;
        }
        List<StepMetrics> thinned = new ArrayList<>();
        for (long i = 0; i < STEP_ROWS; i++) {
            thinned.add(steps.get((int) (i * (steps.size() - 1) / (STEP_ROWS - 1))));
        }
        return thinned;
    }

    /** The data of the curves. {@code <} occurs only within JSON strings; escaping it keeps a name from closing the script element. */
    private static String numbers(RunReport report) {
        Map<String, Object> json = ReportJson.of(report);
        json.keySet().retainAll(List.of("steps", "held_out", "norms"));
        return Json.write(json).replace("<", "\\u003c");
    }
}
