package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import kept.model.DecoderConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** convert --mapping calibrated: what comes out, and bad use. */
class CalibratedConvertTest {
    @TempDir
    private Path directory;

    private ProgramRun convert(Object... more) {
        Object[] basis = {"convert", "--model", directory.resolve("orion"), "--output", directory.resolve("llama")};
        return ProgramRun.of(Stream.of(basis, more).flatMap(Stream::of).toArray());
    }

    @Test
    void aPlainLlamaIsWrittenAndVerifiedAndNothingElseIsLeft() throws IOException {
        TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun run = convert("--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 1024, "--verify");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("verified: 21 tensors", "21 tensors mapped (calibrated), 5 dropped");
        DecoderConfig config = DecoderConfig.read(directory.resolve("llama"));
        assertThat(config.layers()).isEqualTo(2);
        assertThat(config.attentionBias() || config.mlpBias()).isFalse();
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactlyInAnyOrder(directory.resolve("orion"), directory.resolve("llama"), text);
        }
    }

    @Test
    void theFieldOfTheCalibrationIsChosen() throws IOException {
        TinyTeacher.write(directory.resolve("orion"));
        Path text = directory.resolve("text.jsonl");
        Files.writeString(text, Files.readString(TinyTeacher.text(directory.resolve("text.txt"))).lines()
                .map(line -> "{\"body\": \"" + line + "\"}\n").collect(Collectors.joining()));
        Object[] options = {"--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 1024};
        assertThat(convert(options).errorLines()).last().asString().contains("has no field \"text\"", "--calibration-field");
        ProgramRun run = convert(Stream.concat(Stream.of(options), Stream.of("--calibration-field", "body")).toArray());
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("150 documents");
    }

    @Test
    void anEndSignalKeepsWhatIsMeasuredAndResumeGoesOnFromThere() throws IOException {
        assertThat(ProgramRun.of("pretrain", "--random", "--tokenizer", Fixtures.path("tokenizer"), "--hidden-size", 16, "--heads", 2, "--layers", 20,
                "--intermediate-size", 16, "--dtype", "f32", "--output", directory.resolve("orion")).code()).isZero();
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path output = directory.resolve("llama");
        Path calibration = directory.resolve("llama.calibration");
        Object[] settings = {"convert", "--model", directory.resolve("orion"), "--output", output, "--mapping", "calibrated", "--calibration", text,
            "--calibration-tokens", 1024};
        try (var run = ChildProgram.start(directory.resolve("errors.log"), settings)) {
            while (run.isAlive() && !Files.exists(calibration.resolve("model.layers.1.input_layernorm.correction.safetensors"))) {
                LockSupport.parkNanos(1_000_000);
            }
            run.terminate();
            assertThat(run.join()).as("128 + SIGTERM: " + run.notes()).isEqualTo(143);
            assertThat(run.notes()).contains("stopped; what has been measured is in " + calibration);
        }
        assertThat(ProgramRun.of(settings).errorLines()).last().asString().contains("holds an unfinished calibration", "--resume", "--overwrite");
        ProgramRun resumed = ProgramRun.of(Stream.concat(Stream.of(settings), Stream.of("--resume", "--verbose")).toArray());
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(resumed.err()).contains("model.norm: ridge").doesNotContain("model.layers.0.input_layernorm: ridge");
        assertThat(output).isDirectory();
        assertThat(calibration).doesNotExist();
    }

    /** This teacher has no biases for an anchor to carry, so that a search chooses none. */
    @Test
    void theAnchorIsTheUsualOneUnlessASearchIsAskedFor() {
        TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun compared = ProgramRun.of("compare", "--teacher", directory.resolve("orion"), "--mappings",
                "calibrated:SEARCH,calibrated,calibrated::1", "--dtype", "f32", "--calibration", text, "--calibration-tokens", 1024,
                "--held-out", "text=" + text, "--evaluation-tokens", 512);
        assertThat(compared.code()).as(compared.err()).isZero();
        assertThat(compared.err()).contains("calibrated:search: anchor: 0.0 times", "calibrated: anchor: 0.1 times",
                "calibrated::1: anchor: 0.1 times").doesNotContain("norm: ridge");
        ProgramRun searched = convert("--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 1024,
                "--anchor", "Search", "--verbose");
        assertThat(searched.code()).as(searched.err()).isZero();
        assertThat(searched.err()).contains("anchor: 0.0 times", "model.norm: ridge");
        assertThat(convert("--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 1024, "--overwrite").err())
                .contains("anchor: 0.1 times").doesNotContain("ridge");
    }

    @Test
    void badUseIsTold() {
        TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun without = convert("--mapping", "calibrated");
        assertThat(without.code()).isEqualTo(2);
        assertThat(without.err()).contains("--mapping calibrated measures on a text: name one with --calibration FILE...");
        ProgramRun useless = convert("--calibration", text);
        assertThat(useless.code()).isEqualTo(2);
        assertThat(useless.err()).contains("--calibration is for --mapping calibrated");
        ProgramRun few = convert("--mapping", "calibrated", "--calibration", text, "--calibration-tokens", 50);
        assertThat(few.code()).isEqualTo(1);
        assertThat(few.errorLines()).last().asString().contains("50 tokens are too few for width 16, which needs at least 64");
        ProgramRun negative = convert("--mapping", "calibrated", "--calibration", text, "--ridge", -1);
        assertThat(negative.code()).isEqualTo(2);
        assertThat(directory.resolve("llama")).doesNotExist();
        assertThat(directory.resolve("llama.calibration")).doesNotExist();
    }
}
