package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every output has a model card, whose metadata are what the Hub reads, and the source's licence. */
class ModelCardTest {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    @TempDir
    private Path directory;

    private Path source;
    private Path output;

    @BeforeEach
    void write() {
        source = TinyTeacher.write(directory.resolve("orion"));
        output = directory.resolve("llama");
    }

    private void convert(Path from, Object... more) {
        Object[] line = {"convert", "--model", from, "--output", output, "--mapping", "exact", "--overwrite"};
        ProgramRun run = ProgramRun.of(Stream.concat(Stream.of(line), Stream.of(more)).toArray());
        assertThat(run.code()).as(run.err()).isZero();
    }

    private List<String> card() throws IOException {
        return Files.readAllLines(output.resolve("README.md"));
    }

    /** The lines between the first two fences. */
    private List<String> metadata() throws IOException {
        List<String> lines = card();
        assertThat(lines.getFirst()).isEqualTo("---");
        return lines.subList(1, lines.subList(1, lines.size()).indexOf("---") + 1);
    }

    @Test
    void aConversionSaysWhatItWasMadeOf() throws IOException {
        convert(source, "--verify", "--threads", 2);
        assertThat(metadata()).containsExactly("library_name: transformers", "pipeline_tag: text-generation", "tags:", "- llama", "- orion", "- kept",
                "- exact");
        assertThat(card()).contains("# orion as a Llama", "| mapping | `exact` |", "| source | `orion` |",
                "| command | `kept convert --model %s --mapping exact --output DIR` |".formatted(source), "## Form",
                "It is a Llama of 3 layers, one more than the source, with biases in attention and MLP.",
                "Engines: transformers, vLLM, llama.cpp; not SGLang, which ignores mlp_bias.");
        assertThat(card()).anyMatch(line -> line.matches("\\| fingerprint of the source \\| `[0-9a-f]{16}` \\|"))
                .anyMatch(line -> line.startsWith("| written by | `kept ")).anyMatch(line -> line.startsWith("It was not measured."))
                .anyMatch(line -> line.startsWith("The source has no licence file"));
    }

    @Test
    void theFingerprintIsOfTheTensors() throws IOException {
        convert(source);
        List<String> before = card().stream().filter(line -> line.contains("fingerprint")).toList();
        convert(source, "--dtype", "bf16");
        assertThat(card()).containsAll(before);
        Path other = directory.resolve("other");
        assertThat(ProgramRun.of("pretrain", "--random", "--tokenizer", source, "--hidden-size", 16, "--heads", 2, "--layers", 2,
                "--intermediate-size", 24, "--seed", 7, "--output", other).code()).isZero();
        convert(other);
        assertThat(card()).doesNotContainAnyElementsOf(before);
    }

    @Test
    void theLicenceOfTheSourceIsCarriedOverWithItsFiles() throws IOException {
        Files.writeString(source.resolve("LICENSE"), "Orion's terms");
        Files.writeString(source.resolve("NOTICE.txt"), "a notice");
        convert(source);
        assertThat(metadata()).contains("license: \"other\"", "license_link: \"LICENSE\"");
        assertThat(output.resolve("LICENSE")).hasContent("Orion's terms");
        assertThat(output.resolve("NOTICE.txt")).hasContent("a notice");
        Files.writeString(source.resolve("README.md"),
                "---\nlanguage:\n- en\nlicense: Apache-2.0 # as its code\nname: 'x'\n---\n# Orion\nlicense: mit\n");
        convert(source);
        assertThat(metadata()).contains("license: \"apache-2.0\"").noneMatch(line -> line.startsWith("license_"));
        Files.writeString(source.resolve("README.md"),
                "---\nlicense: other\nlicense_name: \"orion-community\"\nlicense_link: >-\n  LICENSE\n---\n");
        convert(source);
        assertThat(metadata()).contains("license: \"other\"", "license_name: \"orion-community\"", "license_link: \"LICENSE\"");
        assertThat(card()).contains(
                "As the source: other (orion-community). Its text was carried over: [LICENSE](<LICENSE>), [NOTICE.txt](<NOTICE.txt>).");
    }

