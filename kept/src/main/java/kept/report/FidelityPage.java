package kept.report;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.ClassScores;
import kept.evaluation.LayerDistances;
import kept.evaluation.TokenScores;
import kept.io.AtomicFiles;
import kept.text.Json;
import kept.text.VisibleText;

/** Writes the fidelity of a student, and where it differs from its teacher, as a self-contained HTML page. */
public final class FidelityPage {
    private static final String TEMPLATE = "fidelity.peb";
    /** Maximum number of points of a curve over positions. */
    private static final int CURVE_POINTS = 128;

    private FidelityPage() { }

    /**
     * Writes the page, replacing an existing one. Equal details give equal bytes.
     *
     * @param facts what was compared, and how, by name
     * @param texts the details by text name
     * @param file where to
     * @throws kept.io.FileException if it cannot be written
     */
    public static void write(SequencedMap<String, String> facts, SequencedMap<String, FidelityDetails> texts, Path file) {
        AtomicFiles.write(file, of(facts, texts).getBytes(StandardCharsets.UTF_8));
    }

    static String of(SequencedMap<String, String> facts, SequencedMap<String, FidelityDetails> texts) {
        Map<String, Object> values = new LinkedHashMap<>();
        List<Map<String, Object>> shown = new ArrayList<>();
        List<Map<String, Object>> curves = new ArrayList<>();
        texts.forEach((name, details) -> {
            shown.add(values(name, details, shown.size()));
            curves.add(curves(details));
        });
        values.put("facts", facts);
        values.put("texts", shown);
        values.put("numbers", numbers(curves));
        return PageLibrary.page(TEMPLATE, values);
    }

    private static Map<String, Object> values(String name, FidelityDetails details, int index) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("name", name);
        values.put("index", index);
        values.put("fidelity", details.scores().fidelity());
        TokenScores.Intervals intervals = details.scores().intervals();
        values.put("klInterval", Figures.significant(intervals.klMean()));
        values.put("top1Interval", Figures.interval(intervals.top1Agreement(), "%.2f", 100));
        values.put("positions", details.scores().byPosition().stream()
            .map(bucket -> Map.of("from", bucket.from(), "to", bucket.to() - 1, "fidelity", bucket.scores().fidelity())).toList());
        values.put("places", details.layers().map(LayerDistances::places).orElse(List.of()));
        values.put("notes", details.layers().map(LayerDistances::notes).orElse(List.of()));
        double largest = details.classes().stream().mapToDouble(ClassScores::klMean).filter(Double::isFinite).max().orElse(0);
        values.put("classes", details.classes().stream().map(scores -> Map.of("label", FidelityDetails.label(scores), "scores", scores,
            "width", Figures.barWidth(scores.klMean(), largest))).toList());
        values.put("worst", details.worst().stream().map(FidelityPage::worst).toList());
        return values;
    }

    /** Makes invisible characters visible; the template escapes HTML. */
    private static Map<String, Object> worst(TokenInContext worst) {
        return Map.of("token", worst.token(), "before", VisibleText.escaped(worst.before()), "next", VisibleText.quoted(worst.next()),
            "teacher", candidates(worst.teacher()), "student", candidates(worst.student()));
    }

    private static List<Map<String, Object>> candidates(List<TokenInContext.Candidate> candidates) {
        return candidates.stream().map(candidate -> Map.<String, Object>of("text", VisibleText.quoted(candidate.text()),
            "probability", candidate.probability())).toList();
    }

    /** The data of a text's curves. */
    private static Map<String, Object> curves(FidelityDetails details) {
        List<LayerDistances.Place> places = details.layers().map(LayerDistances::places).orElse(List.of());
        TokenScores scores = details.scores();
        List<TokenScores.Bucket> points = scores.evenly(CURVE_POINTS);
        return ReportJson.object(
            "places", places.stream().map(LayerDistances.Place::name).toList(),
            "stream", places.stream().map(place -> ReportJson.finite(place.stream())).toList(),
            "norm", places.stream().map(place -> ReportJson.finite(place.norm())).toList(),
            "projections", places.stream().map(place -> ReportJson.finite(place.projections())).toList(),
            "position", points.stream().map(TokenScores.Bucket::from).toList(),
            "divergence", points.stream().map(point -> ReportJson.finite(point.scores().fidelity().klMean())).toList());
    }

    /** In JSON, {@code <} can occur only within strings; escaping it there prevents a name from closing the script element. */
    private static String numbers(List<Map<String, Object>> curves) {
        return Json.write(Map.of("texts", curves)).replace("<", "\\u003c");
    }
}
