package kept.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import kept.corpus.TextCoverage;
import kept.evaluation.Fidelity;
import kept.evaluation.Interval;
import kept.mapping.Mapping;
import kept.mapping.NormStatistics;
import kept.training.HeldOutResult;
import kept.training.StepMetrics;

/** Converts a report to the object in {@code report.json}; missing numbers are null. */
final class ReportJson {
    private ReportJson() { }

    static Map<String, Object> of(RunReport report) {
        Map<String, Object> json = new LinkedHashMap<>();
        Map<String, Object> domains = new LinkedHashMap<>();
        report.domains().forEach(domain -> domains.put(domain.name(), domain(domain)));
        json.put("domains", domains);
        json.put("texts", texts(report.texts()));
        json.put("steps", steps(report.steps()));
        json.put("held_out", heldOut(report.heldOut().results(), report));
        json.put("norms", norms(report.norms()));
        json.put("mapping", mapping(report.mapping()));
        json.put("provenance", report.provenance());
        return json;
    }

    /** The coverage of each text. */
    static Map<String, Object> texts(Map<String, TextCoverage> texts) {
        Map<String, Object> json = new LinkedHashMap<>();
        texts.forEach((name, coverage) -> json.put(name, coverage.toMap()));
        return json;
    }

    static List<Map<String, Object>> norms(List<NormStatistics> norms) {
        return norms.stream().map(norm -> object("name", norm.norm(), "mean_over_rms", finite(norm.meanOverRms()),
            "bias_over_weight", finite(norm.biasOverWeight()))).toList();
    }

    private static Map<String, Object> domain(DomainResult domain) {
        Map<String, Object> stages = new LinkedHashMap<>();
        domain.stages().forEach((name, fidelity) -> stages.put(name, stage(fidelity)));
        return object("teacher", object("perplexity", finite(domain.teacherPerplexity())), "stages", stages);
    }

    private static Map<String, Object> stage(Fidelity fidelity) {
        return object("tokens", fidelity.tokens(), "kl_mean", finite(fidelity.klMean()), "kl_p99", finite(fidelity.klP99()),
            "top1_agreement", finite(fidelity.top1Agreement()), "perplexity", finite(fidelity.perplexityStudent()));
    }

    /** One array per quantity, as charts and data frames use them. */
    private static Map<String, Object> steps(List<StepMetrics> steps) {
        return object("step", steps.stream().map(StepMetrics::step).toList(),
            "tokens", steps.stream().map(StepMetrics::tokens).toList(),
            "loss", series(steps, StepMetrics::loss),
            "divergence", series(steps, StepMetrics::divergence),
            "gradient_norm", series(steps, StepMetrics::gradientNorm),
            "learning_rate", series(steps, StepMetrics::learningRate),
            "seconds", series(steps, StepMetrics::seconds));
    }

    private static Map<String, Object> heldOut(List<HeldOutResult> results, RunReport report) {
        return object("step", results.stream().map(HeldOutResult::step).toList(),
            "tokens", results.stream().map(HeldOutResult::tokens).toList(),
            "kl_mean", series(results, HeldOutResult::klMean),
            "top1_agreement", series(results, HeldOutResult::top1Agreement),
            "best_step", results.isEmpty() ? null : report.heldOut().best().step(),
            "verdict", report.verdict());
    }

    private static Map<String, Object> mapping(Mapping mapping) {
        return object("name", mapping.name(),
            "rows", mapping.rows().stream().map(row -> object("target", row.target(), "sources", row.sources(),
                "method", row.transform().method(), "reason", row.reason())).toList(),
            "dropped", mapping.dropped().stream().map(tensor -> object("source", tensor.source(), "reason", tensor.reason())).toList());
    }

    private static <T> List<Double> series(List<T> steps, ToDoubleFunction<T> quantity) {
        List<Double> series = new ArrayList<>();
        steps.forEach(step -> series.add(finite(quantity.applyAsDouble(step))));
        return series;
    }

    /** JSON cannot represent NaN and infinity. */
    static Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    /** The two ends; null if they are unknown. */
    static List<Double> interval(Interval interval) {
        return Double.isFinite(interval.low()) ? List.of(interval.low(), interval.high()) : null;
    }

    /** Creates an object from alternating keys and values. */
    static Map<String, Object> object(Object... entries) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            object.put((String) entries[i], entries[i + 1]);
        }
        return object;
    }
}
