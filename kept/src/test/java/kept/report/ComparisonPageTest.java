package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.evaluation.TokenScores;
import kept.mapping.NormStatistics;
import org.junit.jupiter.api.Test;

class ComparisonPageTest {
    private static final String HOSTILE = "</script><script>alert(\"1\" & '2')</script>";

    @Test
    void leadsWithTheClosestStudentThatIsNotTheTeacher() {
        assertThat(page("prose", "exact"))
            .contains("Closest to the teacher is exact bf16, with a mean KL divergence of 0.0125 nats per token on prose.")
            .contains("opm f32 0.250").contains("teacher bf16 0.00100").contains("KL with its 95 % interval on a logarithmic scale, 1e-4 to 1");
    }

    @Test
    void holdsFidelityCostAndNormsInTables() {
        assertThat(page("prose", "exact"))
            .contains("prose teacher bf16 0.00100 0.00100.. 0.00100 100.00% 100.00.. 100.00 0.00100 1.00 "
                + "opm f32 0.250 0.100.. 0.400 50.00% 50.00.. 50.00 0.400 1.00 exact bf16 0.0125 ")
            .contains("opm 0.500 12.0 17,872").contains("model.norm n/a 0").contains("The inputs are those of prose.").contains("teacher orion");
    }

    @Test
    void carriesTheNumbersOfTheNorms() throws IOException {
        String page = ComparisonPage.of(new LinkedHashMap<>(), comparison("prose", "exact"));
        assertThat(PageText.numbers(page).at("/norms/0/mean_over_rms").doubleValue()).isEqualTo(0.125);
        assertThat(page).contains("data-chart=\"mean_over_rms\"").doesNotContain("Provenance");
    }

    @Test
    void escapesEveryText() {
        String page = ComparisonPage.of(SampleReport.provenance(HOSTILE, HOSTILE), comparison(HOSTILE, HOSTILE));
        String benign = ComparisonPage.of(SampleReport.provenance("a", "b"), comparison("prose", "exact"));
        assertThat(page).doesNotContain("alert(\"").contains("&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)");
        assertThat(page.split("<script", -1)).hasSameSizeAs(benign.split("<script", -1));
    }

    private static String page(String text, String best) {
        return PageText.visible(ComparisonPage.of(SampleReport.provenance("teacher", "orion"), comparison(text, best)));
    }

    private static Comparison comparison(String text, String best) {
        SequencedMap<String, List<NormStatistics>> norms = new LinkedHashMap<>();
        norms.put(text, SampleReport.NORMS);
        return new Comparison(List.of(student("teacher", "bf16", text, 0.001f, 0.001f, 1), student("opm", "f32", text, 0.1f, 0.4f, 0.5f),
            student(best, "bf16", text, 0.0125f, 0.0125f, 1)), List.of(new MappingCost("opm", 0.5, 12_000_000, 17_872)), norms);
    }

    /** Two sequences of two tokens, with a divergence each. */
    private static ComparedStudent student(String name, String dtype, String text, float first, float second, float agreement) {
        SequencedMap<String, TokenScores> scores = new LinkedHashMap<>();
        scores.put(text, new TokenScores(2, new float[] {first, first, second, second}, new float[4], new float[4],
            new float[] {agreement, agreement, agreement, agreement}));
        return new ComparedStudent(name, dtype, scores);
    }
}
