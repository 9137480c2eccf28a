package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.mapping.Conversion;
import kept.mapping.ConversionCost;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import kept.run.MachineMemory;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the programs say of the families: info, convert with and without --mapping, its plan, its card, and errors. */
class FamilyProgramsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String INDENT = " ".repeat(18);

    @TempDir
    private Path directory;

    private static List<String> info(Path model) {
        return ProgramRun.of("info", "--model", model).out().lines().toList();
    }

    private Path bare(String name) throws IOException {
        Path copy = Files.createDirectories(directory.resolve("bare-" + name));
        Files.copy(FamilyCheckpoint.resource(name).resolve("config.json"), copy.resolve("config.json"));
        return copy;
    }

    /** A copy of a checkpoint whose config.json has another value for a key. */
    private Path changed(String name, String key, boolean value) throws IOException {
        Path copy = bare(name);
        try (Stream<Path> files = Files.list(FamilyCheckpoint.resource(name))) {
            for (Path file : files.filter(file -> file.getFileName().toString().startsWith("model")).toList()) {
                Files.copy(file, copy.resolve(file.getFileName().toString()));
            }
        }
        ObjectNode config = (ObjectNode) JSON.readTree(copy.resolve("config.json").toFile());
        Files.writeString(copy.resolve("config.json"), config.put(key, value).toString());
        return copy;
    }

    @Test
    void infoTellsWhatDistinguishesAFamily() {
        assertThat(info(FamilyCheckpoint.resource("olmo-tied"))).contains("rotated features  all of a head", "MLP               silu",
                "biases            none", "head              tied to the embedding");
        assertThat(info(FamilyCheckpoint.resource("starcoder2"))).contains("MLP               gelu_pytorch_tanh, without a gate",
                "biases            q, k, v, o, MLP, norms", "head              tied to the embedding");
        assertThat(info(FamilyCheckpoint.resource("stablelm-biases"))).contains("rotated features  4 of a head's 16",
                "biases            q, k, v, norms", "head              of its own");
        assertThat(info(FamilyCheckpoint.resource("nemotron"))).contains("MLP               relu2, without a gate", "biases            norms");
        assertThat(info(FamilyCheckpoint.resource("starcoder2-window"))).contains(
                "positions         8 (sliding_window), rope theta 10000, not scaled");
        assertThat(info(FamilyCheckpoint.resource("olmo-linear"))).anyMatch(line -> line.endsWith(", linear (factor 2.0)"));
    }

    /** The mappings need config.json alone, so they are shown without weights too; that there are none is one line. */
    @Test
    void infoOfABareConfigurationTellsTheMappings() throws IOException {
        ProgramRun run = ProgramRun.of("info", "--model", bare("starcoder2"));
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).hasSize(1);
        assertThat(run.out().lines().dropWhile(line -> !line.startsWith("--mapping"))).containsExactly(
                "--mapping exact: a Llama of 3 layers, one more than the source, with biases in attention and MLP, hidden_act gelu_pytorch_tanh, a "
                        + "head of its own (the source's is its embedding)",
                INDENT + "loses rounding, and shares of the logits that are below rounding for trained models (docs/families.md)",
                INDENT + "engines: transformers, vLLM with --model-impl transformers; not SGLang and llama.cpp, whose Llama has SiLU only",
                "--mapping opm (default): a Llama of 2 layers, with biases in attention and MLP, hidden_act gelu_pytorch_tanh, tied embeddings",
                INDENT + "loses the norms' biases and the subtraction of the mean, most of which distill recovers",
                INDENT + "engines: transformers, vLLM with --model-impl transformers; not SGLang and llama.cpp, whose Llama has SiLU only",
                "--mapping calibrated: not for this model: calibrated needs an MLP with a gate, SiLU and no biases, of which it uses one neuron, and "
                        + "StarCoder2 has another: take --mapping exact, or opm and distil");
        assertThat(info(bare("nemotron-heads"))).anyMatch(line -> line.contains("attention heads, ") && line.contains(" of them zero"));
        assertThat(info(bare("stablelm"))).contains(
                INDENT + "engines: transformers, llama.cpp; vLLM was not tried with longrope, not SGLang, which ignores mlp_bias");
        assertThat(info(bare("olmo"))).contains("--mapping exact (default): a Llama of 2 layers", INDENT + "loses rounding only",
                INDENT + "engines: transformers, vLLM, SGLang, llama.cpp", INDENT + "loses the subtraction of the mean");
    }

    /** exact gives an OLMo neither biases nor a layer, so it is what convert does unless another mapping is asked for. */
    @Test
    void withoutAMappingAnOlmoIsMappedExactly() throws IOException {
        Path source = FamilyCheckpoint.resource("olmo");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", directory.resolve("open"));
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.errorLines().getLast()).isEqualTo(
                "note: exact, the default mapping for OLMo, gives as plain a Llama as opm and loses rounding only");
        assertThat(run.out()).contains(" mapped (exact), 0 dropped", "form: a Llama of 2 layers\n",
                "engines: transformers, vLLM, SGLang, llama.cpp\n");
        for (String mapping : List.of("exact", "opm")) {
            ProgramRun chosen = ProgramRun.of("convert", "--model", source, "--output", directory.resolve(mapping), "--mapping", mapping);
            assertThat(chosen.err()).doesNotContain("mapping");
        }
        byte[] open = Files.readAllBytes(directory.resolve("open/model.safetensors"));
        assertThat(open).isEqualTo(Files.readAllBytes(directory.resolve("exact/model.safetensors")))
                .isNotEqualTo(Files.readAllBytes(directory.resolve("opm/model.safetensors")));
    }

    /** distill starts from opm all the same: from exact there is nothing to learn. */
    @Test
    void distillTellsOfAMappingThatMakesItNeedless() throws IOException {
        String note = "note: the student starts from opm; --mapping exact gives as plain a Llama that loses rounding only, without training: kept "
                + "convert writes it";
        for (String name : List.of("olmo", "stablelm")) {
            ProgramRun open = ProgramRun.of("distill", "--plan", "--teacher", bare(name), "--sequence-length", 32, "--tokens", 1000);
            assertThat(open.code()).as(open.err()).isZero();
            assertThat(open.errorLines().contains(note)).as(name).isEqualTo(name.equals("olmo"));
        }
        ProgramRun chosen = ProgramRun.of("distill", "--plan", "--teacher", directory.resolve("bare-olmo"), "--sequence-length", 32, "--tokens", 1000,
                "--mapping", "opm");
        assertThat(chosen.err()).doesNotContain("note: the student starts");
    }

    /** No mapping is advised that the source cannot have. */
    @ParameterizedTest
    @CsvSource({"starcoder2, 2", "nemotron, 2", "stablelm, 3", "olmo, 1"})
    void notesNameTheMappingsThatAFamilyCanHave(String name, int lines) throws IOException {
        ProgramRun run = ProgramRun.of("convert", "--plan", "--model", bare(name));
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.errorLines()).hasSize(lines).allMatch(line -> line.startsWith("note: "));
        assertThat(run.err().contains("--mapping calibrated")).isEqualTo(name.equals("stablelm"));
    }

    @ParameterizedTest
    @CsvSource({"olmo, opm, ", "olmo, exact, ", "starcoder2, exact, ", "stablelm-tied, exact, ", "stablelm-tied, opm, ",
        "nemotron-heads, exact, bf16", "nemotron-heads, opm, f16", "starcoder2-untied, opm, bf16"})
    void aPlanHasTheBytesOfTheOutputAndTheMemoryOfTheLargestTensor(String name, String mapping, String type) {
        Path source = FamilyCheckpoint.resource(name);
        Object[] more = type == null ? new Object[0] : new Object[] {"--dtype", type};
        DType stored = type == null ? null : DType.valueOf(type.toUpperCase(Locale.ROOT));
        Mapping table = Mapping.named(mapping, DecoderConfig.read(source));
        ConversionCost cost = ConversionCost.of(table, stored);
        ProgramRun plan = ProgramRun.of(with(new Object[] {"convert", "--plan", "--model", source, "--mapping", mapping}, more));
        assertThat(plan.out()).contains("on disk: " + MachineMemory.inWords(cost.outputBytes()) + " for the output's weights");
        assertThat(plan.out()).contains(cost.memoryBytes() == 0 ? "in memory: buffers only"
                : "in memory: " + MachineMemory.inWords(cost.memoryBytes()) + " at most for tensors, while " + cost.largest().orElseThrow());
        Path output = directory.resolve("llama");
        assertThat(ProgramRun.of(with(new Object[] {"convert", "--model", source, "--mapping", mapping, "--output", output}, more)).code()).isZero();
        try (var written = Checkpoint.open(output);
                var checkpoint = Checkpoint.open(source)) {
            assertThat(written.names().stream().map(written::entry).mapToLong(TensorEntry::byteSize).sum()).isEqualTo(cost.outputBytes());
            var conversion = new Conversion(table, checkpoint, stored, 1 << 30);
            long peak = MemoryPeak.of(Device.cpu(), () -> conversion.write(createDirectory("again"), _ -> { }));
            // Beside it some vectors, and the blocks of memory are multiples of 64 bytes.
            assertThat(peak).as("of %d", cost.memoryBytes()).isBetween(cost.memoryBytes() * 9 / 10, cost.memoryBytes() + 256);
        }
    }

    private Path createDirectory(String name) {
        try {
            return Files.createDirectory(directory.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Object[] with(Object[] line, Object... more) {
        return Stream.of(line, more).flatMap(Stream::of).toArray();
    }

    @Test
    void aCardTellsFormEnginesAndLongestText() throws IOException {
        Path output = directory.resolve("llama");
        Path source = FamilyCheckpoint.resource("starcoder2-window");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "exact");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(Files.readAllLines(output.resolve("README.md"))).containsSequence("## Form",
                "It is a Llama of 3 layers, one more than the source, with biases in attention and MLP, hidden_act gelu_pytorch_tanh.",
                "Engines: transformers, vLLM with --model-impl transformers; not SGLang and llama.cpp, whose Llama has SiLU only.",
                "Texts are at most 8 tokens long, the sliding window of the source: a Llama has none, and would compute something else for longer "
                        + "ones.");
        assertThat(output.resolve("README.md")).content().contains("from the StarCoder2 `starcoder2-window` by the mapping `exact`",
                " --mapping exact --output DIR`");
    }

    /** Biases in the files that config.json denies, and missing ones that it asks for. */
    @ParameterizedTest
    @CsvSource({"starcoder2, use_bias, false", "starcoder2-no-biases, use_bias, true", "stablelm-biases, use_qkv_bias, false",
        "stablelm, use_qkv_bias, true", "olmo-biases, attention_bias, false", "olmo, attention_bias, true", "nemotron-biases, mlp_bias, false",
        "nemotron, mlp_bias, true", "nemotron-biases, attention_bias, false", "nemotron, attention_bias, true"})
    void biasesOtherThanConfigJsonSaysAreRefusedByItsKey(String name, String key, boolean value) throws IOException {
        ProgramRun run = ProgramRun.of("info", "--model", changed(name, key, value));
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().contains(".bias': ").contains(value
                ? List.of("there is no such tensor, which %s asks for (true in config.json or by default): set it to false".formatted(key))
                : List.of("the model that config.json describes has no place for this tensor", ": set %s in config.json to true".formatted(key)));
    }

    @Test
    void compareTellsWhyAMappingIsLeftOutAndNamesNoNormWithoutABias() throws IOException {
        Path teacher = directory.resolve("olmo");
        ProgramRun made = ProgramRun.of("pretrain", "--random", "--architecture", "olmo", "--tokenizer", Fixtures.path("tokenizer"),
                "--hidden-size", 16, "--heads", 2, "--layers", 2, "--intermediate-size", 24, "--output", teacher);
        assertThat(made.code()).as(made.err()).isZero();
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun run = ProgramRun.of("compare", "--teacher", teacher, "--held-out", "text=" + text, "--calibration", text,
                "--evaluation-tokens", 128, "--calibration-tokens", 512, "--sequence-length", 32, "--dtype", "f32");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("calibrated is left out: calibrated replaces biases of norms, and OLMo has none: take --mapping exact, "
                + "which is a plain Llama");
        assertThat(run.out().lines().filter(line -> line.startsWith("|b| / |g|"))).singleElement().asString().doesNotContain("norm");
        assertThat(run.out().lines().filter(line -> line.startsWith("|mean| / rms"))).singleElement().asString().contains("norm");
    }
}
