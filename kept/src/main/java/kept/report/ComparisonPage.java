package kept.report;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.DoubleStream;
import kept.evaluation.Interval;
import kept.evaluation.TokenScores;
import kept.io.AtomicFiles;
import kept.text.Json;

/** Writes a comparison of mappings as a self-contained HTML page: fidelity with intervals, cost, and the teacher's norms. */
public final class ComparisonPage {
    private static final String TEMPLATE = "comparison.peb";

    private ComparisonPage() { }

    /**
     * Writes the page, replacing an existing one. Equal comparisons give equal bytes.
     *
     * @param facts what was compared, and how, by name
     * @param comparison the students
     * @param file where to
     * @throws kept.io.FileException if it cannot be written
     */
    public static void write(SequencedMap<String, String> facts, Comparison comparison, Path file) {
        AtomicFiles.write(file, of(facts, comparison).getBytes(StandardCharsets.UTF_8));
    }

    static String of(SequencedMap<String, String> facts, Comparison comparison) {
        LogScale scale = LogScale.of(comparison.students().stream().flatMap(student -> student.scores().values().stream())
            .flatMapToDouble(ComparisonPage::shown));
        List<Map<String, Object>> texts = comparison.norms().keySet().stream().map(text -> text(text, comparison.students(), scale)).toList();
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("facts", facts);
        values.put("texts", texts);
        values.put("closest", texts.stream().map(text -> ((Map<?, ?>) text.get("closest")).get("name")).distinct().toList());
        values.put("scale", scale.ends());
        values.put("costs", comparison.costs());
        values.put("norms", comparison.norms().firstEntry().getValue());
        values.put("normsText", comparison.norms().firstEntry().getKey());
        values.put("numbers", Json.write(Map.of("norms", ReportJson.norms(comparison.norms().firstEntry().getValue()))).replace("<", "\\u003c"));
        return PageLibrary.page(TEMPLATE, values);
    }

    private static DoubleStream shown(TokenScores scores) {
        Interval interval = scores.intervals().klMean();
        return DoubleStream.of(scores.fidelity().klMean(), interval.low(), interval.high());
    }

    private static Map<String, Object> text(String name, List<ComparedStudent> students, LogScale scale) {
        ComparedStudent closest = students.stream().filter(student -> !student.name().equals(ComparedStudent.TEACHER))
            .min(Comparator.comparingDouble(student -> divergence(student, name))).orElse(students.getFirst());
        List<Map<String, Object>> shown = new ArrayList<>();
        students.forEach(student -> shown.add(student(student, student.scores().get(name), scale, student == closest)));
        TokenScores first = students.getFirst().scores().get(name);
        return Map.of("name", name, "tokens", first.fidelity().tokens(), "perplexity", first.fidelity().perplexityTeacher(), "students", shown,
            "closest", shown.get(students.indexOf(closest)));
    }

    /** Noise counts as none, NaN as more than anything. */
    private static double divergence(ComparedStudent student, String text) {
        double divergence = student.scores().get(text).fidelity().klMean();
        return Figures.isNoise(divergence) ? 0 : divergence;
    }

    private static Map<String, Object> student(ComparedStudent student, TokenScores scores, LogScale scale, boolean closest) {
        TokenScores.Intervals intervals = scores.intervals();
        double divergence = scores.fidelity().klMean();
        return Map.of("name", student.label(), "fidelity", scores.fidelity(), "kl", divergence, "closest", closest,
            "klInterval", Figures.significant(intervals.klMean()), "top1Interval", Figures.interval(intervals.top1Agreement(), "%.2f", 100),
            "width", scale.at(divergence), "left", scale.at(intervals.klMean().low()), "span", scale.between(intervals.klMean()));
    }
}
