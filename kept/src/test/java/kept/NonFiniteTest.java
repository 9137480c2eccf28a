package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs that meet NaN or infinity: who is at fault, what is kept, and how to go on. */
class NonFiniteTest extends DistillationProgramTest {
    private static final int STEPS = 6;
    private static final String UP = "model.layers.1.mlp.up_proj.weight";

    @Test
    void aDistillationThatDivergesAtOnceGoesOnFromTheMapping() throws IOException {
        for (Object[] saving : new Object[][] {{"--save-every", 1}, {"--save-every", 0}, {"--evaluate-every", 0}}) {
            output = directory.resolve("llama" + saving[0] + saving[1]);
            ProgramRun failed = distill(with(saving, "--learning-rate", "1e30", "--overwrite"));
            assertThat(failed.code()).isEqualTo(1);
            assertThat(failed.errorLines()).last().asString().startsWith("kept: [training] ").containsPattern("step \\d: ")
                    .containsPattern("holds [0-9,]+ NaN and [0-9,]+ infinite of [0-9,]+ numbers")
                    .contains("the state at the start is in " + output + ".training: --resume with a smaller --learning-rate",
                            "no state was better than the mapping, so there is no output");
            assertThat(output).doesNotExist();
            assertThat(distill("--resume", "--learning-rate", "3e-4", "--seed", 5).errorLines()).last().asString()
                    .contains("seed was 0, is 5").doesNotContain("learning rate");
            ProgramRun resumed = distill(with(saving, "--resume", "--learning-rate", "3e-4"));
            assertThat(resumed.code()).as(resumed.err()).isZero();
            assertThat(resumed.err()).contains("resuming with other settings, after NaN or infinity: learning rate, peak was 1.0E30, is 3.0E-4");
            assertThat(Files.readAllLines(output.resolve("metrics.jsonl")).getLast()).contains("\"step\":6");
            assertThat(TinyDistillation.report(output).at("/steps/loss")).hasSize(STEPS);
        }
    }

    /** The state before the step that is not finite is of use to nobody, the best one is. */
    @Test
    void theBestStateIsWrittenAndGoneOnFrom() throws IOException {
        assertThat(distill("--evaluate-every", 1, "--stop-after", 3).code()).isEqualTo(130);
        poisonState(directory.resolve("llama.training/state.safetensors"), UP);
        ProgramRun failed = distill("--evaluate-every", 1, "--resume");
        assertThat(failed.code()).isEqualTo(1);
        assertThat(failed.errorLines()).last().asString().startsWith("kept: [training] step 4: the loss is NaN: parameter '" + UP + "' holds 1 NaN")
                .contains("the state after step 3, the best so far, is in " + output + ".training", output + " is the student of that state");
        assertThat(TinyDistillation.report(output).at("/held_out/best_step").asInt()).isEqualTo(3);
        assertThat(TinyDistillation.report(output).at("/held_out/verdict").asText()).startsWith("stopped after step 3 of 6: ");
        try (var best = Checkpoint.open(output)) {
            assertThat(best.data(UP).mismatch(SafetensorsFile.open(directory.resolve("llama.training/best.safetensors")).data(UP))).isEqualTo(-1);
        }
        ProgramRun resumed = distill("--evaluate-every", 1, "--resume", "--learning-rate", "1e-4");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(TinyDistillation.report(output).at("/steps/step")).hasSize(STEPS);
        assertThat(TinyDistillation.report(output).at("/provenance/resumed")).singleElement().extracting(JsonNode::asText).isEqualTo(
                "after step 3: the best or last state before NaN or infinity, on the text that comes next; "
                        + "learning rate, peak was 3.0E-4, is 1.0E-4");
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");
    }

