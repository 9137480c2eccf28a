package kept.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.NullNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import kept.evaluation.Fidelity;
import kept.io.FileException;
import kept.training.HeldOutCurve;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportWriterTest {
    @TempDir
    private Path directory;

    @Test
    void printsAlignedColumns() {
        var text = new StringWriter();
        ReportWriter.print(SampleReport.report(), new PrintWriter(text));
        assertThat(text).hasToString("""
                         perplexity  KL mean  KL p99  top-1 agreement
            prose
              teacher         12.34
              mapped          13.20   0.0523   0.421           91.21%
              distilled       12.36  0.00287  0.0211           98.12%
              KL mapped -> distilled: 18.2x smaller
            code
              teacher          7.88
              mapped           9.50    0.250    1.50           75.00%
              distilled    1.23e+05    0.500    2.00           62.50%
              KL mapped -> distilled: 2.0x larger
            no improvement since step 2 of 3, held-out KL 0.0260: the optimizer's noise floor; a smaller learning rate may go further; \
            the output is the state of step 2
            """);
    }

    @Test
    void printsStudentsSideBySideAndWhichIsNearest() {
        var seconds = new LinkedHashMap<String, Double>();
        seconds.put("mapped", 0.125);
        seconds.put("distilled", 47.25);
        var text = new StringWriter();
        ReportWriter.print(SampleReport.report(), seconds, new PrintWriter(text));
        assertThat(text).hasToString("""
                         seconds  KL on prose   top-1  KL on code   top-1
            without training
              mapped       0.125       0.0523  91.21%       0.250  75.00%
            with training on 6,144 tokens
              distilled     47.3      0.00287  98.12%       0.500  62.50%
            prose: KL of distilled is 18.2 times lower than of mapped, the best without training
            code: KL of mapped (no training) is 2.00 times lower than of distilled
            no improvement since step 2 of 3, held-out KL 0.0260: the optimizer's noise floor; a smaller learning rate may go further; \
            the output is the state of step 2
            """);
    }

    @Test
    void printsNoComparisonOfOneStage() {
        var stages = new LinkedHashMap<String, Fidelity>();
        stages.put("mapped", new Fidelity(1000, 1e-9, 0, 1, 7.875, 7.875));
        var text = new StringWriter();
        ReportWriter.print(new RunReport(List.of(new DomainResult("text", stages, "mapped")), List.of(), HeldOutCurve.EMPTY, List.of(),
            SampleReport.MAPPING, new LinkedHashMap<>()), new PrintWriter(text));
        assertThat(text).hasToString("""
                       perplexity   KL mean  KL p99  top-1 agreement
            text
              teacher        7.88
              mapped         7.88  1.00e-09       0          100.00%
            """);
    }

    @Test
    void jsonHoldsEachNumberUnderItsName() throws IOException {
        JsonNode json = written(SampleReport.report());
        assertThat(json.fieldNames()).toIterable().containsExactly("domains", "texts", "steps", "held_out", "norms", "mapping", "provenance");
        assertThat(json.get("domains").fieldNames()).toIterable().containsExactly("prose", "code");
        assertThat(json.at("/domains/prose/teacher/perplexity").doubleValue()).isEqualTo(12.3412);
        JsonNode distilled = json.at("/domains/prose/stages/distilled");
        assertThat(distilled.fieldNames()).toIterable().containsExactly("tokens", "kl_mean", "kl_p99", "top1_agreement", "perplexity");
        assertThat(distilled.get("tokens").longValue()).isEqualTo(65_536);
        assertThat(distilled.get("kl_mean").doubleValue()).isEqualTo(0.00287);
        assertThat(distilled.get("kl_p99").doubleValue()).isEqualTo(0.0211);
        assertThat(distilled.get("top1_agreement").doubleValue()).isEqualTo(0.9812);
        assertThat(distilled.get("perplexity").doubleValue()).isEqualTo(12.3601);
        assertThat(json.at("/domains/code/stages/mapped/kl_mean").doubleValue()).isEqualTo(0.25);
        assertThat(json.at("/provenance/command").textValue()).isEqualTo("bin/kept distill --demo");
    }

    @Test
    void jsonHoldsStepsAsArraysAndNullsForWhatIsNoNumber() throws IOException {
        JsonNode json = written(SampleReport.report());
        JsonNode steps = json.get("steps");
        assertThat(steps.fieldNames()).toIterable()
            .containsExactly("step", "tokens", "loss", "divergence", "gradient_norm", "learning_rate", "seconds");
        assertThat(steps.get("step")).hasToString("[1,2,3]");
        assertThat(steps.get("tokens")).hasToString("[2048,4096,6144]");
        assertThat(steps.at("/loss/1").doubleValue()).isEqualTo(0.5);
        assertThat(steps.at("/divergence/0")).isEqualTo(NullNode.getInstance());
        assertThat(steps.at("/divergence/1").doubleValue()).isEqualTo(0.25);
        assertThat(steps.at("/gradient_norm/0").doubleValue()).isEqualTo(2);
        assertThat(steps.at("/learning_rate/2").doubleValue()).isCloseTo(0.003, within(1e-15));
        assertThat(steps.get("seconds")).hasToString("[0.5,0.5,0.5]");
        assertThat(json.at("/norms/0")).hasToString("{\"name\":\"model.layers.0.input_layernorm\",\"mean_over_rms\":0.125,\"bias_over_weight\":0.5}");
        assertThat(json.at("/norms/2/mean_over_rms")).isEqualTo(NullNode.getInstance());
    }

    @Test
    void jsonHoldsTheMappingRowByRow() throws IOException {
        JsonNode mapping = written(SampleReport.report()).get("mapping");
        assertThat(mapping.get("name").textValue()).isEqualTo("opm");
        assertThat(mapping.get("rows")).hasSize(SampleReport.MAPPING.rows().size());
        assertThat(mapping.at("/rows/1")).hasToString("{\"target\":\"model.layers.0.input_layernorm.weight\","
            + "\"sources\":[\"model.layers.0.input_layernorm.weight\"],\"method\":\"OPM\","
            + "\"reason\":\"g' = g is the best RMSNorm weight for features of zero mean\"}");
        assertThat(mapping.get("dropped")).hasSize(3);
        assertThat(mapping.at("/dropped/2")).hasToString("{\"source\":\"model.norm.bias\",\"reason\":\"RMSNorm adds nothing after scaling\"}");
    }

    @Test
    void equalReportsGiveEqualBytes() throws IOException {
        ReportWriter.write(SampleReport.report(), directory);
        byte[] json = Files.readAllBytes(directory.resolve(ReportWriter.JSON_FILE));
        byte[] page = Files.readAllBytes(directory.resolve(ReportWriter.PAGE_FILE));
        ReportWriter.write(SampleReport.report(), directory);
        assertThat(directory.resolve(ReportWriter.JSON_FILE)).hasBinaryContent(json);
        assertThat(directory.resolve(ReportWriter.PAGE_FILE)).hasBinaryContent(page);
        assertThat(directory.toFile().list()).containsExactlyInAnyOrder("report.json", "report.html");
    }

    @Test
    void aMissingDirectoryIsAnErrorThatNamesTheFile() {
        assertThatThrownBy(() -> ReportWriter.write(SampleReport.report(), directory.resolve("absent")))
            .isInstanceOf(FileException.class).hasMessageContaining("report.json").hasMessageContaining("no such file or directory");
    }

    @Test
    void aDomainWithoutStagesIsRefused() {
        assertThatThrownBy(() -> new DomainResult("prose", new LinkedHashMap<>(), "mapped"))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("[report] the domain 'prose' has no stage: measure the student at least once");
    }

    private JsonNode written(RunReport report) throws IOException {
        ReportWriter.write(report, directory);
        return new ObjectMapper().readTree(directory.resolve(ReportWriter.JSON_FILE).toFile());
    }
}