    /** Cards of published models: of Minitron, of several licences, with characters that YAML treats in a special way. A slash ends a line. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '"', value = {
        "license: other / license_name: nvidia-open-model-license / license_link: >- /   https://a.b/terms.pdf; license: 'other', "
            + "license_name: 'nvidia-open-model-license', license_link: 'https://a.b/terms.pdf'; other (nvidia-open-model-license).",
        "license: / - MIT / - Apache-2.0; license: ['mit','apache-2.0']; mit, apache-2.0.",
        "license: [mit]; license: 'mit'; mit.",
        "license: other / license_name: 'A: (b) \u901a' / license_link: &l 'http://a.b/\u901a'; license: 'other', license_name: 'A: (b) \u901a', "
            + "license_link: 'http://a.b/\u901a'; other (A: (b) \u901a).",
        "license: other / license_name: | /   a /   --- <!-- `b` / x: 1; license: 'other', license_name: 'a --- <!-- `b`'; "
            + "other (a --- \\<!-- \\`b\\`).",
        "license: mit / model-index: [{a: {b: [1]}}]; license: 'mit'; mit.",
    })
    void theLicenceOfACardIsReadInEachFormOfYaml(String card, String expected, String words) throws IOException {
        Files.writeString(source.resolve("README.md"), "\uFEFF---\r\n" + card.replace(" / ", "\r\n") + "\r\n---\r\nlicense: x\r\n");
        convert(source);
        assertThat(metadata().stream().filter(line -> line.startsWith("license")))
                .containsExactly(expected.replace('\'', '"').split(", (?=license)"));
        assertThat(card()).contains("As the source: " + words);
    }

    /** Nothing of such cards is believed, and the conversion goes on. */
    @ParameterizedTest
    @ValueSource(strings = {
        "license: mit", "---\nlicense: mit\n", "---\nlicense: 'mit\n---\n", "---\n- license: mit\n---\n", "---\nlicense:\n---\n",
        "---\nlicense: null\n---\n", "---\nlicense: ~\n---\n", "---\nlicense: [null]\n---\n",
        "---\nlicense: {name: mit}\n---\n", "---\n\t[\n---\n", "---\n---\nlicense: mit\n", "x\n---\nlicense: mit\n---\n",
    })
    void aCardThatSaysNothingInYamlNamesNoLicence(String card) throws IOException {
        Files.writeString(source.resolve("README.md"), card);
        convert(source);
        assertThat(metadata()).noneMatch(line -> line.startsWith("license"));
        assertThat(card()).anyMatch(line -> line.startsWith("The source has no licence file"));
    }

    /** Nested brackets would fill a recursive parser's stack. */
    @Test
    void aCardOfAnyDepthIsReadOrPassedOver() throws IOException {
        Files.writeString(source.resolve("README.md"), "---\nlicense: mit\nx: " + "[".repeat(400_000) + "\n---\n");
        convert(source);
        assertThat(metadata()).noneMatch(line -> line.startsWith("license"));
    }

    /** A file of the source that its card names, and that was not downloaded with the weights, has an address on the Hub. */
    @Test
    void aLinkWithinAModelOfTheHubIsAnAddress() throws IOException {
        Path snapshot = directory.resolve("models--a--b/snapshots/" + COMMIT);
        Files.createDirectories(snapshot.getParent());
        Files.writeString(source.resolve("README.md"), "---\nlicense: other\nlicense_link: docs/TERMS.md\n---\n");
        convert(source);
        assertThat(metadata()).contains("license: \"other\"").noneMatch(line -> line.startsWith("license_link"));
        Files.move(source, snapshot);
        convert(snapshot);
        assertThat(metadata()).contains("license_link: \"https://huggingface.co/a/b/blob/" + COMMIT + "/docs/TERMS.md\"");
        Files.writeString(snapshot.resolve("README.md"), "---\nlicense: other\nlicense_link: ../../x\n---\n");
        convert(snapshot);
        assertThat(metadata()).noneMatch(line -> line.startsWith("license_link"));
    }

