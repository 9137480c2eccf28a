package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.regex.Pattern;
import kept.evaluation.Fidelity;
import kept.mapping.DroppedTensor;
import kept.mapping.Mapping;
import kept.mapping.NormStatistics;
import kept.mapping.TensorMapping;
import kept.mapping.Transform;
import kept.tensor.Shape;
import kept.training.HeldOutCurve;
import kept.training.StepMetrics;
import org.junit.jupiter.api.Test;

class ReportPageTest {
    private static final String HOSTILE = "</script><script>alert(\"1\" & '2')</script>";
    private static final Pattern REFERENCE = Pattern.compile(
        "(?i)<(?:link|img|iframe|object|embed|base|source|audio|video)\\b|\\bsrc\\s*=|@import|url\\(|\\bfetch\\(|XMLHttpRequest|\\bimport\\s*\\(");

    @Test
    void tellsWhatHappenedInTwoSentences() {
        assertThat(PageText.visible(ReportPage.of(SampleReport.report()))).contains(
            "A Llama of 22,112 parameters was made from the Orion teacher by the mapping opm: 9 tensors by NPM, 3 tensors by OPM; "
                + "3 of the teacher have no counterpart and were dropped. "
                + "Training on 6,144 tokens then changed its mean KL divergence from the teacher from 0.0523 to 0.00287 nats per token on prose "
                + "(18.2x smaller) and from 0.250 to 0.500 nats per token on code (2.0x larger).");
    }

    /** What a mapping gained is not training's merit. */
    @Test
    void tellsOfTrainingFromWhereItBegan() {
        assertThat(fromCalibrated(0.001, 0.0005)).contains("from 0.00100 to 0.000500 nats per token on text (2.0x smaller).")
            .contains("Closest to the teacher is xkd, with a mean KL divergence of 0.000500 nats per token on text.")
            .contains("training: 2.0x smaller KL, calibrated to xkd")
            .contains("without training, calibrated has a KL of 0.00100, 500.0x smaller than that of opm");
        assertThat(fromCalibrated(-5e-11, -5e-11)).contains("training: unchanged KL, calibrated to xkd")
            .contains("without training, calibrated cannot be distinguished from the teacher; opm has a KL of 0.500").contains("xkd 0 (noise)")
            .doesNotContain("e-11");
    }

    private static String fromCalibrated(double before, double after) {
        var stages = new LinkedHashMap<String, Fidelity>();
        stages.put("opm", new Fidelity(1000, 0.5, 1.5, 0.75, 8, 9));
        stages.put("calibrated", new Fidelity(1000, before, 1.5, 0.75, 8, 8));
        stages.put("xkd", new Fidelity(1000, after, 1.5, 0.75, 8, 8));
        return PageText.visible(ReportPage.of(new RunReport(List.of(new DomainResult("text", stages, "calibrated")), SampleReport.steps(3),
            HeldOutCurve.EMPTY, List.of(), SampleReport.MAPPING, new LinkedHashMap<>())));
    }

    /** The run's own result may be the worst of all: the page does not praise it. */
    @Test
    void leadsWithTheStudentThatIsClosest() {
        String page = fromCalibrated(0.001, 0.004);
        assertThat(page).contains("Closest to the teacher is calibrated, with a mean KL divergence of 0.00100 nats per token on text.")
            .contains("75.00% top-1 agreement of calibrated; KL 4.0x smaller than that of xkd")
            .contains("training: 4.0x larger KL, calibrated to xkd").contains("KL on a logarithmic scale, 1e-4 to 1");
        var code = new LinkedHashMap<String, Fidelity>();
        code.put("mapped", new Fidelity(1000, 0.25, 1.5, 0.75, 8, 9));
        code.put("distilled", new Fidelity(1000, Double.NaN, 1.5, 0.75, 8, 9));
        var domains = List.of(SampleReport.domains("prose", "code").getFirst(), new DomainResult("code", code, "mapped"));
        assertThat(PageText.visible(ReportPage.of(new RunReport(domains, SampleReport.steps(3), HeldOutCurve.EMPTY, List.of(), SampleReport.MAPPING,
            new LinkedHashMap<>())))).as("each text has its own").contains("Closest to the teacher is distilled, with a mean KL divergence of "
                + "0.00287 nats per token on prose and mapped, with 0.250 on code.");
    }

    @Test
    void aLossThatIsTheDivergenceIsShownOnce() {
        List<StepMetrics> steps = List.of(new StepMetrics(1, 2, 0.5, Double.NaN, 1, 0.1, 64, 1), new StepMetrics(2, 2, 0.25, 0.25, 1, 0.1, 128, 1));
        String page = ReportPage.of(new RunReport(SampleReport.domains("prose", "code"), steps, HeldOutCurve.EMPTY, List.of(), SampleReport.MAPPING,
            new LinkedHashMap<>()));
        assertThat(page).doesNotContain("data-chart=\"loss\"");
        assertThat(PageText.visible(page)).contains("of the training text: the loss").contains("2 128 0.250 1.00 0.100 1.00");
        assertThat(ReportPage.of(SampleReport.report())).as("with another loss").contains("data-chart=\"loss\"");
    }

