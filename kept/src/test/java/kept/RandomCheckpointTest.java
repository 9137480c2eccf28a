package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import kept.checkpoint.Checkpoint;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.OrionConfigs;
import kept.model.RandomWeights;
import kept.tensor.DType;
import kept.tensor.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** pretrain --random: an untrained Orion in the layout of the published ones. */
class RandomCheckpointTest {
    private static final Object[] SMALL = {"--config", "orion-14b", "--vocab-size", 3000, "--hidden-size", 256, "--layers", 2,
        "--intermediate-size", 96};

    @TempDir
    private Path directory;

    @Test
    void thePublishedSizesAreKnown() {
        DecoderConfig base = OrionConfigs.named("orion-14b").orElseThrow();
        assertThat(ModelTensor.of(base).stream().mapToLong(tensor -> tensor.shape().elementCount()).sum())
                .as("14,498,288,640 as a Llama, and 81 biases of norms").isEqualTo(14_498_288_640L + 81 * 5120);
        DecoderConfig longChat = OrionConfigs.named("orion-14b-longchat").orElseThrow();
        assertThat(longChat.maxPositions()).isEqualTo(200_000);
        assertThat(longChat.ropeTheta()).isEqualTo(5e7);
        assertThat(longChat.toBuilder().maxPositions(4096).ropeTheta(10_000).build()).isEqualTo(base);
    }

    @Test
    void sizesChangeANamedConfigurationAndHeadsStayAsWide() throws IOException {
        Path output = directory.resolve("orion");
        ProgramRun run = random(output, SMALL);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        DecoderConfig config = DecoderConfig.read(output);
        assertThat(config).isEqualTo(DecoderConfig.builder(Architecture.ORION).vocabSize(3000).hiddenSize(256).layers(2).heads(2).keyValueHeads(2)
                .headDimension(128).intermediateSize(96).maxPositions(4096).dtype(DType.BF16).build());
        try (var checkpoint = Checkpoint.open(output)) {
            CheckpointWeights.requireTensors(checkpoint, config);
        }
        assertThat(Files.readString(output.resolve("provenance.json"))).contains("kept pretrain --random", "\"weights\": \"random\"")
                .contains("\"config, layers\": \"").doesNotContain("DecoderConfig");
    }

    @Test
    void theWeightsAreThoseThatTrainingWouldStartFrom() {
        random(directory.resolve("orion"), with(SMALL, "--seed", 7, "--dtype", "f32"));
        DecoderConfig config = DecoderConfig.read(directory.resolve("orion"));
        try (var checkpoint = Checkpoint.open(directory.resolve("orion"));
                Decoder stored = Decoder.create(config, new CheckpointWeights(checkpoint), Device.cpu());
                Decoder fresh = Decoder.create(config, new RandomWeights(config, 7), Device.cpu())) {
            fresh.parameters().forEach((name, parameter) -> assertThat(stored.parameters().get(name).value().toFloatArray()).as(name)
                    .isEqualTo(parameter.value().toFloatArray()));
        }
    }

    @Test
    void pyTorchsFilesHoldTheSameWeightsAndConvert() throws IOException {
        Path tokenizer = Fixtures.path("tokenizer");
        ProgramRun torch = random(directory.resolve("bin"), with(SMALL, "--format", "torch", "--max-shard-size", "1MB", "--tokenizer", tokenizer));
        assertThat(torch.code()).as(torch.err()).isZero();
        random(directory.resolve("safe"), with(SMALL, "--tokenizer", tokenizer));
        try (Stream<Path> files = Files.list(directory.resolve("bin"))) {
            assertThat(files.map(file -> file.getFileName().toString())).contains("pytorch_model-00001-of-00004.bin", "pytorch_model.bin.index.json",
                    "config.json", "generation_config.json", "tokenizer.model").noneMatch(name -> name.endsWith(".safetensors"));
        }
        try (var bin = Checkpoint.open(directory.resolve("bin"));
                var safe = Checkpoint.open(directory.resolve("safe"))) {
            assertThat(bin.names()).containsExactlyInAnyOrderElementsOf(safe.names());
            bin.names().forEach(name -> assertThat(bin.data(name).mismatch(safe.data(name))).as(name).isEqualTo(-1));
        }
        for (String source : new String[] {"bin", "safe"}) {
            ProgramRun converted = ProgramRun.of("convert", "--model", directory.resolve(source), "--output", directory.resolve(source + "-llama"),
                    "--verify");
            assertThat(converted.code()).as(converted.err()).isZero();
        }
        assertThat(directory.resolve("bin-llama/model.safetensors")).hasSameBinaryContentAs(directory.resolve("safe-llama/model.safetensors"));
    }

