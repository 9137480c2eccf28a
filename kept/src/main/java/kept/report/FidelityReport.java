package kept.report;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;
import kept.evaluation.Interval;
import kept.evaluation.TokenScores;

/** Reports the fidelity of a student on several texts, as a table for a terminal and as JSON. */
public final class FidelityReport {
    private FidelityReport() { }

    /**
     * Prints a line for each text: number of tokens, both perplexities and their ratio, KL(teacher || student) and top-1 agreement, with 95
     * % intervals.
     *
     * @param texts the scores by text name
     * @param positions whether to print a line for each position bucket as well
     * @param out the output; flushed, not closed
     */
    public static void print(SequencedMap<String, TokenScores> texts, boolean positions, PrintWriter out) {
        var table = new TextTable("", "tokens", "teacher ppl", "student ppl", "ratio", "95 % interval", "KL mean", "95 % interval", "KL p99", "top-1",
            "95 % interval");
        texts.forEach((name, scores) -> {
            add(table, name, scores);
            if (positions) {
                scores.byPosition().forEach(bucket -> add(table, "  %,d to %,d".formatted(bucket.from(), bucket.to() - 1), bucket.scores()));
            }
        });
        table.print(out);
    }

    private static void add(TextTable table, String name, TokenScores scores) {
        Fidelity fidelity = scores.fidelity();
        TokenScores.Intervals intervals = scores.intervals();
        table.row(name, Figures.count(fidelity.tokens()), Figures.perplexity(fidelity.perplexityTeacher()),
            Figures.perplexity(fidelity.perplexityStudent()), ratio(fidelity), Figures.interval(intervals.perplexityRatio(), "%.4f", 1),
            Figures.divergence(fidelity.klMean()), Figures.significant(intervals.klMean()), Figures.significant(fidelity.klP99()),
            Figures.percentage(fidelity.top1Agreement()), Figures.interval(intervals.top1Agreement(), "%.2f", 100));
    }

    private static String ratio(Fidelity fidelity) {
        return String.format(Locale.ROOT, "%.4f", fidelity.perplexityStudent() / fidelity.perplexityTeacher());
    }

    /**
     * Converts the scores to a JSON object, including all position buckets.
     *
     * @param texts the scores by text name
     * @return the measures by text name
     */
    public static Map<String, Object> json(SequencedMap<String, TokenScores> texts) {
        Map<String, Object> domains = new LinkedHashMap<>();
        texts.forEach((name, scores) -> {
            Map<String, Object> domain = measures(scores);
            domain.put("sequence_length", scores.length());
            domain.put("positions", positions(scores.byPosition()));
            domains.put(name, domain);
        });
        return domains;
    }

    private static List<Map<String, Object>> positions(List<TokenScores.Bucket> buckets) {
        return buckets.stream().map(bucket -> {
            Map<String, Object> json = ReportJson.object("from", bucket.from(), "to", bucket.to());
            json.putAll(measures(bucket.scores()));
            return json;
        }).toList();
    }

    private static Map<String, Object> measures(TokenScores scores) {
        Fidelity fidelity = scores.fidelity();
        TokenScores.Intervals intervals = scores.intervals();
        Map<String, Object> json = ReportJson.object("tokens", fidelity.tokens());
        put(json, "kl_mean", fidelity.klMean(), intervals.klMean());
        json.put("kl_p99", ReportJson.finite(fidelity.klP99()));
        put(json, "top1_agreement", fidelity.top1Agreement(), intervals.top1Agreement());
        put(json, "perplexity_teacher", fidelity.perplexityTeacher(), intervals.perplexityTeacher());
        put(json, "perplexity_student", fidelity.perplexityStudent(), intervals.perplexityStudent());
        put(json, "perplexity_ratio", fidelity.perplexityStudent() / fidelity.perplexityTeacher(), intervals.perplexityRatio());
        return json;
    }

    private static void put(Map<String, Object> json, String name, double value, Interval interval) {
        json.put(name, ReportJson.finite(value));
        json.put(name + "_interval", ReportJson.interval(interval));
    }
}
