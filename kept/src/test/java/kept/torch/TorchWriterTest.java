package kept.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.StoredType;
import kept.weights.TensorSpec;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchWriterTest {
    @TempDir
    private Path folder;

    @Test
    void writesWhatIsReadBackBitForBit() throws IOException {
        for (String fixture : List.of("orion-bf16-sharded", "llama")) {
            Path target = Files.createDirectory(folder.resolve(fixture));
            copy(Fixtures.path(fixture), target, 30_000);
            try (Checkpoint source = Checkpoint.open(Fixtures.path(fixture)); Checkpoint written = Checkpoint.open(target)) {
                assertThat(written.description()).startsWith("PyTorch, ");
                assertThat(written.names()).isEqualTo(source.names());
                for (String name : source.names()) {
                    assertThat(written.entry(name).type()).isEqualTo(source.entry(name).type());
                    assertThat(written.entry(name).shape()).isEqualTo(source.entry(name).shape());
                    assertThat(written.data(name).mismatch(source.data(name))).as(name).isEqualTo(-1);
                }
            }
        }
        assertThat(listing(folder.resolve("orion-bf16-sharded"))).containsExactly("pytorch_model-00001-of-00003.bin",
            "pytorch_model-00002-of-00003.bin", "pytorch_model-00003-of-00003.bin", "pytorch_model.bin.index.json");
    }

    @Test
    void isASoundArchiveWhoseTensorsAreAligned() throws IOException {
        copy(Fixtures.path("llama"), folder, Long.MAX_VALUE);
        Path file = folder.resolve("pytorch_model.bin");
        assertThat(listing(folder)).containsExactly("pytorch_model.bin");
        try (var zip = new ZipFile(file.toFile())) {
            assertThat(zip.stream().limit(2)).extracting(entry -> entry.getName())
                .containsExactly("pytorch_model/data.pkl", "pytorch_model/byteorder");
            for (var entry : zip.stream().toList()) {
                // Reading to the end compares the check sum.
                assertThat(zip.getInputStream(entry).readAllBytes()).as(entry.getName()).hasSize((int) entry.getSize());
            }
            assertThat(zip.getInputStream(zip.getEntry("pytorch_model/version")).readAllBytes()).isEqualTo("3\n".getBytes(StandardCharsets.US_ASCII));
        }
        try (var torch = TorchFile.open(file)) {
            assertThat(torch.entries()).allMatch(entry -> entry.offset() % 64 == 0);
        }
    }

    @Test
    void theBytesDependOnTheTensorsAlone() throws IOException {
        Path first = Files.createDirectory(folder.resolve("first"));
        Path second = Files.createDirectory(folder.resolve("second"));
        copy(Fixtures.path("llama"), first, Long.MAX_VALUE);
        copy(Fixtures.path("llama"), second, Long.MAX_VALUE);
        assertThat(second.resolve("pytorch_model.bin")).hasSameBinaryContentAs(first.resolve("pytorch_model.bin"));
    }

    @Test
    void describesTensorsOfEveryShapeAndOfMoreThanFourBillionElements() {
        List<TensorSpec> specs = List.of(new TensorSpec("scalar", DType.F32, Shape.of()), new TensorSpec("row", DType.F16, Shape.of(300)),
            new TensorSpec("cube", DType.I64, Shape.of(2, 70_000, 3)), new TensorSpec("large", DType.BF16, Shape.of(3_000_000_000L, 2)),
            new TensorSpec("n\u00e4me", DType.I32, Shape.of(0, 5)));
        byte[] pickle = TorchPickleWriter.write(specs);
        var read = TorchPickle.read(Path.of("pickle"), MemorySegment.ofArray(pickle), 0);
        assertThat(read.keySet()).containsExactly("scalar", "row", "cube", "large", "n\u00e4me");
        int key = 0;
        for (TensorSpec spec : specs) {
            TorchPickle.Tensor tensor = read.get(spec.name());
            assertThat(tensor.extents()).isEqualTo(spec.shape().toArray());
            assertThat(tensor.storage()).isEqualTo(new TorchPickle.Storage(StoredType.of(spec.dtype()), Integer.toString(key++),
                spec.shape().elementCount()));
        }
        assertThat(read.get("cube").strides()).containsExactly(210_000, 3, 1);
    }

    /** Numbers are written in one, four or eight bytes. */
    @Test
    void describesSizesAtTheLimitsOfEachWayToWriteThem() {
        for (long size : new long[] {0, 1, 127, 128, 255, 256, 257, 65_536, Integer.MAX_VALUE, Integer.MAX_VALUE + 1L, 1L << 32, 1L << 40}) {
            byte[] pickle = TorchPickleWriter.write(List.of(new TensorSpec("a", DType.F32, Shape.of(size, 1))));
            TorchPickle.Tensor tensor = TorchPickle.read(Path.of("pickle"), MemorySegment.ofArray(pickle), 0).get("a");
            assertThat(tensor.extents()).containsExactly(size, 1);
            assertThat(tensor.storage().elements()).isEqualTo(size);
        }
    }

    @Test
    void refusesAnotherOrderAnotherSizeAndAnEarlyEnd() throws IOException {
        List<TensorSpec> specs = List.of(new TensorSpec("a", DType.F32, Shape.of(2)), new TensorSpec("b", DType.F32, Shape.of(2)));
        try (var writer = TorchWriter.create(folder, specs, 100)) {
            refused("tensor 'b': is written out of order; write tensors in their declared order",
                () -> writer.write("b", MemorySegment.ofArray(new float[2])));
            refused("tensor 'a': f32 [2] needs 8 bytes, got 12", () -> writer.write("a", MemorySegment.ofArray(new float[3])));
            writer.write("a", MemorySegment.ofArray(new float[2]));
            refused("tensor 'b': was declared but not written", writer::finish);
        }
        assertThat(listing(folder)).isEmpty();
    }

    private void refused(String problem, ThrowingCallable call) {
        assertThatExceptionOfType(FileException.class).isThrownBy(call).withMessage("[torch] " + folder + ": " + problem);
    }

    private static void copy(Path from, Path to, long maxShardSize) {
        try (Checkpoint source = Checkpoint.open(from)) {
            List<TensorSpec> specs = source.names().stream().map(source::entry)
                .map(entry -> new TensorSpec(entry.name(), entry.dtype(), entry.shape())).toList();
            try (var writer = TorchWriter.create(to, specs, maxShardSize)) {
                source.names().forEach(name -> writer.write(name, source.data(name)));
                writer.finish();
            }
        }
    }

    private static List<String> listing(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
