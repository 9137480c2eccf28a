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
import kept.io.FileException;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.ShardIndex;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
    void notesBuffersAndTensorsWithoutElements() {
        writeShaped("model.safetensors", Map.of("model.layers.0.self_attn.masked_bias", Shape.of(), "transformer.h.0.attn.bias", Shape.of(1, 1, 2, 2),
            "model.embeddings.position_ids", Shape.of(1, 4), "model.layers.0.extra", Shape.of(0, 4), "model.norm.weight", Shape.of(2)));
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("model.norm.weight");
            assertThat(checkpoint.notes()).containsExactly("3 tensors that are not parameters are ignored (attn.bias, masked_bias, position_ids)",
                "1 tensor without elements is ignored (the first: model.layers.0.extra)");
            refused("tensor 'model.layers.0.extra': has no elements (shape [0, 4]): it was saved without values, as DeepSpeed ZeRO-3 does; "
                + "run its zero_to_fp32.py", folder, () -> checkpoint.entry("model.layers.0.extra"));
        }
    }

    /** What stands in files, and what it is: by wrappers around the model, and by classes that hold it. */
    @ParameterizedTest
    @CsvSource({"model., ''", "module.model., module.", "_orig_mod.model., _orig_mod.", "base_model.model.model., base_model.model.",
        "_orig_mod.module.model., _orig_mod.module.", "module._orig_mod.model., module._orig_mod.", "model.model., model.", "'', ''",
        "model.model., ''", "student.llama.model., student.llama.", "module., module.", "transformer.model., ''", "state_dict.model., state_dict."})
    void understandsPrefixesThatAllTensorsShare(String body, String head) {
        String[] parts = {"embed_tokens.weight", "layers.0.mlp.up_proj.weight", "layers.10._fsdp_wrapped_module.self_attn.q_proj.weight",
            "norm.weight"};
        String[] names = Stream.concat(Stream.of(parts).map(part -> body + part), Stream.of(head + "lm_head.weight")).toArray(String[]::new);
        write("model.safetensors", names);
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactlyInAnyOrder("model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight",
                "model.layers.10.self_attn.q_proj.weight", "model.norm.weight", "lm_head.weight");
            assertThat(checkpoint.entry("lm_head.weight").name()).isEqualTo("lm_head.weight");
            assertThat(checkpoint.data("model.norm.weight").byteSize()).isEqualTo(4);
            boolean wrapped = body.contains("_orig_mod");
            boolean plain = body.replace("_orig_mod.", "").equals("model.") && head.replace("_orig_mod.", "").isEmpty();
            assertThat(checkpoint.notes()).hasSize((plain ? 0 : 1) + 1).last().asString().startsWith("wrapper names in the tensors' names");
            assertThat(wrapped || !plain || checkpoint.notes().size() == 1).isTrue();
        }
    }

    @Test
    void leavesNamesOfSeveralModelsAlone() {
        write("model.safetensors", "teacher.model.embed_tokens.weight", "student.model.embed_tokens.weight", "student.lm_head.weight");
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("teacher.model.embed_tokens.weight", "student.model.embed_tokens.weight",
                "student.lm_head.weight");
            assertThat(checkpoint.notes()).containsExactly("the tensors' names have 2 different prefixes: 'teacher.model.' "
                + "(teacher.model.embed_tokens.weight), 'student.model.' (student.model.embed_tokens.weight); do the files belong to "
                + "different models, or were they saved from different wrappers?");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"module.model.", "base_model.model.model.", "", "transformer."})
    void aTensorThatIsMissedAmongNamesThatBeginDifferentlyIsNotMerelyMissing(String other) {
        write("model.safetensors", "model.embed_tokens.weight", other + "layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight");
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            refused("tensor 'model.layers.0.mlp.up_proj.weight': there is no such tensor among the 3 of this checkpoint: the tensors' names have "
                + "2 different prefixes: 'model.' (model.embed_tokens.weight), '" + other + "' (" + other + "layers.0.mlp.up_proj.weight); "
                + "do the files belong to different models, or were they saved from different wrappers?", folder,
                () -> checkpoint.entry("model.layers.0.mlp.up_proj.weight"));
        }
    }

    @Test
    void namesOfAnyLengthAreNames() {
        write("model.safetensors", "w".repeat(100_000), "model.norm.weight");
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("w".repeat(100_000), "model.norm.weight");
        }
    }

    @Test
    void refusesTwoTensorsOfOneName() {
        write("model.safetensors", "model.norm.weight", "_orig_mod.model.norm.weight");
        refused("tensor '_orig_mod.model.norm.weight': and 'model.norm.weight' are both read as model.norm.weight", folder,
            () -> Checkpoint.open(folder));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight         | is part of an adapter (PEFT, LoRA): merge it into its base model",
        "model.layers.0.self_attn.q_proj.base_layer.weight                      | is part of an adapter (PEFT, LoRA): merge it into its base model",
        "model.layers.0.self_attn.q_proj.qweight                                | is part of a quantised model",
        "model.layers.0.self_attn.q_proj.SCB                                    | is part of a quantised model",
        "model.layers.0.self_attn.q_proj.weight_scale_inv                       | is part of a quantised model"})
    void namesAdaptersAndQuantisedModels(String tensor, String problem) {
        write("model.safetensors", "model.norm.weight", tensor);
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder))
            .withMessageContaining("tensor '" + tensor + "'").withMessageContaining(problem);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "adapter_model.safetensors        | is part of an adapter (PEFT, LoRA)",
        "adapter_config.json              | is part of an adapter (PEFT, LoRA)",
        "model.safetensors.incomplete     | model.safetensors.incomplete is an unfinished download",
        "pytorch_model.bin.aria2          | pytorch_model.bin.aria2 is an unfinished download",
        "model-00001-of-00003.safetensors | but not their index, model.safetensors.index.json: download that too",
        "pytorch_model-00002-of-00002.bin | but not their index, pytorch_model.bin.index.json: download that too",
        "ggml-model-q4_0.gguf             | is for llama.cpp",
        "tf_model.h5                      | is for TensorFlow",
        "flax_model.msgpack               | is for Flax",
        "consolidated.00.pth              | is in Meta's or another layout",
        "model.zip                        | is an archive: unpack it",
        "weights.safetensors              | not called model.safetensors: rename it",
        "model.pt                         | not called pytorch_model.bin: rename it"})
    void saysWhatIsThereInPlaceOfWeights(String file, String hint) throws IOException {
        Files.writeString(folder.resolve(file), "x");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder))
            .withMessageStartingWith("[checkpoint] " + folder + ": holds no weights: none of ")
            .withMessageContaining("; ").withMessageContaining(hint);
    }

    @Test
    void refusesWhatIsStillBeingDownloaded() throws IOException {
        Path file = write("model.safetensors", "a");
        Files.writeString(folder.resolve("model.safetensors.aria2"), "");
        refused("its download is unfinished: model.safetensors.aria2 is still there; resume it with aria2c", file, () -> Checkpoint.open(folder));
        Files.delete(file);
        Files.delete(folder.resolve("model.safetensors.aria2"));
        Files.createDirectories(folder.resolve(".cache/huggingface/download"));
        Files.writeString(folder.resolve(".cache/huggingface/download/x.incomplete"), "");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder))
            .withMessageContaining("a download into this directory is unfinished");
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

    /** The weights are right; what is asked for is another file. */
    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"})
    void saysNothingOfWeightsThatAreThere(String weights) throws IOException {
        Files.writeString(folder.resolve(weights), "");
        Files.writeString(folder.resolve("model-00001-of-00002.safetensors"), "");
        Files.writeString(folder.resolve("training_args.bin"), "");
        assertThat(Checkpoint.hint(folder)).isEmpty();
    }

    /** A download into the cache that was broken off lacks shards, or their index. */
    @Test
    void namesTheCommandThatFetchesWhatASnapshotOfTheCacheLacks() throws IOException {
        folder = Files.createDirectories(folder.resolve("models--a--b/snapshots/0123"));
        String remedy = "; fetch what is missing with: hf download a/b --revision 0123";
        refusedToOpenEnding("pytorch_model.bin.index.json" + remedy);
        write("model-00001-of-00002.safetensors", "a");
        refusedToOpenEnding("model.safetensors.index.json: download that too" + remedy);
        index(Map.of("a", "model-00001-of-00002.safetensors", "b", "model-00002-of-00002.safetensors"));
        refusedToOpenEnding("(1 of 2 shards are missing): finish the download" + remedy);
        Files.delete(folder.resolve("model-00001-of-00002.safetensors"));
        refusedToOpenEnding("(2 of 2 shards are missing): finish the download" + remedy);
        Files.writeString(folder.resolve("adapter_config.json"), "");
        assertThat(Checkpoint.hint(folder)).contains("is part of an adapter").doesNotContain("hf download");
    }

    private void refusedToOpenEnding(String end) {
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder)).withMessageEndingWith(end);
    }

    @Test
    void refusesAMissingShard() {
        write("1.safetensors", "a");
        index(Map.of("a", "1.safetensors", "b", "2.safetensors"));
        refusedToOpen("the index names this shard, but there is no such file (1 of 2 shards are missing): finish the download",
            folder.resolve("2.safetensors"));
    }

    @Test
    void refusesATruncatedShard() throws IOException {
        Path shard = write("1.safetensors", "a");
        byte[] whole = Files.readAllBytes(shard);
        Files.write(shard, Arrays.copyOf(whole, whole.length - 1));
        index(Map.of("a", "1.safetensors"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder)).withMessage("[safetensors] " + shard
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
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(source))
            .withMessage("[checkpoint] " + link + ": is a link to " + elsewhere.toRealPath() + ", outside its directory; "
                + "put the file itself there if it belongs to the checkpoint");
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
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder))
            .withMessageStartingWith("[checkpoint] " + index);
    }

    @Test
    void closesWhatItOpenedWhenALaterShardIsBad() throws IOException {
        write("1.safetensors", "a");
        Files.writeString(folder.resolve("2.safetensors"), "no");
        index(Map.of("a", "1.safetensors", "b", "2.safetensors"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder));
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

    private void writeShaped(String file, Map<String, Shape> shapes) {
        List<TensorSpec> specs = shapes.entrySet().stream().map(entry -> new TensorSpec(entry.getKey(), DType.F32, entry.getValue())).toList();
        try (var writer = SafetensorsWriter.create(folder.resolve(file), specs)) {
            specs.forEach(spec -> writer.write(spec.name(), MemorySegment.ofArray(new float[(int) spec.shape().elementCount()])));
            writer.finish();
        }
    }

    private Path index(Map<String, String> shards) {
        ShardIndex.write(folder, shards, 0);
        return folder.resolve(INDEX);
    }

    private void refusedToOpen(String problem, Path file) {
        refused(problem, file, () -> Checkpoint.open(Files.isDirectory(file) ? file : folder));
    }

    private static void refused(String problem, Path file, ThrowingCallable call) {
        assertThatExceptionOfType(FileException.class).isThrownBy(call).withMessage("[checkpoint] " + file + ": " + problem);
    }
}
