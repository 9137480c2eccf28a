package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.model.DecoderConfig;
import kept.training.ParameterSelection;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** distill from the mappings that need no training. */
class StartsTest {
    private static final int STEPS = 4;

    @TempDir
    private Path directory;
    private TinyDistillation tiny;

    @BeforeEach
    void prepare() {
        tiny = new TinyDistillation(directory);
    }

    @Test
    void fromExactTheConstantsOfItsAddedLayerAreNotTrained() throws IOException {
        Path output = directory.resolve("llama");
        ProgramRun run = distill(output, "--mapping", "exact", "--learning-rate", "1e-2");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(DecoderConfig.read(output).layers()).isEqualTo(3);
        assertThat(run.err()).contains("training text: " + directory.resolve("text.txt") + ": ", "training learns from ");
        JsonNode text = TinyDistillation.report(output).at("/texts/training text");
        assertThat(text.path("files_of").intValue()).isEqualTo(1);
        assertThat(text.path("bytes_of").longValue()).isEqualTo(Files.size(directory.resolve("text.txt")));
        assertThat(text.path("tokens").longValue()).isPositive();
        assertThat(Files.readAllLines(output.resolve("metrics.jsonl")).subList(0, 2))
                .anySatisfy(line -> assertThat(line).startsWith("{\"step\":0,\"text\":\"training text\""));
        JsonNode report = TinyDistillation.report(output);
        assertThat(report.at("/domains/held-out/stages/mapped/kl_mean").doubleValue()).isLessThan(1e-6);
        assertThat(report.at("/provenance/trained").textValue()).matches("all, without the mapping's \\d+ constant tensors");
        long all;
        long constants = 0;
        try (var checkpoint = Checkpoint.open(output)) {
            all = checkpoint.names().stream().mapToLong(name -> checkpoint.entry(name).shape().elementCount()).sum();
            for (String name : checkpoint.names()) {
                boolean constant = name.startsWith("model.layers.2.") || name.equals("model.norm.weight") || name.endsWith("o_proj.bias")
                        || name.endsWith("down_proj.bias");
                constants += constant ? checkpoint.entry(name).shape().elementCount() : 0;
            }
        }
        assertThat(report.at("/provenance/trained parameters").longValue()).isEqualTo(all - constants);
    }

    @Test
    void aStartThatTrainingCannotBetterIsWhatIsWritten() {
        Path output = directory.resolve("llama");
        assertThat(distill(output, "--mapping", "exact", "--learning-rate", "1e-2").out()).contains("the output is the mapping itself");
        Path mapped = directory.resolve("mapped");
        assertThat(ProgramRun.of("convert", "--model", tiny.teacher(), "--output", mapped, "--mapping", "exact").code()).isZero();
        assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(directory.resolve("mapped/model.safetensors"));
    }

    @Test
    void fromCalibratedItMeasuresOnTheTransferTextAndResumesToTheSameBytes() throws IOException {
        Path undisturbed = directory.resolve("undisturbed");
        Object[] calibrated = {"--mapping", "calibrated", "--calibration-tokens", 1024, "--learning-rate", "1e-3"};
        ProgramRun run = distill(undisturbed, calibrated);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("anchor: 0.1 times").doesNotContain("model.norm: ridge ");
        Path opm = directory.resolve("opm");
        assertThat(distill(opm).code()).isZero();
        assertThat(TinyDistillation.report(undisturbed).at("/domains/held-out/stages/mapped/kl_mean").doubleValue())
                .isLessThan(0.5 * TinyDistillation.report(opm).at("/domains/held-out/stages/mapped/kl_mean").doubleValue());

        Path stopped = directory.resolve("stopped");
        assertThat(distill(stopped, Stream.concat(Stream.of(calibrated), Stream.of("--stop-after", 2)).toArray()).code()).isEqualTo(130);
        assertThat(directory.resolve("stopped.calibration")).isDirectory();
        ProgramRun again = distill(stopped, calibrated);
        assertThat(again.code()).isEqualTo(1);
        assertThat(again.err()).contains("unfinished", "--resume", "--overwrite");
        ProgramRun resumed = distill(stopped, Stream.concat(Stream.of(calibrated), Stream.of("--resume")).toArray());
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(resumed.err()).doesNotContain("ridge");
        assertThat(stopped.resolve("model.safetensors")).hasSameBinaryContentAs(undisturbed.resolve("model.safetensors"));
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("orion", "text.txt", "undisturbed", "opm", "stopped");
        }
    }

    @Test
    void theLearningRateSuitsTheStart() {
        List<String> rates = List.of("opm", "calibrated", "exact").stream().map(mapping -> {
            Path output = directory.resolve(mapping);
            Object[] more = mapping.equals("calibrated") ? new Object[] {"--calibration-tokens", 1024} : new Object[0];
            ProgramRun run = distill(output, Stream.concat(Stream.of("--mapping", mapping, "--schedule", "constant"), Stream.of(more)).toArray());
            assertThat(run.code()).as(run.err()).isZero();
            return TinyDistillation.report(output).at("/steps/learning_rate/" + (STEPS - 1)).asText();
        }).toList();
        assertThat(rates).containsExactly("3.0E-4", "3.0E-5", "1.0E-6");
    }

    @Test
    void thePlanOfACalibratedStartTellsOfTheCalibrationToo() {
        ProgramRun run = ProgramRun.of("distill", "--plan", "--teacher", tiny.teacher(), "--mapping", "calibrated", "--calibration-tokens", 1024);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("streams of 1,024 tokens", "teacher's weights (as stored)", "for the best state", "steps take about");
        ProgramRun exact = ProgramRun.of("distill", "--plan", "--teacher", tiny.teacher(), "--mapping", "exact");
        assertThat(exact.code()).as(exact.err()).isZero();
        assertThat(exact.out()).contains("teacher's weights (as stored)", "steps take about").doesNotContain("streams of");
    }

    @Test
    void aSelectionWithoutSomeNamesSaysSo() {
        ParameterSelection selection = ParameterSelection.parse("norms").without(Set.of("model.norm.weight"), "one");
        assertThat(selection.selects("model.norm.weight")).isFalse();
        assertThat(selection.selects("model.layers.0.input_layernorm.weight")).isTrue();
        assertThat(selection).hasToString("norms, without one");
        assertThat(ParameterSelection.parse("norms").without(Set.of(), "none")).hasToString("norms");
    }

    private ProgramRun distill(Path output, Object... more) {
        return tiny.run(tiny.teacher(), output, STEPS, more);
    }
}
