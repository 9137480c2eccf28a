package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import kept.checkpoint.Checkpoint;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.FiniteValues;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** NaN and infinity in a source's weights are found when it is read, and what overflows the output's type is counted. */
class FiniteWeightsTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource({"opm, model.layers.1.mlp.up_proj.weight, 37, 0x7fc0, NaN, '[2, 5]'",
        "opm, model.embed_tokens.weight, 17, 0xff80, -infinity, '[1, 1]'",
        "opm, model.norm.weight, 15, 0x7f80, infinity, [15]", "opm, model.norm.bias, 0, 0x7fc1, NaN, [0]",
        "exact, model.layers.0.self_attn.o_proj.weight, 255, 0xffff, NaN, '[15, 15]'", "exact, lm_head.weight, 6719, 0x7f80, infinity, '[419, 15]'"})
    void aSourceIsRefusedByItsFirstElementThatIsNoNumber(String mapping, String tensor, long index, String bits, String value, String place)
            throws IOException {
        Path source = teacher();
        TensorEntry entry = poison(source, tensor, index, Integer.decode(bits));
        Path output = directory.resolve("output");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", mapping);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [checkpoint] " + entry.file()
                + ": tensor '" + tensor + "' at byte " + entry.offset() + ": holds " + value + " at " + place + "; the weights are damaged");
        assertThat(output).doesNotExist();
    }

    @Test
    void whoeverReadsTheWeightsFindsIt() throws IOException {
        Path source = teacher();
        poison(source, "model.layers.1.mlp.up_proj.weight", 5, 0x7fc0);
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path output = directory.resolve("output");
        String problem = "tensor 'model.layers.1.mlp.up_proj.weight'";
        for (ProgramRun run : List.of(
                ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "calibrated", "--calibration", text),
                ProgramRun.of("info", source, "--check-values"))) {
            assertThat(run.code()).isEqualTo(1);
            assertThat(run.errorLines().getLast()).contains(problem).contains("holds NaN at [0, 5]");
        }
        assertThat(ProgramRun.of("info", source).code()).as("headers alone say nothing of values").isZero();
    }

    @Test
    void soundValuesAreSaidToBeSound() {
        assertThat(ProgramRun.of("info", teacher(), "--check-values").out()).contains("values            all are finite");
    }

    @ParameterizedTest
    @CsvSource({"opm, false", "exact, false", "opm, true"})
    void whatOverflowsIsCountedAndNothingIsWritten(String mapping, boolean sharded) throws IOException {
        Path source = teacher();
        for (int i = 0; i < 7; i++) {
            poison(source, "model.layers.1.mlp.up_proj.weight", 100 + i, 0x4780);   // 65536
        }
        poison(source, "model.layers.0.mlp.up_proj.weight", 3, 0xc780);
        poison(source, "model.layers.0.mlp.up_proj.weight", 4, 0x477f);             // 65280, which f16 can hold
        Path output = directory.resolve("output");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", mapping, "--dtype", "f16",
                "--max-shard-size", sharded ? "14KB" : "5GB");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).isEqualTo("kept: [checkpoint] " + source + ": 8 values of 2 tensors, the first of them "
                + "model.layers.0.mlp.up_proj.weight, are out of range of f16; store as bf16 or f32 (--dtype)"
                + (sharded ? "; then start over with --overwrite, which deletes the finished weight files in " + output + ".partial" : ""));
        assertThat(output).doesNotExist();
        if (sharded) {
            ProgramRun again = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", mapping, "--dtype", "f16",
                    "--max-shard-size", "14KB", "--resume");
            assertThat(again.errorLines().getLast()).as("a run that goes on does not forget").contains("8 values of 2 tensors");
            ProgramRun over = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", mapping, "--dtype", "bf16",
                    "--max-shard-size", "14KB", "--overwrite");
            assertThat(over.code()).as("what is advised does it: " + over.err()).isZero();
        }
    }

    /** Copies of more than the pieces that go past the system's cache, with values that lie across their edges. */
    @ParameterizedTest
    @CsvSource({"BF16, 9000000, 0", "BF16, 9000000, 8999999", "F32, 5000000, 4194304", "F32, 5000000, 2097150", "F16, 9000000, 77",
        "F32, 5000000, 1023", "F32, 5000000, 4999999"})
    void longTensorsAreLookedAtWhileTheyAreCopied(DType dtype, int elements, int bad) throws IOException {
        Path source = directory.resolve("source.safetensors");
        // A tensor of an odd number of bytes before it, so that no piece begins with a whole element.
        var specs = List.of(new TensorSpec("a", dtype == DType.F32 ? DType.BF16 : DType.F32, Shape.of(3)),
                new TensorSpec("b", dtype, Shape.of(elements)));
        byte[] content = new byte[elements * dtype.bytes()];
        ByteBuffer values = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        if (dtype == DType.F32) {
            values.putInt(bad * 4, 0xffc00000);
        } else {
            values.putShort(bad * 2, (short) (dtype == DType.F16 ? 0x7c00 : 0x7f80));
        }
        write(source, specs, content);
        try (var file = SafetensorsFile.open(source); var writer = SafetensorsWriter.create(directory.resolve("copy.safetensors"), specs)) {
            TensorEntry entry = file.entry("b");
            String problem = Assertions.catchThrowable(() ->
                    writer.copy("b", entry, new FiniteValues(entry, file.data("b")), _ -> { })).getMessage();
            assertThat(problem).contains("tensor 'b'").contains(" at [" + bad + "]");
            assertThat(FiniteValues.countNonFinite(dtype, file.data("b"))).isEqualTo(1);
        }
    }

    private static void write(Path file, List<TensorSpec> specs, byte[] content) {
        try (var writer = SafetensorsWriter.create(file, specs)) {
            writer.write("a", MemorySegment.ofArray(new byte[(int) specs.getFirst().byteSize()]));
            writer.write("b", MemorySegment.ofArray(content));
            writer.finish();
        }
    }

    private Path teacher() {
        return TinyTeacher.write(directory.resolve("source"));
    }

    /** Puts a value in place of an element, by the upper half of its bits. */
    private static TensorEntry poison(Path source, String tensor, long index, int bits) throws IOException {
        try (var checkpoint = Checkpoint.open(source)) {
            TensorEntry entry = checkpoint.entry(tensor);
            try (FileChannel file = FileChannel.open(entry.file(), StandardOpenOption.WRITE)) {
                file.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, bits << 16), entry.offset() + 4 * index);
            }
            return entry;
        }
    }
}
