package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import kept.model.DecoderConfig;
import kept.safetensors.CheckpointWriter;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.TensorEntry;
import kept.weights.TensorSpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models whose head is the embedding, and whose files hold a head all the same; as transformers 5 reads them. */
class TiedHeadTest {
    private static final String HEAD = "lm_head.weight";
    private static final String EMBEDDING = "model.embed_tokens.weight";

    @TempDir
    private Path directory;
    private Path ids;

    @BeforeEach
    void prepare() {
        ids = directory.resolve("ids.safetensors");
        try (var writer = SafetensorsWriter.create(ids, List.of(new TensorSpec("input_ids", DType.I64, Shape.of(1, 5))))) {
            writer.write("input_ids", MemorySegment.ofArray(new long[] {1, 40, 7, 99, 3}));
            writer.finish();
        }
    }

    @Test
    void aHeadThatIsTheEmbeddingIsPassedOver() throws IOException {
        Path tied = with("equal", true, head -> head);
        assertThat(DecoderConfig.read(tied).tieWordEmbeddings()).isTrue();
        ProgramRun run = ProgramRun.of("info", tied);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(logits(tied, "")).isEqualTo(logits(Fixtures.path("llama-gqa-tied"), ""));
    }

    @Test
    void aHeadThatDiffersIsAHeadOfItsOwnAndIsNoted() throws IOException {
        Path tied = with("tied", true, TiedHeadTest::other);
        Path untied = with("untied", false, TiedHeadTest::other);
        assertThat(DecoderConfig.read(tied)).isEqualTo(DecoderConfig.read(untied));
        assertThat(ProgramRun.of("info", tied).err()).contains("note: config.json: tie_word_embeddings is true, but lm_head.weight differs from the "
                + "embedding: it is read as a head of its own, as transformers 5 does it (transformers 4 would take the embedding)");
        assertThat(logits(tied, "")).isEqualTo(logits(untied, "")).isNotEqualTo(logits(Fixtures.path("llama-gqa-tied"), ""));
    }

    @Test
    void aHeadAloneIsTheEmbeddingOfATiedModelAndOfNoOther() throws IOException {
        for (boolean tied : new boolean[] {true, false}) {
            Path alone = Files.createDirectory(directory.resolve("alone" + tied));
            Files.copy(Fixtures.path("llama-gqa-tied").resolve("config.json"), alone.resolve("config.json"));
            try (var file = SafetensorsFile.open(Fixtures.path("llama-gqa-tied").resolve("model.safetensors"))) {
                List<TensorSpec> specs = file.entries().stream().map(entry -> new TensorSpec(
                        entry.name().equals(EMBEDDING) ? HEAD : entry.name(), entry.dtype(), entry.shape())).toList();
                try (var writer = CheckpointWriter.create(alone, specs, CheckpointWriter.DEFAULT_SHARD_BYTES)) {
                    file.entries().forEach(entry -> writer.write(entry.name().equals(EMBEDDING) ? HEAD : entry.name(), file.data(entry.name())));
                    writer.finish();
                }
            }
            if (tied) {
                assertThat(logits(alone, "the files contain only lm_head.weight")).isEqualTo(logits(Fixtures.path("llama-gqa-tied"), ""));
            } else {
                untie(alone);
                assertThat(ProgramRun.of("info", alone).errorLines()).singleElement().asString().contains("tensor '" + EMBEDDING + "'");
            }
        }
    }

    @Test
    void aHeadThatIsMissingIsNotMadeUp() throws IOException {
        Path source = Files.createDirectory(directory.resolve("missing"));
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(Fixtures.path("llama-gqa-tied").resolve(file), source.resolve(file));
        }
        untie(source);
        ProgramRun run = ProgramRun.of("info", source);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().contains("tensor 'lm_head.weight': there is no such tensor, and "
                + "config.json does not say \"tie_word_embeddings\": true; set it if the head is the embedding");
        assertThat(ProgramRun.of("logits", "--model", source, "--ids", ids, "--output", directory.resolve("x")).errorLines().getLast())
                .contains("lm_head.weight");
    }

    private static byte[] other(byte[] head) {
        byte[] changed = head.clone();
        changed[changed.length - 2] ^= 0x20;
        return changed;
    }

    private byte[] logits(Path model, String note) throws IOException {
        Path output = directory.resolve("logits-" + System.nanoTime() + ".safetensors");
        ProgramRun run = ProgramRun.of("logits", "--model", model, "--ids", ids, "--output", output);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains(note);
        return Files.readAllBytes(output);
    }

    /** The tied fixture with a head made from its embedding. */
    private Path with(String name, boolean tied, UnaryOperator<byte[]> head) throws IOException {
        Path target = Files.createDirectory(directory.resolve(name));
        Path source = Fixtures.path("llama-gqa-tied");
        Files.copy(source.resolve("config.json"), target.resolve("config.json"));
        if (!tied) {
            untie(target);
        }
        try (var file = SafetensorsFile.open(source.resolve("model.safetensors"))) {
            var specs = new ArrayList<TensorSpec>();
            for (TensorEntry entry : file.entries()) {
                specs.add(new TensorSpec(entry.name(), entry.dtype(), entry.shape()));
            }
            specs.add(new TensorSpec(HEAD, file.entry(EMBEDDING).dtype(), file.entry(EMBEDDING).shape()));
            try (var writer = CheckpointWriter.create(target, specs, CheckpointWriter.DEFAULT_SHARD_BYTES)) {
                file.entries().forEach(entry -> writer.write(entry.name(), file.data(entry.name())));
                writer.write(HEAD, MemorySegment.ofArray(head.apply(file.data(EMBEDDING).toArray(ValueLayout.JAVA_BYTE))));
                writer.finish();
            }
        }
        return target;
    }

    private static void untie(Path directory) throws IOException {
        Path config = directory.resolve("config.json");
        String before = Files.readString(config);
        String after = before.replace("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
        assertThat(after).isNotEqualTo(before);
        Files.writeString(config, after);
    }
}
