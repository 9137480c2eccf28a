package kept.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import kept.Fixtures;
import kept.tensor.DType;
import kept.tensor.Shape;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    private Path folder;

    @Test
    void readsAWholeCheckpointFromItsShards() {
        try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("orion-bf16-sharded"))) {
            assertThat(checkpoint.names()).hasSize(26).contains("model.embed_tokens.weight", "lm_head.weight", "model.norm.bias");
            long bytes = checkpoint.names().stream().mapToLong(name -> checkpoint.data(name).byteSize()).sum();
            assertThat(bytes).isEqualTo(68_224);
            TensorEntry entry = checkpoint.entry("model.layers.0.input_layernorm.bias");
            assertThat(entry.dtype()).isEqualTo(DType.BF16);
            assertThat(entry.shape()).isEqualTo(Shape.of(32));
            assertThat(entry.file()).hasFileName("model-00002-of-00003.safetensors");
            short bits = checkpoint.data(entry.name()).get(ValueLayout.JAVA_SHORT_UNALIGNED, 0);
            assertThat(Float.intBitsToFloat(bits << 16)).isEqualTo(-0.255859375f);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"orion-safetensors", "orion-long-rope", "llama", "llama-biases", "llama-gqa-tied", "llama-rope-llama3",
        "llama-v5-config"})
    void readsEveryFixture(String name) {
        try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path(name))) {
            assertThat(checkpoint.entry("model.embed_tokens.weight").shape()).isEqualTo(Shape.of(160, 32));
            assertThat(checkpoint.contains("lm_head.weight")).isEqualTo(!name.equals("llama-gqa-tied"));
            assertThat(checkpoint.contains("model.layers.1.mlp.down_proj.bias")).isEqualTo(name.equals("llama-biases"));
        }
    }

    @Test
    void prefersTheSingleFileAsTransformersDoes() {
        write("model.safetensors", "a");
        index(Map.of("b", "missing.safetensors"));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("a");
        }
    }

    @Test
    void readsPyTorchShards() {
        try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("orion-torch-bin"))) {
            assertThat(checkpoint.names()).hasSize(26);
            assertThat(checkpoint.entry("model.embed_tokens.weight").file()).hasFileName("pytorch_model-00001-of-00002.bin");
            assertThat(checkpoint.description()).isEqualTo("PyTorch, 2 files");
        }
    }

    @Test
    void prefersSafetensorsToPyTorchFilesAndSaysSo() throws IOException {
        write("model.safetensors", "a");
        Files.write(folder.resolve("pytorch_model.bin"), new byte[0]);
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("a");
            assertThat(checkpoint.description()).isEqualTo("safetensors, 1 file (the PyTorch files beside it are not read)");
        }
    }

    @Test
    void passesOverRotaryTables() {
        write("model.safetensors", "model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.0.self_attn.rotary_emb.cos_cached",
            "model.rotary_emb.sin_cached", "model.norm.weight");
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("model.norm.weight");
            refused("tensor 'model.rotary_emb.sin_cached': there is no such tensor among the 1 of this checkpoint", folder,
                () -> checkpoint.data("model.rotary_emb.sin_cached"));
        }
    }

    @Test
    void listsNamesShardAfterShard() {
        write("2.safetensors", "x", "b");
        write("1.safetensors", "y", "rotary_emb.inv_freq", "a");
        index(Map.of("a", "1.safetensors", "b", "2.safetensors", "x", "2.safetensors", "y", "1.safetensors"));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("y", "a", "x", "b");
        }
    }

    @Test
    void saysWhatADirectoryLacks() throws IOException {
        refusedToOpen("holds no weights: none of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json",
            folder);
        Path missing = folder.resolve("missing");
        refused("there is no such directory", missing, () -> Checkpoint.open(missing));
        Path file = Files.writeString(folder.resolve("file"), "");
        refused("is not a directory", file, () -> Checkpoint.open(file));
    }

    @Test
    void refusesAMissingShard() {
        write("1.safetensors", "a");
        index(Map.of("a", "1.safetensors", "b", "2.safetensors"));
        refusedToOpen("the index names this shard, but there is no such file", folder.resolve("2.safetensors"));
    }

    @Test
    void refusesATruncatedShard() throws IOException {
        Path shard = write("1.safetensors", "a");
        byte[] whole = Files.readAllBytes(shard);
        Files.write(shard, Arrays.copyOf(whole, whole.length - 1));
        index(Map.of("a", "1.safetensors"));
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> Checkpoint.open(folder)).withMessage("[safetensors] " + shard
            + ": tensor 'a' at byte 96: its 4 bytes go past the end of the file, which has 99 bytes: is it truncated?");
    }

    @Test
    void refusesAnIndexThatDoesNotMatchItsShards() {
        Path shard = write("1.safetensors", "a", "b");
        Path index = index(Map.of("a", "1.safetensors", "b", "1.safetensors", "c", "1.safetensors"));
        refusedToOpen("tensor 'c': the index places it in 1.safetensors, which does not hold it", index);
        index(Map.of("a", "1.safetensors"));
        refusedToOpen("tensor 'b' at byte 148: the index does not place it in this shard", shard);
    }

    @ParameterizedTest
    @ValueSource(strings = {"../model.safetensors", "/etc/passwd", "sub/1.safetensors", "..", ".", "", "..\\1.safetensors", "1\0"})
    void refusesAnIndexThatNamesAFileElsewhere(String shard) {
        Path index = index(Map.of("a", shard));
        refusedToOpen("tensor 'a': the index places it in '" + shard.replace("\0", "\\u0000")
            + "', which is not the plain name of a file beside the index", index);
    }

    @Test
    void refusesALinkOutOfItsDirectory() throws IOException {
        Path source = Files.createDirectory(folder.resolve("source"));
        Path elsewhere = write("elsewhere.safetensors", "a");
        Path link = Files.createSymbolicLink(source.resolve("model.safetensors"), elsewhere);
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> Checkpoint.open(source))
            .withMessage("[checkpoint] " + link + ": is a link to " + elsewhere.toRealPath() + ", outside its directory; put the file itself there if it belongs to the checkpoint");
    }

    @Test
    void readsTheHuggingFaceCacheThroughItsLinks() throws IOException {
        Path snapshot = Files.createDirectories(folder.resolve("models--a--b/snapshots/0123abcd"));
        Path blobs = Files.createDirectories(folder.resolve("models--a--b/blobs"));
        Files.move(write("blob", "a"), blobs.resolve("blob"));
        Files.createSymbolicLink(snapshot.resolve("model.safetensors"), Path.of("../../blobs/blob"));
        try (Checkpoint checkpoint = Checkpoint.open(snapshot)) {
            assertThat(checkpoint.names()).containsExactly("a");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"weight_map\": {}}", "{\"weight_map\": []}", "{}", "[]", "weights", "{\"weight_map\": {\"a\": 1}}"})
    void refusesAnIndexThatIsNone(String json) throws IOException {
        Path index = Files.writeString(folder.resolve(INDEX), json);
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> Checkpoint.open(folder))
            .withMessageStartingWith("[checkpoint] " + index);
    }

    @Test
    void closesWhatItOpenedWhenALaterShardIsBad() throws IOException {
        write("1.safetensors", "a");
        Files.writeString(folder.resolve("2.safetensors"), "no");
        index(Map.of("a", "1.safetensors", "b", "2.safetensors"));
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(() -> Checkpoint.open(folder));
        if (Files.exists(Path.of("/proc/self/maps"))) {
            try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                assertThat(maps).noneMatch(line -> line.contains(folder.toString()));
            }
        }
    }

    /** A file of scalar tensors. */
    private Path write(String file, String... names) {
        List<TensorSpec> specs = Stream.of(names).map(name -> new TensorSpec(name, DType.F32, Shape.of())).toList();
        try (var writer = SafetensorsWriter.create(folder.resolve(file), specs)) {
            for (String name : names) {
                writer.write(name, MemorySegment.ofArray(new float[1]));
            }
            writer.finish();
        }
        return folder.resolve(file);
    }

    private Path index(Map<String, String> shards) {
        ShardIndex.write(folder, shards, 0);
        return folder.resolve(INDEX);
    }

    private void refusedToOpen(String problem, Path file) {
        refused(problem, file, () -> Checkpoint.open(Files.isDirectory(file) ? file : folder));
    }

    private static void refused(String problem, Path file, ThrowingCallable call) {
        assertThatExceptionOfType(CheckpointException.class).isThrownBy(call).withMessage("[checkpoint] " + file + ": " + problem);
    }
}
