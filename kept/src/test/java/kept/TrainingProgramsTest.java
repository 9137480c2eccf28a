package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** pretrain and distill from the command line to the files they leave, undisturbed, interrupted and resumed. */
class TrainingProgramsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int STEPS = 6;
    /** Lines of the metrics that tell of texts: the one that is learnt from, and the one that is held out. */
    private static final int TEXTS = 2;
    private static final int TOKENS_PER_STEP = TinyDistillation.TOKENS_PER_STEP;

    @TempDir
    private Path directory;
    private TinyDistillation tiny;
    private Path teacher;
    private Path text;

    @BeforeEach
    void prepare() {
        tiny = new TinyDistillation(directory);
        teacher = tiny.teacher();
        text = tiny.text();
    }

    @Test
    void pretrainMakesAnOrion() throws IOException {
        Path output = directory.resolve("pretrained");
        ProgramRun run = pretrain(output);
        assertThat(run.code()).as(run.err()).isZero();
        DecoderConfig config = DecoderConfig.read(output);
        assertThat(config.architecture()).isEqualTo(Architecture.ORION);
        assertThat(config.dtype()).isEqualTo(DType.BF16);
        try (var checkpoint = Checkpoint.open(output)) {
            CheckpointWeights.requireTensors(checkpoint, config);
        }
        JsonNode provenance = JSON.readTree(output.resolve("provenance.json").toFile());
        assertThat(provenance.path("tokens").asLong()).isEqualTo(STEPS * TOKENS_PER_STEP);
        assertThat(provenance.path("command").asText()).startsWith("kept pretrain --tokenizer");
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");

        ProgramRun distilled = distill(output, directory.resolve("llama"));
        assertThat(distilled.code()).as(distilled.err()).isZero();
    }

    @Test
    void snapshotsAreCheckpointsOfTheStepsOnTheWay() throws IOException {
        Path output = directory.resolve("teacher");
        assertThat(pretrain(output).code()).isZero();
        byte[] undisturbed = Files.readAllBytes(weights("teacher"));
        assertThat(pretrain(output, "--overwrite", "--snapshot-every", 2, "--stop-after", 3).code()).isEqualTo(130);
        assertThat(pretrain(output, "--resume", "--snapshot-every", 2).code()).isZero();
        assertThat(weights("teacher")).hasBinaryContent(undisturbed);
        assertThat(directory).isDirectoryContaining("glob:**teacher.step-2").isDirectoryContaining("glob:**teacher.step-4")
                .isDirectoryNotContaining("glob:**teacher.step-" + STEPS).isDirectoryNotContaining("glob:**.{training,partial}");
        for (String step : List.of("teacher.step-2", "teacher.step-4")) {
            assertThat(Files.readAllBytes(weights(step))).as("the parameters have moved").isNotEqualTo(undisturbed);
            DecoderConfig config = DecoderConfig.read(directory.resolve(step));
            try (var checkpoint = Checkpoint.open(directory.resolve(step))) {
                CheckpointWeights.requireTensors(checkpoint, config);
            }
        }
        assertThat(Files.mismatch(weights("teacher.step-2"), weights("teacher.step-4"))).isNotEqualTo(-1);
        assertThat(JSON.readTree(directory.resolve("teacher.step-4/provenance.json").toFile()).path("tokens").asLong())
                .isEqualTo(4 * TOKENS_PER_STEP);
        assertThat(ProgramRun.of("convert", "--model", directory.resolve("teacher.step-4"), "--output", directory.resolve("llama")).code()).isZero();
    }

    @Test
    void aSnapshotOfAnotherRunIsNotReplacedUnasked() throws IOException {
        Path output = directory.resolve("teacher");
        Path other = Files.createDirectory(directory.resolve("teacher.step-4"));
        Path file = Files.writeString(other.resolve("notes.txt"), "mine");
        ProgramRun refused = pretrain(output, "--snapshot-every", 2);
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.errorLines().getLast()).contains("teacher.step-4 exists", "--overwrite");
        assertThat(file).hasContent("mine");
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}").isDirectoryNotContaining("glob:**step-2");
        assertThat(pretrain(output, "--snapshot-every", -1).errorLines().getFirst()).contains("--snapshot-every must be at least 0, not -1");
        assertThat(pretrain(output, "--snapshot-every", 2, "--overwrite").errorLines().getLast()).contains("teacher.step-4: holds notes.txt");
        assertThat(file).hasContent("mine");
        Files.delete(file);
        Files.writeString(other.resolve("config.json"), "{}");
        assertThat(pretrain(output, "--snapshot-every", 2, "--overwrite").code()).isZero();
        assertThat(other.resolve("model.safetensors")).exists();
    }

    @Test
    void oneTextFileServesForTrainingAndItsBeginningForEvaluation() throws IOException {
        Path output = directory.resolve("llama");
        ProgramRun run = ProgramRun.of("distill", "--teacher", teacher, "--corpus", text, "--output", output, "--sequence-length", 16,
                "--batch-size", 4, "--tokens", STEPS * TOKENS_PER_STEP);
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode stages = TinyDistillation.report(output).path("domains").path("corpus").path("stages");
        assertThat(stages.path("mapped").path("tokens").asInt()).isPositive().isEqualTo(stages.path("distilled").path("tokens").asInt());
    }

    @Test
    void distillMakesALlamaWithItsReport() throws IOException {
        Path output = directory.resolve("llama");
        ProgramRun run = distill(teacher, output);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("held-out", "Llama checkpoint: " + output, "report.html", "next:");
        DecoderConfig config = DecoderConfig.read(output);
        assertThat(config.architecture()).isEqualTo(Architecture.LLAMA);
        try (var checkpoint = Checkpoint.open(output)) {
            CheckpointWeights.requireTensors(checkpoint, config);
        }
        assertThat(output.resolve("report.html")).isNotEmptyFile();
        JsonNode stages = TinyDistillation.report(output).path("domains").path("held-out").path("stages");
        assertThat(stages.path("mapped").path("kl_mean").doubleValue()).isPositive();
        assertThat(stages.path("distilled").path("kl_mean").doubleValue()).isLessThan(stages.path("mapped").path("kl_mean").doubleValue());
        List<String> metrics = Files.readAllLines(output.resolve("metrics.jsonl"));
        assertThat(metrics).hasSize(TEXTS + 2 * STEPS + 1);
        JsonNode held = JSON.readTree(metrics.getLast());
        assertThat(held.propertyStream()).extracting(property -> property.getKey())
                .containsExactly("step", "tokens", "held_out_kl", "held_out_top1");
        assertThat(held.path("step").asInt()).isEqualTo(STEPS);
        assertThat(JSON.readTree(metrics.get(TEXTS)).path("held_out_kl").doubleValue()).isGreaterThan(held.path("held_out_kl").doubleValue());
        JsonNode last = JSON.readTree(metrics.get(TEXTS + 2 * STEPS - 1));
        assertThat(last.propertyStream()).extracting(property -> property.getKey())
                .containsExactly("step", "steps", "loss", "divergence", "gradient_norm", "learning_rate", "tokens", "seconds");
        assertThat(last.path("step").asInt()).isEqualTo(STEPS);
        assertThat(last.path("tokens").asInt()).isEqualTo(STEPS * TOKENS_PER_STEP);
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");
    }

    /** In the metrics and the report, like that of every other text. */
    @Test
    void whatWasReadOfTheCalibrationTextIsReported() throws IOException {
        Path output = directory.resolve("llama");
        Path calibration = Files.write(directory.resolve("calibration.jsonl"),
                Files.readAllLines(text).stream().map(line -> "{\"text\": \"" + line + "\"}").toList());
        long bytes = Files.size(calibration);
        ProgramRun run = distill(teacher, output, "--mapping", "calibrated", "--calibration", calibration, "--calibration-tokens", 1024);
        assertThat(run.code()).as(run.err()).isZero();
        JsonNode report = TinyDistillation.report(output);
        JsonNode texts = report.path("texts");
        assertThat(texts.propertyStream()).extracting(property -> property.getKey())
                .containsExactlyInAnyOrder("training text", "held-out text held-out", "calibration text");
        JsonNode read = texts.path("calibration text");
        // Twice as many whole sequences as are measured on, and more, are read; those are drawn from them.
        assertThat(read.path("tokens").asLong()).isGreaterThanOrEqualTo(2048);
        assertThat(read.path("used_tokens").asLong()).isEqualTo(1024);
        assertThat(run.err()).contains(" tokens, of which 1,024 are used");
        assertThat(texts.path("held-out text held-out").path("used_tokens").asLong()).isPositive()
                .isLessThan(texts.path("held-out text held-out").path("tokens").asLong());
        assertThat(texts.path("training text").has("used_tokens")).isFalse();
        assertThat(read.path("bytes_of").asLong()).isEqualTo(bytes);
        assertThat(read.path("bytes").asLong()).isPositive();
        assertThat(read.path("whole").asBoolean()).isEqualTo(read.path("bytes").asLong() == bytes);
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
            lines.add(JSON.readTree(line));
        }
        assertThat(lines).filteredOn(line -> line.has("text")).hasSize(TEXTS + 1)
                .filteredOn(line -> line.path("text").asText().equals("calibration text"))
                .singleElement().satisfies(line -> read.properties().forEach(one -> assertThat(line.path(one.getKey())).isEqualTo(one.getValue())));
        assertThat(report.path("provenance").path("calibration text").asText()).contains("calibration.jsonl", "documents");
        assertThat(output.resolve("report.html")).content().contains("calibration text", "calibration.jsonl");
    }

    @Test
    void theSameSeedGivesTheSameBytesAndAnotherSeedOthers() throws IOException {
        distill(teacher, directory.resolve("first"), "--seed", 7);
        distill(teacher, directory.resolve("second"), "--seed", 7);
        distill(teacher, directory.resolve("third"), "--seed", 8);
        assertThat(weights("second")).hasSameBinaryContentAs(weights("first"));
        assertThat(Files.mismatch(weights("first"), weights("third"))).isNotEqualTo(-1);
    }

    @Test
    void activationsComputedAgainGiveTheSameBytes() {
        distill(teacher, directory.resolve("kept"));
        assertThat(distill(teacher, directory.resolve("again"), "--checkpoint-activations").code()).isZero();
        assertThat(weights("again")).hasSameBinaryContentAs(weights("kept"));
    }

    /** The others are the teacher's own tensors, unless the checkpoint has other digits. */
    @ParameterizedTest
    @CsvSource({"norms,norm,f32", "self_attn.[qv],self_attn.[qv],f32", "norms,norm,bf16"})
    void onlyTheChosenParametersAreTrained(String train, String names, String dtype) throws IOException {
        distill(teacher, directory.resolve("llama"), "--train", train, "--save-every", 2, "--dtype", dtype, "--learning-rate", 0.01,
                "--evaluate-every", 0);
        ProgramRun.of("convert", "--model", teacher, "--output", directory.resolve("mapped"), "--mapping", "opm", "--dtype", dtype);
        try (var trained = Checkpoint.open(directory.resolve("llama"));
                var mapped = Checkpoint.open(directory.resolve("mapped"))) {
            assertThat(trained.names()).isEqualTo(mapped.names());
            for (String name : mapped.names()) {
                boolean isChosen = Pattern.compile(names).matcher(name).find();
                assertThat(trained.data(name).mismatch(mapped.data(name)) >= 0).as(name).isEqualTo(isChosen);
            }
        }
    }

    @Test
    void aRunNeverEndsWorseThanItBegan() throws IOException {
        Path output = directory.resolve("llama");
        ProgramRun run = distill(teacher, output, "--learning-rate", "0.3", "--dtype", "bf16");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("training did not help: held-out KL was ", "the output is the mapping, rounded to bf16");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", directory.resolve("mapped"), "--dtype", "bf16").code()).isZero();
        assertThat(weights("llama")).hasSameBinaryContentAs(weights("mapped"));
        JsonNode report = TinyDistillation.report(output);
        assertThat(report.at("/held_out/best_step").asInt()).isZero();
        assertThat(report.at("/held_out/step")).hasSize(STEPS + 1);
        assertThat(report.at("/domains/held-out/stages/distilled")).as("what convert writes").isEqualTo(
                report.at("/domains/held-out/stages/mapped"));
    }

    @Test
    void theBestStateIsWhatIsWritten() throws IOException {
        Object[] options = {"--learning-rate", "0.005", "--schedule", "constant", "--warm-up", 0, "--evaluate-every", 2,
            "--tokens", 2 * STEPS * TOKENS_PER_STEP};
        assertThat(ProgramRun.of(tiny.arguments(teacher, directory.resolve("whole"), STEPS, options)).code()).isZero();
        JsonNode heldOut = TinyDistillation.report(directory.resolve("whole")).path("held_out");
        int best = heldOut.path("best_step").asInt();
        assertThat(best).isBetween(2, 2 * STEPS - 2);
        options[options.length - 1] = best * TOKENS_PER_STEP;
        assertThat(ProgramRun.of(tiny.arguments(teacher, directory.resolve("short"), STEPS, options)).code()).isZero();
        assertThat(weights("whole")).hasSameBinaryContentAs(weights("short"));
    }

    @Test
    void aRunWithPatienceStopsWhenNothingImproves() throws IOException {
        Path output = directory.resolve("llama");
        ProgramRun run = distill(teacher, output, "--learning-rate", "0.3", "--patience", 2);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("stopped after step 2 of 6: training did not help");
        assertThat(TinyDistillation.report(output).at("/steps/step")).hasSize(2);
        assertThat(distill(teacher, directory.resolve("other"), "--patience", -1).errorLines().getFirst())
                .contains("--patience must be at least 0, not -1");
    }

    @Test
    void evaluationTakesNothingFromTheTraining() throws IOException {
        distill(teacher, directory.resolve("often"), "--dtype", "bf16", "--evaluate-every", 1);
        distill(teacher, directory.resolve("once"), "--dtype", "bf16", "--evaluate-every", 0);
        assertThat(weights("often")).hasSameBinaryContentAs(weights("once"));
        assertThat(TinyDistillation.report(directory.resolve("once")).at("/held_out/step")).hasToString("[0,6]");
    }

    @Test
    void aStoppedRunGoesOnToTheSameBytes() throws IOException {
        distill(teacher, directory.resolve("undisturbed"));
        Path output = directory.resolve("stopped");
        ProgramRun stopped = distill(teacher, output, "--stop-after", 2);
        assertThat(stopped.code()).isEqualTo(130);
        assertThat(stopped.out()).isEmpty();
        assertThat(stopped.errorLines()).contains("stopped after step 2 of " + STEPS).last().asString().contains("stopped.training", "--resume");
        assertThat(stopped.err()).doesNotContain("kept:", "unexpected");
        assertThat(output).doesNotExist();
        assertThat(directory).isDirectoryNotContaining("glob:**.partial").isDirectoryContaining("glob:**stopped.training");

        ProgramRun again = distill(teacher, output);
        assertThat(again.code()).isEqualTo(1);
        assertThat(again.err()).contains("unfinished run", "--resume", "--overwrite");
        ProgramRun other = distill(teacher, output, "--resume", "--seed", 9);
        assertThat(other.code()).isEqualTo(1);
        assertThat(other.errorLines().getLast()).contains("other settings", "seed was 0, is 9");
        assertThat(distill(teacher, output, "--resume", "--batch-size", 2).errorLines().getLast())
                .contains("batch size was 4, is 2; ").doesNotContain("seed", "teacher", "steps");
        assertThat(output).doesNotExist();

        assertThat(distill(teacher, output, "--resume").code()).isZero();
        assertThat(weights("stopped")).hasSameBinaryContentAs(weights("undisturbed"));
        assertThat(Files.readAllLines(output.resolve("metrics.jsonl"))).hasSize(TEXTS + 2 * STEPS + 1);
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");
    }

    @Test
    void aRunStoppedAfterItsLastStepHasOnlyToBeWritten() {
        pretrain(directory.resolve("undisturbed"));
        Path output = directory.resolve("stopped");
        assertThat(pretrain(output, "--stop-after", STEPS, "--save-every", 0).code()).isEqualTo(130);
        assertThat(output).doesNotExist();
        assertThat(pretrain(output, "--resume").code()).isZero();
        assertThat(weights("stopped")).hasSameBinaryContentAs(weights("undisturbed"));
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");
    }

    @Test
    void whatAKilledRunLeftIsClearedAway() throws IOException {
        Path output = directory.resolve("llama");
        distill(teacher, output, "--stop-after", 3);
        Files.writeString(directory.resolve("llama.training/.state.safetensors.0a0a0a0a-1111-2222-3333-444444444444.tmp"), "half a state");
        Files.writeString(directory.resolve("llama.training/metrics.jsonl"), "{\"step\":4,\"st", StandardOpenOption.APPEND);
        ProgramRun resumed = distill(teacher, output, "--resume");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(Files.readAllLines(output.resolve("metrics.jsonl"))).hasSize(TEXTS + 2 * STEPS + 1).allMatch(line -> line.endsWith("}"));
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");
    }

    @Test
    void anEndSignalSavesTheStateAndLeavesNothingElse() throws IOException, InterruptedException {
        Path output = directory.resolve("llama");
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        List<String> command = Stream.concat(
                Stream.of(java, "-Dkept.threads=3", "--module-path", System.getProperty("jdk.module.path"),
                        "--module", "kept/kept.Main"),
                Stream.of(tiny.arguments(teacher, output, STEPS, "--tokens", 100_000_000, "--threads", 2))).map(Object::toString).toList();
        Path errors = directory.resolve("errors.log");
        Process process = new ProcessBuilder(command).redirectError(errors.toFile()).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        try {
            Path metrics = directory.resolve("llama.training/metrics.jsonl");
            while (process.isAlive() && !(Files.exists(metrics) && Files.size(metrics) > 0)) {
                Thread.sleep(20);
            }
            assertThat(process.isAlive()).as(Files.readString(errors)).isTrue();
            process.destroy();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).as("128 + SIGTERM").isEqualTo(143);
        assertThat(Files.readString(errors).lines()).anyMatch(line -> line.startsWith("stopped after step "))
                .anyMatch(line -> line.startsWith("cpu: ") && line.contains("2 threads"))
                .noneMatch(line -> line.contains("\tat "));
        assertThat(directory.resolve("llama.training/state.safetensors")).exists();
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left.map(Path::getFileName).map(Path::toString))
                    .containsExactlyInAnyOrder("orion", "text.txt", "llama.training", "errors.log");
        }
        try (Stream<Path> state = Files.list(directory.resolve("llama.training"))) {
            assertThat(state.map(Path::getFileName).map(Path::toString)).contains("state.safetensors", "metrics.jsonl")
                    .isSubsetOf("state.safetensors", "metrics.jsonl", "best.safetensors");
        }
    }

    private Path weights(String output) {
        return directory.resolve(output).resolve("model.safetensors");
    }

    private ProgramRun pretrain(Path output, Object... more) {
        Object[] basis = {"pretrain", "--tokenizer", teacher, "--corpus", text, "--output", output, "--hidden-size", 16, "--layers", 2, "--heads", 2,
            "--intermediate-size", 24, "--positions", 64, "--sequence-length", 16, "--batch-size", 4, "--tokens", STEPS * TOKENS_PER_STEP};
        return ProgramRun.of(Stream.concat(Stream.of(basis), Stream.of(more)).toArray());
    }

    private ProgramRun distill(Path source, Path output, Object... more) {
        return tiny.run(source, output, STEPS, more);
    }
}