    @Test
    void aModelThatTheDiskCannotHoldIsRefusedBeforeItIsBegun() throws IOException {
        ProgramRun run = random(directory.resolve("orion"), "--config", "orion-14b", "--intermediate-size", 1_000_000_000);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().contains("bytes, but only ", " are free there");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void aConfigurationThatIsNeitherAFileNorKnownIsRefused() {
        ProgramRun run = random(directory.resolve("orion"), "--config", "orion-15b");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).first().asString()
                .isEqualTo("kept: --config orion-15b is neither a file nor one of orion-14b, orion-14b-longchat");
    }

    /** Every architecture that mappings start from, by its name in any case, with the usual parameters of its family. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "LLAMA")
    void aSourceOfEveryArchitectureIsWritten(Architecture architecture) {
        Path output = directory.resolve("source");
        ProgramRun run = random(output, "--architecture", architecture.name(), "--vocab-size", 300, "--layers", 2, "--dtype", "f32");
        assertThat(run.code()).as(run.err()).isZero();
        DecoderConfig config = DecoderConfig.read(output);
        assertThat(config.architecture()).isEqualTo(architecture);
        assertThat(config.rotaryDimension()).isEqualTo(switch (architecture) {
            case STABLELM -> 16;
            case NEMOTRON -> 32;
            default -> 64;
        });
        assertThat(output.resolve("README.md")).content().contains(architecture.className());
        ProgramRun mapped = ProgramRun.of("convert", "--model", output, "--mapping", "exact", "--output", directory.resolve("llama"));
        assertThat(mapped.code()).as(mapped.err()).isZero();
    }

    /** What a configuration says of heads holds unless other heads are asked for; then their shares do. */
    @ParameterizedTest
    @CsvSource({
        "starcoder2-3b, '', 3072, 24, 2, 128, 128", "Minitron-8B-Base, '', 4096, 48, 8, 128, 64",
        "starcoder2-3b, --hidden-size 64 --heads 4, 64, 4, 2, 16, 16", "stablelm-3b-4e1t, --hidden-size 64 --heads 2, 64, 2, 2, 32, 8",
        "Minitron-4B-Base, --hidden-size 256, 256, 2, 2, 128, 64",
    })
    void aConfigurationKeepsItsHeads(String name, String options, int width, int heads, int keyValueHeads, int headDimension, int rotated) {
        Path config = Path.of("src/test/resources/families/configs", name + ".json");
        Path output = directory.resolve("source");
        ProgramRun run = random(output, with(new Object[] {"--config", config, "--layers", 1, "--vocab-size", 300, "--intermediate-size", 64},
                (Object[]) (options.isEmpty() ? new String[0] : options.split(" "))));
        assertThat(run.code()).as(run.err()).isZero();
        DecoderConfig read = DecoderConfig.read(output);
        assertThat(List.of(read.hiddenSize(), read.heads(), read.keyValueHeads(), read.headDimension(), read.rotaryDimension()))
                .containsExactly(width, heads, keyValueHeads, headDimension, rotated);
    }

    @Test
    void anArchitectureIsASourceAndThatOfTheConfiguration() {
        assertThat(random(directory.resolve("x"), "--architecture", "llama", "--vocab-size", 9).errorLines()).first().asString()
                .isEqualTo("kept: Invalid value for option '--architecture': 'llama' is not one of orion, olmo, starcoder2, stablelm, nemotron");
        assertThat(random(directory.resolve("x"), "--architecture", "olmo", "--config", "orion-14b").errorLines()).first().asString()
                .isEqualTo("kept: --config orion-14b has the architecture orion, not --architecture olmo");
        assertThat(directory).isEmptyDirectory();
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "pretrain --random --output b",
        "pretrain --random --config orion-14b",
        "pretrain --random --config orion-14b --output b --corpus c.txt",
        "pretrain --random --config orion-14b --output b --tokens 5",
        "pretrain --random --config orion-14b --output b --resume",
        "pretrain --random --config orion-14b --output b --learning-rate 1",
        "pretrain --random --config orion-14b --output b --format gguf",
        "pretrain --corpus c.txt --output b",
    })
    void optionsThatDoNotGoTogetherAreWrongUsage(String line) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).hasSize(2).last().isEqualTo("See 'kept pretrain --help'.");
        assertThat(directory).isEmptyDirectory();
    }

    private static ProgramRun random(Path output, Object... more) {
        return ProgramRun.of(with(new Object[] {"pretrain", "--random", "--output", output}, more));
    }

    private static Object[] with(Object[] basis, Object... more) {
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }
}