    private static void poisonState(Path state, String tensor) throws IOException {
        Path other = state.resolveSibling("other.safetensors");
        try (var saved = SafetensorsFile.open(state)) {
            var metadata = new LinkedHashMap<>(saved.metadata());
            metadata.keySet().removeIf(key -> key.equals("kept.checksums"));
            List<TensorSpec> specs = saved.entries().stream().map(entry -> new TensorSpec(entry.name(), entry.dtype(), entry.shape())).toList();
            try (var writer = SafetensorsWriter.createWithChecksums(other, specs, metadata)) {
                for (TensorSpec spec : specs) {
                    byte[] bytes = saved.data(spec.name()).toArray(ValueLayout.JAVA_BYTE);
                    if (spec.name().equals(tensor)) {
                        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, Float.NaN);
                    }
                    writer.write(spec.name(), MemorySegment.ofArray(bytes));
                }
                writer.finish();
            }
        }
        Files.move(other, state, StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void aPretrainingThatDivergesGoesOnFromItsStart() {
        for (int every : List.of(0, 1)) {
            output = directory.resolve("orion" + every);
            ProgramRun failed = pretrain("--learning-rate", "1e30", "--save-every", every, "--overwrite");
            assertThat(failed.code()).isEqualTo(1);
            assertThat(failed.errorLines()).last().asString().startsWith("kept: [training] step ")
                    .contains("the loss is NaN", "the state at the start is in ", "--resume with a smaller --learning-rate");
            assertThat(output).doesNotExist();
            ProgramRun resumed = pretrain("--learning-rate", "1e-3", "--resume", "--save-every", every);
            assertThat(resumed.code()).as(resumed.err()).isZero();
            assertThat(output.resolve("model.safetensors")).exists();
            for (String record : List.of("README.md", "provenance.json")) {
                assertThat(output.resolve(record)).content().contains(
                        "after step 0: the best or last state before NaN or infinity, on the text that comes next; learning rate, peak was 1.0E30");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0x7fc00000, NaN", "0xff800000, -infinity"})
    void aTeacherThatIsNotFiniteIsToldAsSuch(String bits, String value) throws IOException {
        poison(tiny.teacher(), UP, Integer.parseUnsignedInt(bits.substring(2), 16));
        Path good = TinyTeacher.write(directory.resolve("good"));
        Path tasks = Files.writeString(directory.resolve("tasks.jsonl"), "{\"context\": \"Line\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n");
        for (ProgramRun run : List.of(distill(),
                ProgramRun.of("verify", "--teacher", tiny.teacher(), "--student", good, "--corpus", tiny.text(), "--sequence-length", 16),
                ProgramRun.of("compare", "--teacher", tiny.teacher(), "--mappings", "opm", "--held-out", "x=" + tiny.text(),
                        "--evaluation-tokens", 64,
                        "--sequence-length", 16),
                ProgramRun.of("evaluate", tiny.teacher(), "--tasks", tasks))) {
            assertThat(run.code()).isEqualTo(1);
            assertThat(run.out()).isEmpty();
            assertThat(run.errorLines()).last().asString().startsWith("kept: [checkpoint] " + tiny.teacher())
                    .contains("tensor '" + UP + "'", "holds " + value + " at [0, 2]; the weights are damaged")
                    .doesNotContain("learning rate", "learning-rate");
        }
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial}");
        ProgramRun student = ProgramRun.of("verify", "--teacher", good, "--student", tiny.teacher(), "--corpus", tiny.text(),
                "--sequence-length", 16);
        assertThat(student.code()).isEqualTo(1);
        assertThat(student.errorLines()).last().asString().contains("tensor '" + UP + "'", "holds " + value + " at [0, 2]");
    }

    @Test
    void aTeacherWhoseActivationsOverflowIsToldAsSuch() throws IOException {
        poison(tiny.teacher(), "model.layers.0.mlp.down_proj.weight", Float.floatToIntBits(3e38f));
        poison(tiny.teacher(), "model.layers.0.mlp.gate_proj.weight", Float.floatToIntBits(3e38f));
        ProgramRun run = distill();
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).last().asString().contains("the teacher gives no finite logits on ", "its parameters are finite, but the stream")
                .doesNotContain("learning");
    }

    private static void poison(Path model, String tensor, int bits) throws IOException {
        TensorEntry entry;
        try (var checkpoint = Checkpoint.open(model)) {
            entry = checkpoint.entry(tensor);
        }
        try (FileChannel channel = FileChannel.open(entry.file(), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(bits).flip(), entry.offset() + 8);
        }
    }

    private ProgramRun distill(Object... more) {
        return tiny.run(tiny.teacher(), output, STEPS, more);
    }

    private ProgramRun pretrain(Object... more) {
        return ProgramRun.of(with(new Object[] {"pretrain", "--tokenizer", tiny.teacher(), "--corpus", tiny.text(), "--output", output,
            "--hidden-size", 16, "--layers", 1, "--heads", 2, "--intermediate-size", 24, "--positions", 64, "--sequence-length", 16,
            "--batch-size", 4, "--tokens", STEPS * TinyDistillation.TOKENS_PER_STEP}, more));
    }

    private static Object[] with(Object[] basis, Object... more) {
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }
}
