package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import kept.evaluation.ClassScores;
import kept.evaluation.LayerDistances;
import kept.evaluation.LayerDistances.Place;
import kept.evaluation.TokenScores;
import kept.evaluation.WorstToken;
import kept.text.VisibleText;
import kept.tokenizer.TokenClass;
import org.junit.jupiter.api.Test;

/** Teacher and student side by side, as a page, for a terminal and as JSON. */
class FidelityPageTest {
    private static final String HOSTILE = "</script><script>alert(\"1\" & '2')</script>\u001b[2J";

    @Test
    void holdsTheNumbersInTables() {
        assertThat(PageText.visible(FidelityPage.of(SampleReport.provenance("teacher", "orion"), texts("prose", " the"))))
            .contains("prose 0.250 n/a 75.00% n/a 1.00 1.00 1.00 4")
            .contains("layer 0 attention 0.125 4.00 0.250 0.500")
            .contains("after layer 0 0 1.00 n/a n/a")
            .contains("one layer is left out")
            .contains("punctuation 3 0.250 75.00% 66.67%")
            .contains("Read \" the\"").contains("KL 1.50 at position 2 of sequence 0; probability 0.500 by the teacher, 0.000100 by the student")
            .contains("\" the\" 0.500 \"x\" 0.750")
            .contains("teacher orion");
    }

    @Test
    void carriesTheNumbersOfTheCurves() throws IOException {
        String page = FidelityPage.of(new LinkedHashMap<>(), texts("prose", " the"));
        JsonNode numbers = PageText.numbers(page);
        assertThat(numbers.at("/texts/0/stream")).hasToString("[0.125,0.0,null]");
        assertThat(numbers.at("/texts/0/projections")).hasToString("[0.5,null,0.0625]");
        assertThat(numbers.at("/texts/0/position")).hasToString("[0,1,2,3]");
        assertThat(numbers.at("/texts/0/divergence")).hasToString("[0.0,0.0,0.0,1.0]");
        assertThat(page).contains("data-chart=\"stream-0\"", "data-chart=\"norm-0\"", "data-chart=\"projections-0\"",
            "data-chart=\"positions-0\"");
    }

    @Test
    void escapesEveryText() {
        String page = FidelityPage.of(SampleReport.provenance(HOSTILE, HOSTILE), texts(HOSTILE, HOSTILE));
        String benign = FidelityPage.of(SampleReport.provenance("a", "b"), texts("prose", " the"));
        assertThat(page).doesNotContain("alert(\"").contains("&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)");
        assertThat(page.split("<script", -1)).hasSameSizeAs(benign.split("<script", -1));
        assertThat(page.split("</script", -1)).hasSameSizeAs(benign.split("</script", -1));
        assertThat(page.substring(page.indexOf("Worst tokens"))).contains("\\u001b[2J");
    }

    @Test
    void whatWasNotMeasuredIsNotShown() {
        SequencedMap<String, FidelityDetails> plain = new LinkedHashMap<>();
        plain.put("prose", new FidelityDetails(scores(), Optional.empty(), List.of(), List.of()));
        assertThat(FidelityPage.of(new LinkedHashMap<>(), plain)).contains("data-chart=\"positions-0\"")
            .doesNotContain("stream-0", "norm-0", "By class", "Worst tokens", "Provenance");
        assertThat(printed(out -> {
            DetailsReport.printLayers(plain, out);
            DetailsReport.printClasses(plain, out);
            DetailsReport.printWorst(plain, 80, out);
        })).isEmpty();
    }

