package kept.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.evaluation.ClassScores;
import kept.evaluation.LayerDistances;
import kept.evaluation.TokenScores;
import kept.evaluation.WorstToken;
import kept.text.VisibleText;

/** Reports where a student and its teacher differ on several texts: by layer, by token class, and at which tokens; for a terminal and as JSON. */
public final class DetailsReport {
    private DetailsReport() { }

    /**
     * Prints a table of distances by layer for each text.
     *
     * @param texts the details by text name; those without distances are skipped
     * @param out the output; flushed, not closed
     */
    public static void printLayers(SequencedMap<String, FidelityDetails> texts, PrintWriter out) {
        texts.forEach((name, details) -> details.layers().ifPresent(layers -> {
            out.println();
            var table = new TextTable(VisibleText.escaped(name) + ", by layer", "stream", "scale", "norm", "projections");
            layers.places().forEach(place -> table.row("  " + place.name(), Figures.significant(place.stream()), Figures.significant(place.scale()),
                Figures.significant(place.norm()), Figures.significant(place.projections())));
            layers.notes().forEach(note -> table.line("  " + note));
            table.print(out);
        }));
    }

    /**
     * Prints a table of token classes for each text.
     *
     * @param texts the details by text name; those without classes are skipped
     * @param out the output; flushed, not closed
     */
    public static void printClasses(SequencedMap<String, FidelityDetails> texts, PrintWriter out) {
        texts.forEach((name, details) -> {
            if (!details.classes().isEmpty()) {
                out.println();
                var table = new TextTable(VisibleText.escaped(name) + ", by class of token", "tokens", "KL mean", "share of KL", "top-1");
                for (ClassScores scores : details.classes()) {
                    table.row("  " + FidelityDetails.label(scores), Figures.count(scores.tokens()), Figures.divergence(scores.klMean()),
                        Figures.percentage(scores.klShare()), Figures.percentage(scores.top1Agreement()));
                }
                table.print(out);
            }
        });
    }

    /**
     * Prints the worst predictions of each text, with control characters escaped.
     *
     * @param texts the details by text name; those without such predictions are skipped
     * @param columns the maximum line width
     * @param out the output; flushed, not closed
     */
    public static void printWorst(SequencedMap<String, FidelityDetails> texts, int columns, PrintWriter out) {
        texts.forEach((name, details) -> {
            if (!details.worst().isEmpty()) {
                out.println();
                out.println(VisibleText.beginning(VisibleText.escaped(name) + ", worst tokens", columns));
                int rank = 0;
                for (TokenInContext worst : details.worst()) {
                    print(++rank, worst, columns, out);
                }
                out.flush();
            }
        });
    }

    private static void print(int rank, TokenInContext worst, int columns, PrintWriter out) {
        WorstToken token = worst.token();
        String next = VisibleText.quoted(worst.next());
        out.println(VisibleText.beginning("  %d. KL %s at position %d of sequence %d".formatted(rank, Figures.significant(token.divergence()),
            token.position(), token.sequence()), columns));
        // The next token may take half of the line; the text before it gets the rest.
        String shown = VisibleText.beginning(next, columns / 2);
        out.println("     " + VisibleText.end(VisibleText.escaped(worst.before()), columns - 6 - VisibleText.columns(shown)) + " " + shown);
        out.println(candidates("     teacher", token.teacherProbability(), worst.teacher(), columns));
        out.println(candidates("     student", token.studentProbability(), worst.student(), columns));
    }

    /** The probability of the true token, and as many candidates as fit. */
    private static String candidates(String model, double probability, List<TokenInContext.Candidate> candidates, int columns) {
        var line = new StringBuilder(model).append(" gives it ").append(probability(probability)).append("; most likely");
        for (TokenInContext.Candidate candidate : candidates) {
            String more = " %s %s".formatted(VisibleText.quoted(candidate.text()), probability(candidate.probability()));
            if (VisibleText.columns(line + more) > columns) {
                break;
            }
            line.append(more);
        }
        return VisibleText.beginning(line.toString(), columns);
    }

    /** Formats a probability with three digits, for values near 1 as well as near 0. */
    static String probability(double probability) {
        return Figures.significant(probability);
    }

    /**
     * Converts the measures of {@link FidelityReport#json} to JSON, with the additional ones: {@code layers}, {@code classes}, {@code worst}.
     *
     * @param texts the details by text name
     * @return the measures by text name
     */
    public static Map<String, Object> json(SequencedMap<String, FidelityDetails> texts) {
        SequencedMap<String, TokenScores> scores = new LinkedHashMap<>();
        texts.forEach((name, details) -> scores.put(name, details.scores()));
        Map<String, Object> domains = FidelityReport.json(scores);
        texts.forEach((name, details) -> {
            @SuppressWarnings("unchecked")
            var domain = (Map<String, Object>) domains.get(name);
            domain.putAll(details(details));
        });
        return domains;
    }

    private static Map<String, Object> details(FidelityDetails details) {
        Map<String, Object> json = new LinkedHashMap<>();
        details.layers().ifPresent(layers -> {
            json.put("layers", layers.places().stream().map(DetailsReport::place).toList());
            json.put("layer_notes", layers.notes());
        });
        if (!details.classes().isEmpty()) {
            json.put("classes", details.classes().stream().map(scores -> ReportJson.object("class", FidelityDetails.label(scores),
                "tokens", scores.tokens(), "kl_mean", ReportJson.finite(scores.klMean()), "kl_share", ReportJson.finite(scores.klShare()),
                "top1_agreement", scores.top1Agreement())).toList());
        }
        if (!details.worst().isEmpty()) {
            json.put("worst", details.worst().stream().map(DetailsReport::worst).toList());
        }
        return json;
    }

    private static Map<String, Object> place(LayerDistances.Place place) {
        return ReportJson.object("place", place.name(), "stream", ReportJson.finite(place.stream()), "scale", ReportJson.finite(place.scale()),
            "norm", ReportJson.finite(place.norm()), "projections", ReportJson.finite(place.projections()));
    }

    private static Map<String, Object> worst(TokenInContext worst) {
        WorstToken token = worst.token();
        return ReportJson.object("sequence", token.sequence(), "position", token.position(), "kl", ReportJson.finite(token.divergence()),
            "before", worst.before(), "next", worst.next(),
            "teacher", prediction(token.teacherProbability(), token.teacherCandidates(), worst.teacher()),
            "student", prediction(token.studentProbability(), token.studentCandidates(), worst.student()));
    }

    private static Map<String, Object> prediction(double probability, List<WorstToken.Candidate> ids, List<TokenInContext.Candidate> candidates) {
        List<Map<String, Object>> mostLikely = new ArrayList<>();
        for (int i = 0; i < candidates.size(); i++) {
            mostLikely.add(ReportJson.object("id", ids.get(i).token(), "text", candidates.get(i).text(),
                "probability", ReportJson.finite(candidates.get(i).probability())));
        }
        return ReportJson.object("probability_of_next", ReportJson.finite(probability), "most_likely", mostLikely);
    }
}
