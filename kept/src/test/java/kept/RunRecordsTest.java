package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NumericNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.run.SoftwareVersion;
import org.junit.jupiter.api.Test;

/** What a run leaves beside the model for those who follow it or repeat it: provenance in report.json, and TensorBoard's event files. */
class RunRecordsTest extends DistillationProgramTest {
    private static final int STEPS = 4;

    @Test
    void reportJsonSaysHowTheResultWasMadeWithNumbersAsNumbers() {
        ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, "--seed", 7, "--learning-rate", "1e-3", "--train", "norm");
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode made = TinyDistillation.report(output).path("provenance");
        assertThat(made.path("command").asText()).startsWith("kept distill --teacher ").contains("--seed 7").endsWith(" --output DIR");
        assertThat(made.path("version").asText()).isEqualTo(SoftwareVersion.text());
        assertThat(made.path("seed")).isInstanceOf(NumericNode.class).hasToString("7");
        assertThat(made.path("steps")).hasToString("4");
        assertThat(made.path("learning rate").path("peak")).isInstanceOf(NumericNode.class).hasToString("0.001");
        assertThat(made.path("learning rate").path("kind").asText()).isEqualTo("cosine");
        assertThat(made.path("teacher").path("hiddenSize")).hasToString("16");
        assertThat(made.path("trained").asText()).isEqualTo("norm");
        try (var checkpoint = Checkpoint.open(tiny.teacher())) {
            assertThat(made.path("teacher").path("fingerprint").asText()).isEqualTo(checkpoint.fingerprint());
        }
        assertThat(made.path("corpus").path("tokens").longValue()).isEqualTo(
                TinyDistillation.report(output).at("/texts/training text/tokens").longValue()).isPositive();
        assertThat(made.path("corpus").path("checksum").asText()).matches("[0-9a-f]{16,}");
        assertThat(made.path("held-out text held-out").path("sequences")).isInstanceOf(NumericNode.class).hasToString("8");
    }

    @Test
    void eachStartAndEachResumptionHasAnEventFileInTheRunsFolder() throws IOException {
        Path runs = directory.resolve("runs");
        assertThat(tiny.run(tiny.teacher(), output, STEPS, "--tensorboard", runs, "--stop-after", 2).code()).isEqualTo(130);
        ProgramRun resumed = tiny.run(tiny.teacher(), output, STEPS, "--tensorboard", runs, "--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        List<String> files = names(runs.resolve("llama"));
        assertThat(files).hasSize(2).allMatch(name -> name.matches("events\\.out\\.tfevents\\.\\d{10}\\.kept"));
        // Three results on held-out text and two steps, then two of each.
        assertThat(occurrences(runs.resolve("llama").resolve(files.getFirst()))).containsExactly(2, 3);
        assertThat(occurrences(runs.resolve("llama").resolve(files.getLast()))).containsExactly(2, 2);
        assertThat(TinyDistillation.report(output).at("/provenance/command").asText()).doesNotContain("tensorboard");
        assertThat(TinyDistillation.report(output).path("provenance").has("resumed")).as("what makes no difference").isFalse();
    }

    @Test
    void anEventFolderThatCannotBeMadeIsRefusedBeforeTheRun() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, "--tensorboard", file);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [output] " + file).contains("--tensorboard cannot be written");
    }

    @Test
    void anEventFolderInTheOutputOrInTheStateIsRefusedBeforeTheRun() {
        Path state = directory.resolve("llama.training");
        for (Path events : List.of(directory, output, state)) {
            ProgramRun run = tiny.run(tiny.teacher(), output, STEPS, "--tensorboard", events);
            assertThat(run.code()).as(run.out()).isEqualTo(1);
            assertThat(run.err()).contains("kept: [output] the event files of --tensorboard would lie in " + events.resolve("llama"))
                    .doesNotContain("step 0");
            assertThat(output).doesNotExist();
            assertThat(state).doesNotExist();
        }
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    /** How often an event file has a loss, and a result on held-out text. */
    private static List<Integer> occurrences(Path file) throws IOException {
        String text = Files.readString(file, StandardCharsets.ISO_8859_1);
        return Stream.of("train/loss", "held_out/kl").map(tag -> text.split(tag, -1).length - 1).toList();
    }
}