    @Test
    void aTerminalShowsTheSameWithinItsWidth() {
        assertThat(printed(out -> DetailsReport.printLayers(texts("prose", " the"), out)).lines()).containsExactly(
            "",
            "prose, by layer      stream  scale    norm  projections",
            "  layer 0 attention   0.125   4.00   0.250        0.500",
            "  after layer 0           0   1.00     n/a          n/a",
            "  final norm            n/a    n/a  0.0313       0.0625",
            "  one layer is left out");
        assertThat(printed(out -> DetailsReport.printWorst(texts("prose", " the"), 80, out)).lines()).containsExactly(
            "",
            "prose, worst tokens",
            "  1. KL 1.50 at position 2 of sequence 0",
            "     // Read \" the\"",
            "     teacher gives it 0.500; most likely \" the\" 0.500 \"\\n\" 0.250",
            "     student gives it 0.000100; most likely \"x\" 0.750 \"y\" 0.125");
        for (int width = 20; width < 90; width++) {
            int columns = width;
            assertThat(printed(out -> DetailsReport.printWorst(texts(HOSTILE, HOSTILE + "한국어 ".repeat(9)), columns, out)).lines())
                .allSatisfy(line -> assertThat(VisibleText.columns(line)).as(line).isLessThanOrEqualTo(columns))
                .noneMatch(line -> line.contains("\u001b"));
        }
    }

    @Test
    void jsonHoldsTextsAsTheyAre() {
        JsonNode domain = new ObjectMapper().valueToTree(DetailsReport.json(texts("prose", HOSTILE))).path("prose");
        assertThat(domain.path("kl_mean").doubleValue()).isEqualTo(0.25);
        assertThat(domain.at("/layers/0")).hasToString(
            "{\"place\":\"layer 0 attention\",\"stream\":0.125,\"scale\":4.0,\"norm\":0.25,\"projections\":0.5}");
        assertThat(domain.at("/layers/1/norm").isNull()).isTrue();
        assertThat(domain.at("/layer_notes/0").textValue()).isEqualTo("one layer is left out");
        assertThat(domain.at("/classes/0/class").textValue()).isEqualTo("punctuation");
        assertThat(domain.at("/worst/0/next").textValue()).isEqualTo(HOSTILE);
        assertThat(domain.at("/worst/0/teacher/most_likely/0/id").intValue()).isEqualTo(7);
        assertThat(domain.at("/worst/0/student/probability_of_next").doubleValue()).isEqualTo(1e-4);
    }

    private interface Printing {
        void to(PrintWriter out);
    }

    private static String printed(Printing printing) {
        var text = new StringWriter();
        printing.to(new PrintWriter(text));
        return text.toString();
    }

    private static SequencedMap<String, FidelityDetails> texts(String name, String token) {
        var distances = new LayerDistances(List.of(new Place("layer 0 attention", 0.125, 4, 0.25, 0.5),
            new Place("after layer 0", 0, 1, Double.NaN, Double.NaN), new Place("final norm", Double.NaN, Double.NaN, 0.03125, 0.0625)),
            List.of("one layer is left out"));
        var worst = new WorstToken(0, 2, 1.5, 0.5, 1e-4, List.of(new WorstToken.Candidate(7, 0.5), new WorstToken.Candidate(8, 0.25)),
            List.of(new WorstToken.Candidate(9, 0.75), new WorstToken.Candidate(10, 0.125)));
        var shown = new TokenInContext(worst, token.equals(" the") ? "// Read" : token, token,
            List.of(new TokenInContext.Candidate(token, 0.5), new TokenInContext.Candidate("\n", 0.25)),
            List.of(new TokenInContext.Candidate("x", 0.75), new TokenInContext.Candidate("y", 0.125)));
        SequencedMap<String, FidelityDetails> texts = new LinkedHashMap<>();
        texts.put(name, new FidelityDetails(scores(), Optional.of(distances),
            List.of(new ClassScores(TokenClass.PUNCTUATION.ordinal(), 3, 0.25, 0.75, 2 / 3.0)), List.of(shown)));
        return texts;
    }

    private static TokenScores scores() {
        return new TokenScores(4, new float[] {0, 0, 0, 1}, new float[4], new float[4], new float[] {1, 1, 1, 0});
    }
}
