package kept.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.io.OutputFile;
import kept.model.Architecture;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tokenizer.TokenizerException;
import kept.tokenizer.Vocabulary;
import kept.tokenizer.Vocabulary.ByteLevel;
import kept.tokenizer.Vocabulary.Kind;
import kept.tokenizer.Vocabulary.Splitting;
import kept.tokenizer.Vocabulary.Token;
import kept.weights.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written, read back by a strict reader; tensors against digests from llama.cpp's Python package ({@code make_golden.py}). */
class GgufExportTest {
    private static final DecoderConfig SMALL = DecoderConfig.builder(Architecture.LLAMA).vocabSize(5).hiddenSize(32).intermediateSize(32).layers(1)
            .heads(2).keyValueHeads(1).headDimension(16).maxPositions(64).dtype(DType.F32).bosTokenId(OptionalInt.of(1))
            .eosTokenIds(List.of(2)).build();

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"llama, F32", "llama, F16", "llama, BF16", "llama, Q8_0", "llama-biases, F32", "llama-biases, F16", "llama-biases, BF16",
        "llama-biases, Q8_0", "llama-gqa-tied, F32", "llama-gqa-tied, F16", "llama-gqa-tied, BF16", "llama-gqa-tied, Q8_0"})
    void everyTensorIsWhatTheReferenceMakesOfIt(String fixture, GgufType type) throws IOException, NoSuchAlgorithmException {
        JsonNode golden = new ObjectMapper().readTree(Q8BlocksTest.golden("tensors.json").toFile()).path(fixture)
                .path(type.name().toLowerCase(Locale.ROOT));
        GgufFile file = export(Fixtures.path(fixture), type);
        assertThat(file.tensors().keySet()).hasSize(golden.size());
        for (Map.Entry<String, JsonNode> expected : golden.properties()) {
            GgufFile.Tensor actual = file.tensors().get(expected.getKey());
            assertThat(actual.type().name()).as(expected.getKey()).isEqualTo(expected.getValue().get(0).asText());
            assertThat(actual.shape()).as(expected.getKey()).hasToString(expected.getValue().get(1).toString().replace(",", ", "));
            String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(actual.content()));
            assertThat(digest).as(expected.getKey()).isEqualTo(expected.getValue().get(2).asText());
        }
    }

    @Test
    void headsAreReorderedAndCanBeOrderedBack() {
        GgufFile file = export(Fixtures.path("llama-gqa-tied"), GgufType.F32);
        try (Checkpoint checkpoint = Checkpoint.open(Fixtures.path("llama-gqa-tied"))) {
            for (String[] names : new String[][] {{"q_proj", "attn_q"}, {"k_proj", "attn_k"}}) {
                float[] source = checkpoint.data("model.layers.1.self_attn." + names[0] + ".weight").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
                float[] stored = file.tensors().get("blk.1." + names[1] + ".weight").values();
                for (int row = 0; row < source.length / 32; row++) {
                    int within = row % 8;
                    int from = row - within + within % 4 * 2 + within / 4;      // heads of 8: halves become neighbours
                    for (int i = 0; i < 32; i++) {
                        assertThat(stored[from * 32 + i]).isEqualTo(source[row * 32 + i]);
                    }
                }
            }
        }
    }

    @Test
    void settingsAreTheConfigurations() {
        Map<String, Object> settings = export(Fixtures.path("llama-gqa-tied"), GgufType.Q8_0).metadata();
        assertThat(settings).containsEntry("general.architecture", "llama").containsEntry("general.type", "model")
                .containsEntry("general.name", "a model").containsEntry("general.alignment", 32).containsEntry("general.file_type", 7)
                .containsEntry("general.quantization_version", 2).containsEntry("llama.vocab_size", 160).containsEntry("llama.context_length", 128)
                .containsEntry("llama.embedding_length", 32).containsEntry("llama.block_count", 2).containsEntry("llama.feed_forward_length", 80)
                .containsEntry("llama.attention.head_count", 4).containsEntry("llama.attention.head_count_kv", 2)
                .containsEntry("llama.attention.layer_norm_rms_epsilon", 1e-5f).containsEntry("llama.rope.dimension_count", 8)
                .containsEntry("llama.rope.freq_base", 10000f)
                .doesNotContainKeys("llama.attention.key_length", "llama.attention.value_length", "llama.rope.scaling.type");
    }

    @ParameterizedTest
    @CsvSource({"F32, 0", "F16, 1", "BF16, 32", "Q8_0, 7"})
    void theFileTypeIsLlamaCppsNumber(GgufType type, int number) {
        assertThat(export(Fixtures.path("llama"), type).metadata()).containsEntry("general.file_type", number);
    }

    @Test
    void linearScalingIsASetting() {
        assertThat(export(Fixtures.path("llama-v5-config"), GgufType.F32).metadata())
                .containsEntry("llama.rope.scaling.type", "linear").containsEntry("llama.rope.scaling.factor", 2f);
    }

    @Test
    void factorsOfLongRopeAreATensorOfDivisors() {
        List<Double> factors = new ArrayList<>(Collections.nCopies(SMALL.headDimension() / 2, 0x1p64));
        factors.set(0, 1.5);
        DecoderConfig config = SMALL.toBuilder().ropeScaling(new RopeScaling.LongRope(factors, factors, 16, 1)).build();
        Path source = write(config, DType.F32, Map.of());
        GgufFile file = export(source, config, plain(5), GgufType.F32);
        assertThat(file.metadata()).doesNotContainKey("llama.rope.scaling.type");
        float[] divisors = new float[factors.size()];
        for (int i = 0; i < divisors.length; i++) {
            divisors[i] = factors.get(i).floatValue();
        }
        assertThat(file.tensors().get("rope_freqs.weight").values()).isEqualTo(divisors);
        List<Double> others = Collections.nCopies(factors.size(), 2.0);
        DecoderConfig longer = SMALL.toBuilder().ropeScaling(new RopeScaling.LongRope(factors, others, 16, 1)).build();
        assertThatThrownBy(() -> export(source, longer, plain(5), GgufType.F32)).isInstanceOf(FileException.class)
                .hasMessageContaining("other factors for long texts");
        DecoderConfig gelu = SMALL.toBuilder().activation(Activation.GELU).build();
        assertThatThrownBy(() -> export(source, gelu, plain(5), GgufType.F32)).isInstanceOf(FileException.class)
                .hasMessageContainingAll("another activation than SiLU", "--model-impl transformers");
    }

    /** Heads of 8 at base 1e4, 32 positions stretched by 4: pairs turn 5.09, 0.509, 0.0509 and 0.00509 times over these. */
    @Test
    void scalingOfLlama3IsATensorOfDivisors() {
        GgufFile file = export(Fixtures.path("llama-rope-llama3"), GgufType.F16);
        assertThat(file.metadata()).doesNotContainKey("llama.rope.scaling.type");
        GgufFile.Tensor divisors = file.tensors().get("rope_freqs.weight");
        assertThat(divisors.type()).isEqualTo(GgufType.F32);
        assertThat(divisors.values()).containsExactly(1, 4, 4, 4);
        float[] between = RopeFrequencies.divisors(8, 10000, new RopeScaling.Llama3(4, 0.5, 1, 10));
        assertThat(between[0]).as("1.59 turns").isEqualTo(1);
        between = RopeFrequencies.divisors(8, 10000, new RopeScaling.Llama3(4, 1, 4, 16));
        double kept = (16 / (2 * Math.PI) - 1) / 3;
        assertThat(between[0]).as("2.55 turns").isCloseTo((float) (1 / ((1 - kept) / 4 + kept)), within(1e-6f));
    }

    @Test
    void aHeadDimensionOfItsOwnIsASetting() {
        DecoderConfig config = SMALL.toBuilder().headDimension(32).build();
        assertThat(export(write(config, DType.F32, Map.of()), config, plain(5), GgufType.F32).metadata())
                .containsEntry("llama.attention.key_length", 32).containsEntry("llama.attention.value_length", 32)
                .containsEntry("llama.rope.dimension_count", 32);
    }

    @Test
    void tokensScoresAndKindsAreWritten() {
        List<Token> tokens = List.of(new Token("<unk>", 0, Kind.UNKNOWN), new Token("<s>", 0, Kind.CONTROL), new Token("</s>", 0, Kind.CONTROL),
                new Token("\u2581\u00e4", -1.5f, Kind.NORMAL));
        var vocabulary = new Vocabulary(tokens, OptionalInt.of(1), OptionalInt.of(2), OptionalInt.of(0), OptionalInt.of(0), Optional.of(true),
                Optional.of(false), true, false, false, Optional.of("{{ messages }}"), Optional.empty(), List.of());
        Map<String, Object> settings = export(write(SMALL, DType.F32, Map.of()), SMALL, vocabulary, GgufType.F32).metadata();
        assertThat(settings).containsEntry("tokenizer.ggml.model", "llama").containsEntry("tokenizer.ggml.pre", "default")
                .containsEntry("tokenizer.ggml.tokens", List.of("<unk>", "<s>", "</s>", "\u2581\u00e4", "[PAD4]"))
                .containsEntry("tokenizer.ggml.scores", List.of(0f, 0f, 0f, -1.5f, -10000f))
                .containsEntry("tokenizer.ggml.token_type", List.of(2, 3, 3, 1, 5))
                .containsEntry("tokenizer.ggml.bos_token_id", 1).containsEntry("tokenizer.ggml.eos_token_id", 2)
                .containsEntry("tokenizer.ggml.unknown_token_id", 0).containsEntry("tokenizer.ggml.padding_token_id", 0)
                .containsEntry("tokenizer.ggml.add_bos_token", true).containsEntry("tokenizer.ggml.add_eos_token", false)
                .containsEntry("tokenizer.ggml.add_space_prefix", true).containsEntry("tokenizer.chat_template", "{{ messages }}");
    }

    @ParameterizedTest
    @CsvSource({"GPT2, false, gpt-2", "GPT2, true, olmo", "DIGITS, false, starcoder", "GPT4, false, dbrx", "LLAMA3, false, llama-bpe",
        "STABLELM2, false, stablelm2", "STABLELM2, true, stablelm2"})
    void byteLevelTokenizersAreWrittenWithTheirMerges(Splitting splitting, boolean composes, String name) {
        Vocabulary vocabulary = byteLevel(splitting, composes, true);
        assertThat(export(write(SMALL, DType.F32, Map.of()), SMALL, vocabulary, GgufType.F32).metadata())
                .containsEntry("tokenizer.ggml.model", "gpt2").containsEntry("tokenizer.ggml.pre", name)
                .containsEntry("tokenizer.ggml.merges", List.of("t 1", "t 2")).doesNotContainKey("tokenizer.ggml.scores");
    }

    @Test
    void composedCharactersAreTold() {
        try (Checkpoint checkpoint = Checkpoint.open(write(SMALL, DType.F32, Map.of()))) {
            assertThat(GgufExport.of(checkpoint, SMALL, byteLevel(Splitting.GPT2, true, false), "a model", GgufType.F32).notes()).singleElement()
                    .asString().contains("composes characters (NFC)", "which llama.cpp does not");
            assertThat(GgufExport.of(checkpoint, SMALL, byteLevel(Splitting.GPT2, false, false), "a model", GgufType.F32).notes()).isEmpty();
        }
    }

    /** llama.cpp has a token of its own for bos and eos where a file has none. */
    @Test
    void aTokenThatTheFileDoesNotNameIsNotAdded() {
        DecoderConfig config = SMALL.toBuilder().bosTokenId(OptionalInt.empty()).build();
        assertThat(export(write(config, DType.F32, Map.of()), config, byteLevel(Splitting.GPT2, false, true), GgufType.F32).metadata())
                .containsEntry("tokenizer.ggml.add_bos_token", false).containsEntry("tokenizer.ggml.add_eos_token", true)
                .doesNotContainKey("tokenizer.ggml.bos_token_id").containsEntry("tokenizer.ggml.eos_token_id", 2);
    }

    @Test
    void aTokenizerWithMorePiecesThanEmbeddingsIsRefused() {
        Path source = write(SMALL, DType.F32, Map.of());
        assertThatThrownBy(() -> export(source, SMALL, plain(6), GgufType.F32)).isInstanceOf(TokenizerException.class)
                .hasMessageContainingAll("vocab_size 5", "such as 5");
    }

    @Test
    void addedTokensWithoutEmbeddingsAreLeftOutAndTold() {
        List<Token> tokens = new ArrayList<>(plain(5).tokens());
        tokens.add(new Token("<pad>", -1000, Kind.CONTROL));
        Path source = write(SMALL, DType.F32, Map.of());
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            GgufExport export = GgufExport.of(checkpoint, SMALL, vocabulary(tokens, OptionalInt.of(5)), "a model", GgufType.F32);
            assertThat(export.notes()).singleElement().asString().startsWith("1 added token is left out");
            assertThat(write(export).metadata()).doesNotContainKey("tokenizer.ggml.padding_token_id");
        }
    }

    @Test
    void textsAreDistinctAndTokensThatRepeatOneAreTold() {
        List<Token> tokens = new ArrayList<>(plain(5).tokens());
        String piece = tokens.get(3).text();
        tokens.set(2, new Token("[PAD4]", -1000, Kind.CONTROL));
        tokens.set(4, new Token(piece, -1000, Kind.CONTROL));
        DecoderConfig padded = SMALL.toBuilder().vocabSize(7).build();
        Path source = write(padded, DType.F32, Map.of());
        tokens.add(new Token("[PAD6]", -1000, Kind.USER_DEFINED));
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            GgufExport export = GgufExport.of(checkpoint, padded, vocabulary(tokens, OptionalInt.empty()), "a model", GgufType.F32);
            assertThat(export.notes()).anyMatch(note -> note.equals("1 token is left out: its text is that of another with a lower id"));
            assertThat(write(export).metadata()).containsEntry("tokenizer.ggml.tokens",
                    List.of(tokens.get(0).text(), tokens.get(1).text(), "[PAD4]", piece, "[PAD4]_", "[PAD6]", "[PAD6]_"))
                    .containsEntry("tokenizer.ggml.token_type", List.of(tokens.get(0).kind().ordinal() + 1, tokens.get(1).kind().ordinal() + 1, 3,
                            tokens.get(3).kind().ordinal() + 1, 5, 4, 5));
        }
    }

    @Test
    void userDefinedTokensAreTold() {
        List<Token> tokens = List.of(new Token("a", 0, Kind.NORMAL), new Token("<sep>", 0, Kind.USER_DEFINED));
        try (Checkpoint checkpoint = Checkpoint.open(write(SMALL, DType.F32, Map.of()))) {
            assertThat(GgufExport.of(checkpoint, SMALL, vocabulary(tokens, OptionalInt.empty()), "a model", GgufType.F16).notes()).singleElement()
                    .asString().startsWith("1 token is user-defined");
        }
    }

    @Test
    void whatLlamaCppsTokenizerDoesNotDoIsTold() {
        var vocabulary = new Vocabulary(plain(5).tokens(), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(),
                Optional.empty(), Optional.empty(), true, true, false, Optional.empty(), Optional.empty(), List.of("this and that"));
        try (Checkpoint checkpoint = Checkpoint.open(write(SMALL, DType.F32, Map.of()))) {
            assertThat(GgufExport.of(checkpoint, SMALL, vocabulary, "a model", GgufType.Q8_0).notes()).hasSize(2)
                    .contains("the file cannot hold this and that").last().asString().contains("runs of spaces", "llama.cpp does not");
        }
    }

    @Test
    void whatBelongsToGeneratingAndBiasesAreTold() throws IOException {
        DecoderConfig config = SMALL.toBuilder().attentionBias(true).eosTokenIds(List.of(2, 3)).build();
        Path source = write(config, DType.F32, Map.of());
        Files.writeString(source.resolve("generation_config.json"), "{\"do_sample\": true, \"temperature\": 0.5, \"eos_token_id\": [2, 4]}");
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            assertThat(GgufExport.of(checkpoint, config, plain(5), "a model", GgufType.F32).notes()).hasSize(3).anySatisfy(note ->
                    assertThat(note).startsWith("the file holds one end token, 2; texts end at [3, 4] too")).anySatisfy(note ->
                    assertThat(note).contains("sampling settings of generation_config.json are left out")).anySatisfy(note ->
                    assertThat(note).startsWith("biases are written"));
        }
    }

    @Test
    void anOrionIsRefusedWithTheCommandThatConvertsIt() {
        Path orion = Fixtures.path("orion-safetensors");
        assertThatThrownBy(() -> export(orion, GgufType.F32)).isInstanceOf(FileException.class)
                .hasMessageContainingAll("OrionForCausalLM", "kept convert --model " + orion);
    }

    @Test
    void yarnIsWrittenWithItsUsualSettingsOnly() {
        double usual = RopeScaling.Yarn.attentionFactor(4);
        DecoderConfig config = SMALL.toBuilder().ropeScaling(new RopeScaling.Yarn(4, 16, 32, 1, usual, true)).build();
        Path source = write(config, DType.F32, Map.of());
        assertThat(export(source, config, plain(5), GgufType.F32).metadata()).containsEntry("llama.rope.scaling.type", "yarn")
                .containsEntry("llama.rope.scaling.factor", 4f).containsEntry("llama.rope.scaling.original_context_length", 16);
        DecoderConfig other = SMALL.toBuilder().ropeScaling(new RopeScaling.Yarn(4, 16, 32, 1, 1, true)).build();
        assertThatThrownBy(() -> export(source, other, plain(5), GgufType.F32)).isInstanceOf(FileException.class)
                .hasMessageContainingAll("YaRN", "attention_factor");
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"BF16", "F16"})
    void narrowWeightsComeOutAsTheyAre(DType dtype) throws IOException {
        Path source = write(SMALL, dtype, Map.of());
        GgufType same = GgufType.valueOf(dtype.name());
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            MemorySegment data = checkpoint.data("model.layers.0.mlp.up_proj.weight");
            GgufFile file = export(source, SMALL, plain(5), same);
            assertThat(file.tensors().get("blk.0.ffn_up.weight").content()).isEqualTo(data.toArray(ValueLayout.JAVA_BYTE));
            float[] widened = export(source, SMALL, plain(5), GgufType.F32).tensors().get("blk.0.ffn_up.weight").values();
            assertThat(file.tensors().get("blk.0.ffn_up.weight").values()).containsExactly(widened);
            assertThat(file.tensors().get("output_norm.weight").type()).isEqualTo(GgufType.F32);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY, 1e30f})
    void anElementThatQ8CannotStoreIsRefusedWithItsTensor(float bad) throws IOException {
        Path source = write(SMALL, DType.F32, Map.of("model.layers.0.mlp.down_proj.weight", bad));
        assertThatThrownBy(() -> export(source, SMALL, plain(5), GgufType.Q8_0)).isInstanceOf(FileException.class)
                .hasMessageContainingAll("model.safetensors", "tensor 'model.layers.0.mlp.down_proj.weight'", Float.toString(bad), "q8_0");
        assertThat(folder.resolve("out")).as("nothing is left behind, the folder that was made for it neither").doesNotExist();
        float[] asItIs = export(source, SMALL, plain(5), GgufType.F32).tensors().get("blk.0.ffn_down.weight").values();
        assertThat(Float.compare(asItIs[33], bad)).isZero();
    }

    @Test
    void anElementBeyondTheRangeOfF16IsRefusedWithItsTensor() {
        Path source = write(SMALL, DType.F32, Map.of("lm_head.weight", -65520f));
        assertThatThrownBy(() -> export(source, SMALL, plain(5), GgufType.F16)).isInstanceOf(FileException.class)
                .hasMessageContainingAll("tensor 'lm_head.weight'", "-65520.0", "f16", "bf16");
    }

    @Test
    void progressTellsEveryByteOfTheTensors() {
        Path source = write(SMALL, DType.F32, Map.of());
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            GgufExport export = GgufExport.of(checkpoint, SMALL, plain(5), "a model", GgufType.Q8_0);
            var told = new AtomicLong();
            try (OutputFile file = OutputFile.prepare("gguf", folder.resolve("told.gguf"), export.byteSize(), false, List.of())) {
                export.write(file, told::addAndGet);
                file.commit();
            }
            assertThat(told.get()).isEqualTo(GgufFile.read(folder.resolve("told.gguf")).tensors().values().stream()
                    .mapToLong(tensor -> tensor.content().length).sum());
        }
    }

    private GgufFile export(Path source, GgufType type) {
        DecoderConfig config = DecoderConfig.read(source);
        return export(source, config, plain(config.vocabSize()), type);
    }

    private GgufFile export(Path source, DecoderConfig config, Vocabulary vocabulary, GgufType type) {
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            return write(GgufExport.of(checkpoint, config, vocabulary, "a model", type));
        }
    }

    private GgufFile write(GgufExport export) {
        Path path = folder.resolve("out/model.gguf");
        try (OutputFile file = OutputFile.prepare("gguf", path, export.byteSize(), true, List.of())) {
            export.write(file, bytes -> { });
            file.commit();
        }
        GgufFile read = GgufFile.read(path);
        assertThat(path).hasSize(export.byteSize());
        path.toFile().delete();
        return read;
    }

    private static Vocabulary byteLevel(Splitting splitting, boolean composes, boolean adds) {
        return new Vocabulary(plain(5).tokens(), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(),
                Optional.of(adds), Optional.of(adds), false, false, composes, Optional.empty(),
                Optional.of(new ByteLevel(List.of("t 1", "t 2"), splitting)), List.of());
    }

    private static Vocabulary plain(int size) {
        return vocabulary(IntStream.range(0, size).mapToObj(id -> new Token("t" + id, -id, Kind.NORMAL)).toList(), OptionalInt.empty());
    }

    private static Vocabulary vocabulary(List<Token> tokens, OptionalInt padding) {
        return new Vocabulary(tokens, OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty(), padding, Optional.empty(), Optional.empty(),
                true, false, false, Optional.empty(), Optional.empty(), List.of());
    }

    /** A checkpoint of numbers that differ, with a chosen one at place 33 of some tensors. */
    private Path write(DecoderConfig config, DType dtype, Map<String, Float> chosen) {
        try {
            Path source = Files.createTempDirectory(folder, "source");
            List<TensorSpec> specs = ModelTensor.of(config).stream().map(tensor -> new TensorSpec(tensor.name(), dtype, tensor.shape())).toList();
            try (var writer = CheckpointWriter.create(source, specs, CheckpointWriter.DEFAULT_SHARD_BYTES)) {
                for (TensorSpec spec : specs) {
                    var elements = new float[(int) spec.shape().elementCount()];
                    for (int i = 0; i < elements.length; i++) {
                        elements[i] = (float) Math.sin(i + spec.name().length());
                    }
                    if (chosen.containsKey(spec.name())) {
                        elements[33] = chosen.get(spec.name());
                    }
                    writer.write(spec.name(), encoded(elements, dtype));
                }
                writer.finish();
            }
            return source;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static MemorySegment encoded(float[] values, DType dtype) {
        if (dtype == DType.F32) {
            return MemorySegment.ofArray(values);
        }
        var halves = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            halves[i] = dtype == DType.F16 ? Float.floatToFloat16(values[i]) : (short) (Float.floatToRawIntBits(values[i]) >>> 16);
        }
        return MemorySegment.ofArray(halves);
    }
}
