package kept.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.TensorSpec;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {
    private static final List<TensorSpec> FOUR = Stream.of("a", "b", "c", "d").map(name -> new TensorSpec(name, DType.F32, Shape.of(10))).toList();

    @TempDir
    private Path folder;

    @Test
    void writesOneFileWhereOneSuffices() throws IOException {
        copy(Fixtures.path("llama"), CheckpointWriter.DEFAULT_SHARD_BYTES);
        assertThat(listing()).containsExactly("model.safetensors");
        assertSame(Fixtures.path("llama"));
    }

    @Test
    void splitsIntoShardsAndReadsThemBack() throws IOException {
        copy(Fixtures.path("orion-bf16-sharded"), 30_000);
        assertThat(listing()).containsExactly("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors", "model.safetensors.index.json");
        assertSame(Fixtures.path("orion-bf16-sharded"));
    }

    @Test
    void keepsShardsWithinTheLimitAndGivesALargerTensorItsOwn() throws IOException {
        List<TensorSpec> specs = List.of(FOUR.get(0), FOUR.get(1), new TensorSpec("large", DType.F32, Shape.of(100)), FOUR.get(2));
        write(specs, 80);
        assertThat(folder.resolve("model.safetensors.index.json")).hasContent("""
            {
              "metadata": {
                "total_size": 520
              },
              "weight_map": {
                "a": "model-00001-of-00003.safetensors",
                "b": "model-00001-of-00003.safetensors",
                "large": "model-00002-of-00003.safetensors",
                "c": "model-00003-of-00003.safetensors"
              }
            }
            """);
    }

    @Test
    void takesTheTensorsInAnyOrder() throws IOException {
        write(FOUR.reversed(), 80);
        byte[] backward = Files.readAllBytes(folder.resolve("model-00001-of-00002.safetensors"));
        try (var writer = CheckpointWriter.create(folder, FOUR.reversed(), 80)) {
            for (String name : List.of("a", "d", "b", "c")) {
                writer.write(name, MemorySegment.ofArray(new float[10]));
            }
            writer.finish();
        }
        assertThat(folder.resolve("model-00001-of-00002.safetensors")).hasBinaryContent(backward);
    }

    @Test
    void refusesToFinishWithoutATensorAndLeavesNoTemporaryFile() throws IOException {
        try (var writer = CheckpointWriter.create(folder, FOUR, 80)) {
            writer.write("a", MemorySegment.ofArray(new float[10]));
            refused("tensor 'b': was declared but not written", writer::finish);
            refused("tensor 'a': is written already", () -> writer.write("a", MemorySegment.ofArray(new float[10])));
            refused("tensor 'e': was not declared for this checkpoint", () -> writer.write("e", MemorySegment.ofArray(new float[10])));
            assertThat(listing()).hasSize(1);
        }
        assertThat(listing()).isEmpty();
    }

    @Test
    void refusesATensorOfAFinishedShardASecondTime() {
        try (var writer = CheckpointWriter.create(folder, FOUR, 40)) {
            writer.write("a", MemorySegment.ofArray(new float[10]));
            refused("tensor 'a': is written already", () -> writer.write("a", MemorySegment.ofArray(new float[10])));
        }
    }

    @Test
    void refusesPlansThatMakeNoSense() {
        refused("there are no tensors to write", () -> CheckpointWriter.create(folder, List.of(), 80));
        refused("the largest shard size must be at least 1 byte, not 0", () -> CheckpointWriter.create(folder, FOUR, 0));
        refused("tensor 'a': is declared twice", () -> CheckpointWriter.create(folder, List.of(FOUR.get(0), FOUR.get(0)), 40));
    }

    private void write(List<TensorSpec> specs, long maxShardSize) {
        try (var writer = CheckpointWriter.create(folder, specs, maxShardSize)) {
            for (TensorSpec spec : specs) {
                writer.write(spec.name(), MemorySegment.ofArray(new byte[(int) spec.byteSize()]));
            }
            writer.finish();
        }
    }

    private void copy(Path from, long maxShardSize) {
        try (Checkpoint source = Checkpoint.open(from)) {
            List<TensorSpec> specs = source.names().stream().map(source::entry)
                .map(entry -> new TensorSpec(entry.name(), entry.dtype(), entry.shape())).toList();
            try (var writer = CheckpointWriter.create(folder, specs, maxShardSize)) {
                source.names().forEach(name -> writer.write(name, source.data(name)));
                writer.finish();
            }
        }
    }

    private void assertSame(Path from) {
        try (Checkpoint source = Checkpoint.open(from); Checkpoint written = Checkpoint.open(folder)) {
            assertThat(written.names()).containsExactlyInAnyOrderElementsOf(source.names());
            for (String name : source.names()) {
                assertThat(written.entry(name).shape()).isEqualTo(source.entry(name).shape());
                assertThat(written.data(name).mismatch(source.data(name))).as(name).isEqualTo(-1);
            }
        }
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private void refused(String problem, ThrowingCallable call) {
        assertThatExceptionOfType(FileException.class).isThrownBy(call).withMessage("[checkpoint] " + folder + ": " + problem);
    }
}
