package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training with weights and gradients in BF16 and moments of 8 bits, from the command line. */
class LowPrecisionTrainingTest {
    private static final int STEPS = 8;

    @TempDir
    private Path directory;
    private TinyDistillation tiny;

    @BeforeEach
    void prepare() {
        tiny = new TinyDistillation(directory);
    }

    @Test
    void aRunInLowPrecisionLearnsAndIsTakenUpWithTheSameBits() throws IOException {
        Path whole = directory.resolve("whole");
        ProgramRun run = distill(whole, "--train-dtype", "bf16", "--optimizer", "adamw-8bit", "--dtype", "bf16");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(heldOut(whole, STEPS)).as("it learns").isLessThan(heldOut(whole, 0));

        Path parts = directory.resolve("parts");
        assertThat(distill(parts, "--train-dtype", "bf16", "--optimizer", "adamw-8bit", "--dtype", "bf16", "--stop-after", 3).code()).isEqualTo(130);
        try (var state = SafetensorsFile.open(directory.resolve("parts.training/state.safetensors"))) {
            assertThat(state.entry("lm_head.weight").dtype()).isEqualTo(DType.BF16);
            assertThat(state.entry("adamw.first.lm_head.weight").dtype()).as("codes of 8 bits").isEqualTo(DType.I32);
            assertThat(state.entry("adamw.second.lm_head.weight").dtype()).isEqualTo(DType.I32);
        }
        ProgramRun other = distill(parts, "--resume", "--dtype", "bf16");
        assertThat(other.code()).isEqualTo(1);
        assertThat(other.errorLines().getLast()).contains("weights while training was bf16 with stochastic rounding, is f32",
                "moments was 8 bits, is f32");
        run = distill(parts, "--train-dtype", "bf16", "--optimizer", "adamw-8bit", "--dtype", "bf16", "--resume");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(parts.resolve("model.safetensors")).hasSameBinaryContentAs(whole.resolve("model.safetensors"));
    }

    @Test
    void lowPrecisionComesNearToTheRunInF32() throws IOException {
        Path full = directory.resolve("full");
        Path coded = directory.resolve("coded");
        assertThat(distill(full).code()).isZero();
        assertThat(distill(coded, "--optimizer", "adamw-8bit", "--train-dtype", "bf16").code()).isZero();
        double gained = heldOut(full, 0) - heldOut(full, STEPS);
        assertThat(heldOut(coded, 0) - heldOut(coded, STEPS)).isNotEqualTo(gained).isBetween(0.8 * gained, 1.2 * gained);
    }

    /** The tiny teacher is of F32, which the result is stored in too. */
    @Test
    void aResultOfFewerDigitsThanItsTypeIsNoted() {
        String note = "the result has the precision of bf16, for --train-dtype bf16, though it is stored as ";
        assertThat(distill(directory.resolve("wide"), "--train-dtype", "bf16").err()).contains(note + "f32");
        assertThat(distill(directory.resolve("half"), "--train-dtype", "bf16", "--dtype", "f16").err()).contains(note + "f16");
        assertThat(distill(directory.resolve("same"), "--train-dtype", "bf16", "--dtype", "bf16").err()).doesNotContain(note);
        assertThat(distill(directory.resolve("full")).err()).doesNotContain(note);
    }

    @Test
    void aTeacherIsPretrainedInLowPrecisionToo() {
        ProgramRun run = ProgramRun.of("pretrain", "--tokenizer", tiny.teacher(), "--corpus", tiny.text(), "--output", directory.resolve("made"),
                "--hidden-size", 16, "--layers", 1, "--heads", 2, "--intermediate-size", 24, "--positions", 64, "--tokens", 256,
                "--sequence-length", 16, "--batch-size", 4, "--train-dtype", "bf16", "--optimizer", "adamw-8bit", "--dtype", "f32");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("the result has the precision of bf16");
        assertThat(directory.resolve("made/model.safetensors")).exists();
    }

    private ProgramRun distill(Path output, Object... more) {
        return tiny.run(tiny.teacher(), output, STEPS, Stream.concat(Stream.of("--learning-rate", "2e-3"), Stream.of(more)).toArray());
    }

    private static double heldOut(Path output, int step) throws IOException {
        try (Stream<String> lines = Files.lines(output.resolve("metrics.jsonl"))) {
            return lines.map(LowPrecisionTrainingTest::json).filter(line -> line.has("held_out_kl") && line.path("step").asInt() == step).findFirst()
                    .orElseThrow().path("held_out_kl").asDouble();
        }
    }

    private static JsonNode json(String line) {
        try {
            return new ObjectMapper().readTree(line);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
