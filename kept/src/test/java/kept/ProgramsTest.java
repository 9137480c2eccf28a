package kept;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import kept.checkpoint.Checkpoint;
import kept.cli.Program;
import kept.model.Architecture;
import kept.model.CheckpointWeights;
import kept.model.DecoderConfig;
import kept.safetensors.SafetensorsFile;
import kept.tensor.DType;
import kept.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The programs that do not train, each on a small checkpoint. */
class ProgramsTest {
    @TempDir
    private Path directory;

    @Test
    void convertMakesALlamaOfAnOrionInShards() throws IOException {
        Path source = Files.createDirectory(directory.resolve("orion"));
        for (String file : new String[] {"config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"}) {
            Files.copy(Fixtures.path("orion-bf16-sharded/" + file), source.resolve(file));
        }
        Files.copy(Fixtures.path("tokenizer/tokenizer.model"), source.resolve("tokenizer.model"));
        Path output = directory.resolve("made/llama");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "opm");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out().lines().toList().getLast()).isEqualTo(output.toString());
        DecoderConfig config = DecoderConfig.read(output);
        assertThat(config.architecture()).isEqualTo(Architecture.LLAMA);
        assertThat(config.dtype()).isEqualTo(DType.BF16);
        try (var checkpoint = Checkpoint.open(output)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            assertThat(checkpoint.entry("model.norm.weight").dtype()).isEqualTo(DType.BF16);
        }
        assertThat(output).isDirectoryContaining("glob:**tokenizer.model").isDirectoryContaining("glob:**tokenizer_config.json");
        assertThat(output.getParent()).isDirectoryNotContaining("glob:**.partial");

        ProgramRun info = ProgramRun.of("info", output);
        assertThat(info.code()).as(info.err()).isZero();
        assertThat(info.out()).contains("LlamaForCausalLM", "vocabulary        160", "21 bf16");
    }

    @Test
    void convertStoresTheTypeAskedForAndReplacesOnlyWhenAllowed() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path output = directory.resolve("llama");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", output).code()).isZero();
        assertThat(DecoderConfig.read(output).dtype()).isEqualTo(DType.F32);
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", output, "--dtype", "bf16").code()).isEqualTo(1);
        assertThat(DecoderConfig.read(output).dtype()).isEqualTo(DType.F32);
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", output, "--dtype", "bf16", "--overwrite").code()).isZero();
        assertThat(DecoderConfig.read(output).dtype()).isEqualTo(DType.BF16);
        assertThat(directory).isDirectoryNotContaining("glob:**.{partial,old}");
    }

    @Test
    void exportMakesOneFileOfALlamaAndReplacesOnlyWhenAllowed() throws IOException {
        Path orion = TinyTeacher.write(directory.resolve("orion"));
        Path llama = directory.resolve("llama");
        Path output = directory.resolve("made/llama.gguf");
        assertThat(ProgramRun.of("convert", "--model", orion, "--output", llama).code()).isZero();
        ProgramRun run = ProgramRun.of("export", "--model", llama, "--output", output, "--type", "f16");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out().lines()).containsExactly("source: safetensors, 1 file",
                "output: 21 tensors, the matrices as f16; 420 tokens, %,d bytes".formatted(Files.size(output)), output.toString());
        byte[] before = Files.readAllBytes(output);
        assertThat(before).startsWith("GGUF".getBytes(StandardCharsets.US_ASCII))
                .containsSequence("llama.rope.freq_base".getBytes(StandardCharsets.US_ASCII));
        assertThat(output.getParent()).isDirectoryNotContaining("glob:**.tmp");

        assertThat(ProgramRun.of("export", "--model", llama, "--output", output, "--type", "f32").err()).contains("exists", "--overwrite");
        assertThat(output).hasBinaryContent(before);
        ProgramRun again = ProgramRun.of("export", "--model", llama, "--output", output, "--type", "Q8_0", "--overwrite", "--format", "GGUF");
        assertThat(again.code()).as(again.err()).isZero();
        assertThat(again.err()).startsWith("note: 16 matrices are stored as f16: their rows are not whole blocks of 32");
        assertThat(Files.readAllBytes(output)).isNotEqualTo(before);
    }

    @Test
    void logitsAreThoseOfTransformers() {
        Path fixture = Fixtures.path("orion-safetensors");
        Path output = directory.resolve("logits.safetensors");
        ProgramRun run = ProgramRun.of("logits", "--model", fixture, "--ids", fixture.resolve("expected.safetensors"), "--output", output);
        assertThat(run.code()).as(run.err()).isZero();
        try (var actual = SafetensorsFile.open(output);
                var expected = SafetensorsFile.open(fixture.resolve("expected.safetensors"))) {
            assertThat(actual.entry("logits").shape()).isEqualTo(expected.entry("logits").shape());
            assertThat(actual.data("input_ids").mismatch(expected.data("input_ids"))).isEqualTo(-1);
            float[] values = actual.data("logits").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            float[] golden = expected.data("logits").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            assertThat(values).containsExactly(golden, within(2e-5f));
        }
    }

    @Test
    void logitsOfTheLastPositionsAreTheLastOfAll() {
        Path fixture = Fixtures.path("orion-long-rope");
        Path output = directory.resolve("last.safetensors");
        ProgramRun run = ProgramRun.of(
                "logits", "--model", fixture, "--ids", fixture.resolve("expected.safetensors"), "--output", output, "--last", 3);
        assertThat(run.code()).as(run.err()).isZero();
        try (var actual = SafetensorsFile.open(output);
                var expected = SafetensorsFile.open(fixture.resolve("expected.safetensors"))) {
            Shape all = expected.entry("logits").shape();
            assertThat(actual.entry("logits").shape()).isEqualTo(Shape.of(all.size(0), 3, all.size(2)));
            float[] values = actual.data("logits").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            float[] golden = expected.data("logits").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            int length = (int) (all.size(1) * all.size(2));
            int width = (int) (3 * all.size(2));
            for (int row = 0; row < all.size(0); row++) {
                assertThat(Arrays.copyOfRange(values, row * width, (row + 1) * width))
                        .containsExactly(Arrays.copyOfRange(golden, (row + 1) * length - width, (row + 1) * length), within(2e-5f));
            }
        }
    }

    @Test
    void aPromptFromAFileIsContinuedAsOneFromTheCommandLine() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path file = Files.writeString(directory.resolve("prompt.txt"), "Line 7 tells");
        ProgramRun typed = ProgramRun.of("generate", "--model", teacher, "--prompt", "Line 7 tells", "--max-tokens", 12);
        ProgramRun read = ProgramRun.of("generate", "--model", teacher, "--prompt-file", file, "--max-tokens", 12);
        assertThat(read.code()).as(read.err()).isZero();
        assertThat("Line 7 tells" + read.out()).isEqualTo(typed.out());
        Files.write(file, new byte[] {'a', (byte) 0xFF});
        assertThat(ProgramRun.of("generate", "--model", teacher, "--prompt-file", file).err())
                .contains("prompt.txt cannot be read: it is not UTF-8: byte 0xFF at offset 1");
        ProgramRun missing = ProgramRun.of("generate", "--model", teacher, "--prompt-file", directory.resolve("nowhere.txt"));
        assertThat(missing.code()).isEqualTo(1);
        assertThat(missing.err()).contains("nowhere.txt cannot be read: no such file");
    }

    /** Whichever of the two has more rows of vocabulary: they are compared on the ids that both have. */
    @ParameterizedTest
    @ValueSource(strings = {"--top", "--by-layer"})
    void aPaddedVocabularyIsComparedOnItsTokens(String kind) throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path padded = TinyTeacher.write(directory.resolve("padded"), 4);
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        for (List<Path> pair : List.of(List.of(teacher, padded), List.of(padded, teacher))) {
            Path json = directory.resolve("fidelity.json");
            List<Object> arguments = new ArrayList<>(List.of("verify", "--teacher", pair.get(0), "--student", pair.get(1), "--corpus", text,
                    "--tokens", 256, "--json", json));
            if (kind.equals("--by-layer")) {
                arguments.add(kind);
            }
            ProgramRun run = ProgramRun.of(arguments.toArray());
            assertThat(run.code()).as(run.err()).isZero();
            assertThat(run.err()).contains("compared on the 420 ids that both have", "424");
            JsonNode result = new ObjectMapper().readTree(json.toFile()).at("/domains/corpus");
            assertThat(result.path("kl_mean").doubleValue()).as("the rows that both have are the same").isZero();
            assertThat(result.path("top1_agreement").doubleValue()).isEqualTo(1);
            Files.delete(json);
        }
    }

    @Test
    void aModelIsFaithfulToItself() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path json = directory.resolve("fidelity.json");
        ProgramRun run = ProgramRun.of("verify", "--teacher", teacher, "--student", teacher, "--corpus", text, "--evaluation-tokens", 256,
                "--json", json);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out().lines().toList().getLast()).startsWith("corpus     256 ")
                .contains("1.0000 .. 1.0000", "100.00%", "100.00 .. 100.00");
        JsonNode content = new ObjectMapper().readTree(json.toFile());
        assertThat(content.propertyStream()).extracting(property -> property.getKey()).containsExactly("teacher", "student", "texts", "domains");
        JsonNode result = content.at("/domains/corpus");
        assertThat(result.propertyStream()).extracting(property -> property.getKey()).containsExactly(
                "tokens", "kl_mean", "kl_mean_interval", "kl_p99", "top1_agreement", "top1_agreement_interval",
                "perplexity_teacher", "perplexity_teacher_interval", "perplexity_student", "perplexity_student_interval",
                "perplexity_ratio", "perplexity_ratio_interval", "sequence_length", "positions");
        assertThat(result.path("kl_mean").doubleValue()).isZero();
        assertThat(result.path("kl_p99").doubleValue()).isZero();
        assertThat(result.path("top1_agreement").doubleValue()).isEqualTo(1);
        assertThat(result.path("perplexity_student").doubleValue()).isEqualTo(result.path("perplexity_teacher").doubleValue()).isGreaterThan(1);
        assertThat(result.path("tokens").asLong()).isEqualTo(256);
    }

    @Test
    void eachNamedTextHasALineAndItsPositionsToo() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path student = directory.resolve("llama");
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path other = Files.writeString(directory.resolve("other.txt"), "Zz 0 {} ".repeat(500));
        Path json = directory.resolve("fidelity.json");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", student).code()).isZero();
        ProgramRun run = ProgramRun.of("verify", "--teacher", teacher, "--student", student, "--held-out", "lines=" + text,
                "--held-out", "noise=" + other,
                "--held-out", "both=" + text, "--held-out", "both=" + other, "--evaluation-tokens", 640, "--sequence-length", 64,
                "--by-position", "--json", json);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out().lines().map(line -> line.strip().split("  ")[0]).toList().subList(1, 7))
                .containsExactly("lines", "0 to 63", "noise", "0 to 63", "both", "0 to 63");
        JsonNode domains = new ObjectMapper().readTree(json.toFile()).path("domains");
        assertThat(domains.propertyStream()).extracting(property -> property.getKey()).containsExactly("lines", "noise", "both");
        assertThat(domains.at("/both/kl_mean")).as("the first files come first").isEqualTo(domains.at("/lines/kl_mean"));
        assertThat(domains.at("/noise/kl_mean")).isNotEqualTo(domains.at("/lines/kl_mean"));
        JsonNode lines = domains.path("lines");
        assertThat(lines.path("kl_mean").doubleValue())
                .isBetween(lines.at("/kl_mean_interval/0").doubleValue(), lines.at("/kl_mean_interval/1").doubleValue());
        assertThat(lines.at("/positions/0/to").intValue()).isEqualTo(64);
        assertThat(ProgramRun.of("verify", "--teacher", teacher, "--student", student).code()).as("no text").isEqualTo(2);
        assertThat(ProgramRun.of("verify", "--teacher", teacher, "--student", student, "--held-out", "prose").code()).as("no name").isEqualTo(2);
    }

    @Test
    void detailsTellWhereAMappedModelParts() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path student = directory.resolve("llama");
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path json = directory.resolve("fidelity.json");
        Path html = directory.resolve("fidelity.html");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", student).code()).isZero();
        ProgramRun run = ProgramRun.of("verify", "--teacher", teacher, "--student", student, "--held-out", "lines=" + text,
                "--evaluation-tokens", 256,
                "--details", "--worst", 3, "--json", json, "--html", html);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("  0 to 63", "lines, by layer", "  layer 1 MLP", "  final norm", "lines, by class of token", "  digits",
                "lines, worst tokens", "  3. KL ").doesNotContain("  4. KL ");
        JsonNode lines = new ObjectMapper().readTree(json.toFile()).at("/domains/lines");
        assertThat(lines.path("layers")).hasSize(5);
        assertThat(lines.at("/layers/0/stream").doubleValue()).as("both embed alike").isZero();
        assertThat(lines.at("/layers/4/projections").doubleValue()).isBetween(1e-4, 1.0);
        assertThat(lines.path("classes").valueStream().mapToLong(scores -> scores.path("tokens").asLong()).sum()).isEqualTo(256);
        assertThat(lines.path("worst")).hasSize(3);
        assertThat(Files.readString(html)).contains("data-chart=\"stream-0\"", "Worst tokens", "--details --worst 3");

        ProgramRun page = ProgramRun.of("verify", "--teacher", teacher, "--student", student, "--held-out", "lines=" + text,
                "--evaluation-tokens", 256,
                "--html", html);
        assertThat(page.code()).as(page.err()).isZero();
        assertThat(page.out().lines()).as("what the page holds is not printed").hasSize(2);
        assertThat(Files.readString(html)).contains("data-chart=\"stream-0\"", "Worst tokens");
    }

    @Test
    void aMappedModelIsNotQuiteFaithful() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path student = directory.resolve("llama");
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path json = directory.resolve("fidelity.json");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", student).code()).isZero();
        ProgramRun run = ProgramRun.of("verify", "--teacher", teacher, "--student", student, "--corpus", text, "--evaluation-tokens", 256,
                "--json", json);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(new ObjectMapper().readTree(json.toFile()).at("/domains/corpus/kl_mean").doubleValue()).isBetween(1e-6, 1.0);
    }

    @Test
    void generationStartsWithThePromptAndIsTheSameForTheSameSeed() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Object[] sampled = {"generate", "--model", teacher, "--prompt", "Line 7 tells", "--max-tokens", 12, "--temperature", 1, "--top-k", 50,
            "--seed", 3};
        ProgramRun first = ProgramRun.of(sampled);
        ProgramRun second = ProgramRun.of(sampled);
        sampled[sampled.length - 1] = 4;
        ProgramRun other = ProgramRun.of(sampled);
        assertThat(first.code()).as(first.err()).isZero();
        assertThat(first.out()).startsWith("Line 7 tells").hasSizeGreaterThan("Line 7 tells".length() + 1);
        assertThat(second.out()).isEqualTo(first.out());
        assertThat(other.out()).isNotEqualTo(first.out());
    }

    @Test
    void generatedTextAppearsTokenByToken() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        var shown = new ArrayList<String>();
        var out = new StringWriter() {
            @Override
            public void flush() {
                shown.add(toString());
            }
        };
        int code = Program.commandLine(new Main()).setOut(new PrintWriter(out)).setErr(new PrintWriter(new StringWriter()))
                .execute("generate", "--model", teacher.toString(), "--prompt", "Line 7 tells", "--max-tokens", "12", "--temperature", "1");
        assertThat(code).isZero();
        assertThat(new TreeSet<>(shown)).hasSizeGreaterThan(4);
        assertThat(shown).allMatch(text -> text.startsWith("Line 7 tells")).isSortedAccordingTo(Comparator.comparingInt(String::length));
    }

    @Test
    void generationEndsWhereTheModelsPositionsEnd() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        ProgramRun run = ProgramRun.of("generate", "--model", teacher, "--prompt", "Line", "--max-tokens", 1000);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).startsWith("Line");
    }

    @Test
    void infoTellsWhatADirectoryHolds() {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        ProgramRun run = ProgramRun.of("info", teacher);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("OrionForCausalLM", "layers            2", "hidden size       16", "positions         64", "tokenizer.model");
        assertThat(ProgramRun.of("info", Fixtures.path("orion-safetensors")).out()).contains("tokenizer         none");
    }
}