    /** A license that no checkpoint may hold: a link elsewhere. The conversion goes on without it. */
    @Test
    void aLicenceThatCannotBeCarriedOverIsNoted() throws IOException {
        Path elsewhere = Files.writeString(directory.resolve("secret"), "secret");
        Files.createSymbolicLink(source.resolve("LICENSE"), elsewhere);
        Files.createDirectory(source.resolve("licenses"));
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "opm");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.errorLines()).hasSize(2).allMatch(line -> line.contains("of the source is not carried over: [licence] "));
        assertThat(output.resolve("LICENSE")).doesNotExist();
    }

    @Test
    void aModelOfTheHubIsTheBaseModel() throws IOException {
        Path snapshot = directory.resolve("models--OrionStarAI--Orion-14B-Base/snapshots/" + COMMIT);
        Files.createDirectories(snapshot.getParent());
        Files.move(source, snapshot);
        Files.createDirectories(snapshot.resolve("../../refs").normalize());
        Files.writeString(snapshot.resolve("../../refs/main").normalize(), COMMIT);
        convert(directory.resolve("models--OrionStarAI--Orion-14B-Base"));
        assertThat(metadata()).containsSequence("base_model:", "- \"OrionStarAI/Orion-14B-Base\"", "tags:");
        assertThat(card()).contains("# OrionStarAI/Orion-14B-Base as a Llama");
    }

    /** Names come from anywhere: none ends a line, a code span, a cell or a heading. */
    @Test
    void aNameWithMarkupStaysAName() throws IOException {
        Path odd = directory.resolve("a`|*<b>\n# c\n---");
        Files.move(source, odd);
        convert(odd);
        assertThat(card()).contains("# a\\`\\|\\*\\<b\\> \\# c --- as a Llama", "| source | `a'\\|*<b> # c ---` |");
        assertThat(card().stream().filter(line -> line.equals("---"))).hasSize(2);
    }

    @Test
    void anOutputIsReplacedUnlessTheUserHasWrittenInIt() throws IOException {
        Files.writeString(source.resolve("LICENSE"), "terms");
        convert(source);
        convert(source);
        Files.writeString(output.resolve("README.md"), "# My model\n");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "opm", "--overwrite");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("LICENSE");
        assertThat(output.resolve("README.md")).hasContent("# My model");
    }

    @Test
    void aDistillationSaysHowCloseItIs() throws IOException {
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        ProgramRun run = ProgramRun.of("distill", "--teacher", source, "--corpus", text, "--mapping", "exact", "--tokens", 256, "--batch-size", 1,
                "--sequence-length", 32, "--evaluation-tokens", 64, "--output", output);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(card()).contains("| tokens of training | `256` |", "| text | KL | top-1 | perplexity of the source | of this model |");
        assertThat(card()).anyMatch(line -> line.matches("\\| corpus \\| .* \\| [0-9.]+ % \\| [0-9.]+ \\| [0-9.]+ \\|"))
                .anyMatch(line -> line.startsWith("| command | `kept distill --teacher ") && line.endsWith(" --output DIR` |"));
    }

    @Test
    void aNewOrionHasACardToo() throws IOException {
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        assertThat(ProgramRun.of("pretrain", "--tokenizer", source, "--corpus", text, "--output", output, "--hidden-size", 16, "--heads", 2,
                "--layers", 1, "--intermediate-size", 16, "--tokens", 256, "--batch-size", 1, "--sequence-length", 32, "--snapshot-every", 4)
                .code()).isZero();
        assertThat(metadata()).containsExactly("tags:", "- orion", "- kept");
        assertThat(card()).contains("| trained on | `256 tokens` |");
        assertThat(directory.resolve("llama.step-4/README.md")).content().contains("| trained on | `128 tokens` |");
    }
}
