package kept.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import kept.ProgramRun;
import kept.TinyDistillation;
import kept.TinyTeacher;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a training leaves on disk is known before it begins. */
class TrainingDiskTest {
    @TempDir
    private Path directory;

    @Test
    void theMostAtOnceIsStateBestStateAndWhatIsJustWritten() {
        assertThat(new TrainingDisk(100, 10, 20, 0, true).peak()).as("a state while the one before is there").isEqualTo(210);
        assertThat(new TrainingDisk(100, 10, 20, 0, false).peak()).as("the result").isEqualTo(130);
        assertThat(new TrainingDisk(5, 40, 20, 0, false).peak()).as("a better state while the one before is there").isEqualTo(85);
        assertThat(new TrainingDisk(5, 0, 20, 60, false).peak()).as("snapshots stay").isEqualTo(85);
    }

    @Test
    void aStateAndABestStateTakeWhatWasSaid() throws IOException {
        var tiny = new TinyDistillation(directory);
        List<ModelTensor> tensors = ModelTensor.of(DecoderConfig.read(tiny.teacher()).toLlama());
        for (boolean coded : new boolean[] {false, true}) {
            Path output = directory.resolve("out" + coded);
            ProgramRun run = tiny.run(tiny.teacher(), output, 4, "--stop-after", 3, "--evaluate-every", 1, "--dtype", "bf16",
                    "--train-dtype", "bf16", "--learning-rate", 0.003, "--optimizer", coded ? "adamw-8bit" : "adamw");
            assertThat(run.code()).as(run.err()).isEqualTo(130);
            Path training = output.resolveSibling(output.getFileName() + ".training");
            assertThat(dataBytes(training.resolve("state.safetensors"))).isEqualTo(TrainingDisk.stateBytes(tensors, DType.BF16, coded));
            assertThat(dataBytes(training.resolve("best.safetensors"))).isEqualTo(TrainingDisk.bytes(tensors, DType.BF16));
        }
    }

    @Test
    void aTrainingThatDoesNotFitTheDiskIsNotBegun() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        // 87 billion numbers in each of 5,000 layers.
        ProgramRun run = ProgramRun.of("pretrain", "--corpus", text, "--tokenizer", teacher, "--output", directory.resolve("made/out"),
                "--hidden-size", 131_072, "--heads", 128, "--layers", 5_000, "--intermediate-size", 131_072, "--tokens", 64, "--batch-size", 1,
                "--sequence-length", 16, "--save-every", 1, "--snapshot-every", 2);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).startsWith("kept: [output] " + directory.toRealPath().resolve("made/out") + ": needs ")
                .contains("bytes (at once: ", " for the training's state, as much again while it is replaced, ", " for the result, ",
                        " for snapshots)", "are free there; make room for ");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder("orion", "text.txt");
        }
    }

    /** The bytes of a safetensors file behind its header. */
    private static long dataBytes(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        return bytes.length - Long.BYTES - ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }
}