    @Test
    void withoutTrainingTellsOfTheMappingAlone() {
        var stages = new LinkedHashMap<String, Fidelity>();
        stages.put("mapped", new Fidelity(1000, 0.25, 1.5, 0.75, 7.875, 9.5));
        String page = ReportPage.of(new RunReport(List.of(new DomainResult("text", stages, "mapped")), List.of(), HeldOutCurve.EMPTY, List.of(),
            SampleReport.MAPPING, new LinkedHashMap<>()));
        assertThat(PageText.visible(page))
            .contains("Measured on held-out text, its mean KL divergence from the teacher is 0.250 nats per token on text.")
            .contains("75.00% top-1 agreement of mapped")
            .doesNotContain("Closest to the teacher", "Steps as a table", "Norms as a table", "Provenance");
    }

    @Test
    void holdsTheNumbersInTables() {
        String page = PageText.visible(ReportPage.of(SampleReport.report()));
        assertThat(page)
            .contains("prose teacher 12.34 – – – – mapped 13.20 0.0523 0.421 91.21% 65,536 distilled 12.36 0.00287 0.0211 98.12% 65,536")
            .contains("1 2,048 1.00 n/a 2.00 0.00100 0.500 2 4,096 0.500 0.250 1.00 0.00200 0.500")
            .contains("model.layers.0.input_layernorm 0.125 0.500")
            .contains("model.norm n/a 0")
            .contains("model.layers.0.mlp.up_proj.weight [80, 32] same name NPM the same module in both architectures")
            .contains("model.norm.bias dropped RMSNorm adds nothing after scaling")
            .contains("command bin/kept distill --demo");
    }

    @Test
    void carriesTheNumbersOfTheCurves() throws IOException {
        String page = ReportPage.of(SampleReport.report());
        JsonNode numbers = PageText.numbers(page);
        assertThat(numbers.at("/steps/tokens")).hasToString("[2048,4096,6144]");
        assertThat(numbers.at("/steps/loss/1").doubleValue()).isEqualTo(0.5);
        assertThat(numbers.at("/norms/1/mean_over_rms").doubleValue()).isEqualTo(0.0625);
        assertThat(page).contains("uPlot=function()").contains("Permission is hereby granted, free of charge");
    }

    @Test
    void keepsALongRunsTableShortAndItsCurvesWhole() throws IOException {
        String page = ReportPage.of(new RunReport(SampleReport.domains("prose", "code"), SampleReport.steps(2001), HeldOutCurve.EMPTY, List.of(),
            SampleReport.MAPPING, new LinkedHashMap<>()));
        assertThat(PageText.visible(page)).contains("500 of 2,001 steps, evenly spaced").contains("2,001 4,098,048 ");
        JsonNode numbers = PageText.numbers(page);
        assertThat(numbers.at("/steps/tokens")).hasSize(2001);
    }

    @Test
    void escapesEveryText() {
        var hostile = new Mapping(HOSTILE, SampleReport.MAPPING.source(), SampleReport.MAPPING.target(),
            List.of(new TensorMapping(HOSTILE, Shape.of(1), List.of(HOSTILE, HOSTILE), Transform.COPY, HOSTILE)),
            List.of(new DroppedTensor(HOSTILE, HOSTILE)));
        var stages = new LinkedHashMap<String, Fidelity>();
        stages.put(HOSTILE, new Fidelity(1, 1, 1, 1, 1, 1));
        stages.put(HOSTILE + "2", new Fidelity(1, 1, 1, 1, 1, 1));
        String page = ReportPage.of(new RunReport(List.of(new DomainResult(HOSTILE, stages, HOSTILE)), SampleReport.steps(3), HeldOutCurve.EMPTY,
            List.of(new NormStatistics(HOSTILE, 0, 0)), hostile, SampleReport.provenance(HOSTILE, HOSTILE)));
        String benign = ReportPage.of(SampleReport.report());
        assertThat(page).doesNotContain("alert(\"").contains("&lt;/script&gt;&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)");
        assertThat(page.split("<script", -1)).hasSameSizeAs(benign.split("<script", -1));
        assertThat(page.split("</script", -1)).hasSameSizeAs(benign.split("</script", -1));
    }

    @Test
    void asksNoNetworkForAnything() {
        String page = ReportPage.of(SampleReport.report()).replace("<link rel=\"icon\" href=\"data:,\">", "");
        assertThat(REFERENCE.matcher(page).results().map(match -> page.substring(match.start(), Math.min(page.length(), match.end() + 60))))
            .isEmpty();
        assertThat(Pattern.compile("https?://[^\\s)]+").matcher(page).results().map(match -> match.group()))
            .as("addresses, which may only stand in comments").allMatch(address -> address.startsWith("https://github.com/leeoniya/uPlot"));
        assertThat(page).contains("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\"");
    }
}
