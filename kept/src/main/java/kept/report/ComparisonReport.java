package kept.report;

import java.io.PrintWriter;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import kept.evaluation.Fidelity;
import kept.evaluation.TokenScores;
import kept.mapping.NormStatistics;

/** Reports students of one teacher side by side, as tables for a terminal and as JSON. */
public final class ComparisonReport {
    private ComparisonReport() { }

    /**
     * Prints a line for each student on each text, then the costs of the mappings, then a summary of the teacher's norms.
     *
     * @param comparison the students
     * @param out the output; flushed, not closed
     */
    public static void print(Comparison comparison, PrintWriter out) {
        students(comparison).print(out);
        if (!comparison.costs().isEmpty()) {
            out.println();
            costs(comparison.costs()).print(out);
        }
        out.println();
        norms(comparison).print(out);
    }

    private static TextTable students(Comparison comparison) {
        var table = new TextTable("", "KL mean", "95 % interval", "KL p99", "top-1", "95 % interval", "perplexity");
        for (String text : comparison.norms().keySet()) {
            Fidelity first = comparison.students().getFirst().scores().get(text).fidelity();
            table.line("%s: %s tokens, the teacher's perplexity %s".formatted(text, Figures.count(first.tokens()),
                Figures.perplexity(first.perplexityTeacher())));
            for (ComparedStudent student : comparison.students()) {
                TokenScores scores = student.scores().get(text);
                Fidelity fidelity = scores.fidelity();
                TokenScores.Intervals intervals = scores.intervals();
                table.row("  " + student.label(), Figures.divergence(fidelity.klMean()),
                    Figures.significant(intervals.klMean()), Figures.significant(fidelity.klP99()), Figures.percentage(fidelity.top1Agreement()),
                    Figures.interval(intervals.top1Agreement(), "%.2f", 100), Figures.perplexity(fidelity.perplexityStudent()));
            }
        }
        return table;
    }

    private static TextTable costs(List<MappingCost> costs) {
        var table = new TextTable("mapping", "seconds", "MB of tensors", "parameters");
        costs.forEach(cost -> table.row(cost.mapping(), Figures.significant(cost.seconds()),
            Figures.significant(cost.tensorBytes() / 1e6), Figures.count(cost.parameters())));
        return table;
    }

    private static TextTable norms(Comparison comparison) {
        var table = new TextTable("the teacher's norms", "median", "largest", "");
        comparison.norms().forEach((text, norms) -> addNorms(table, "|mean| / rms on " + text, norms, NormStatistics::meanOverRms));
        addNorms(table, "|b| / |g|", comparison.norms().firstEntry().getValue(), NormStatistics::biasOverWeight);
        return table;
    }

    private static void addNorms(TextTable table, String name, List<NormStatistics> norms, ToDoubleFunction<NormStatistics> quantity) {
        NormStatistics largest = norms.stream().max(Comparator.comparingDouble(quantity)).orElseThrow();
        // Where all are 0, as |b| of norms without biases is, no norm has the largest.
        String place = quantity.applyAsDouble(largest) == 0 ? "" : largest.norm();
        table.row(name, Figures.significant(median(norms, quantity)), Figures.significant(quantity.applyAsDouble(largest)), place);
    }

    private static double median(List<NormStatistics> norms, ToDoubleFunction<NormStatistics> quantity) {
        double[] sorted = norms.stream().mapToDouble(quantity).sorted().toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    /**
     * Converts the comparison to a JSON object, including each norm.
     *
     * @param comparison the students
     * @return students, mappings and norms, each a list of objects
     */
    public static Map<String, Object> json(Comparison comparison) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("students", comparison.students().stream().map(student -> ReportJson.object("name", student.name(), "dtype", student.dtype(),
            "domains", FidelityReport.json(student.scores()))).toList());
        json.put("mappings", comparison.costs().stream().map(cost -> ReportJson.object("name", cost.mapping(), "seconds", cost.seconds(),
            "tensor_bytes", cost.tensorBytes(), "parameters", cost.parameters())).toList());
        Map<String, Object> norms = new LinkedHashMap<>();
        comparison.norms().forEach((text, statistics) -> norms.put(text, ReportJson.norms(statistics)));
        json.put("norms", norms);
        return json;
    }
}
