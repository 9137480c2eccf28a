package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bad input gets one clear line and exit code 1, and nothing is half-written. */
class BadInputTest {
    @TempDir
    private Path directory;
    private Path source;
    private Path output;
    private Path text;

    @BeforeEach
    void prepare() throws IOException {
        source = Files.createDirectory(directory.resolve("source"));
        output = directory.resolve("output");
        text = TinyTeacher.text(directory.resolve("text.txt"));
    }

    @Test
    void aMissingShard() throws IOException {
        copy("orion-bf16-sharded");
        Files.delete(source.resolve("model-00002-of-00003.safetensors"));
        assertRefused(convert(), "model-00002-of-00003.safetensors");
    }

    @Test
    void aTruncatedShard() throws IOException {
        copy("orion-bf16-sharded");
        Path shard = source.resolve("model-00002-of-00003.safetensors");
        byte[] bytes = Files.readAllBytes(shard);
        Files.write(shard, Arrays.copyOf(bytes, bytes.length - 100));
        assertRefused(convert(), "model-00002-of-00003.safetensors", "truncated");
    }

    @Test
    void aHeaderLongerThanTheFile() throws IOException {
        copy("orion-safetensors");
        Path file = source.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, Long.MAX_VALUE / 2);
        Files.write(file, bytes);
        assertRefused(convert(), "model.safetensors", "header");
    }

    @Test
    void tensorsThatOverlap() throws IOException {
        writeHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},\"b\":{\"dtype\":\"F32\",\"shape\":[4],"
                + "\"data_offsets\":[8,24]}}", 24);
        assertRefused(convert(), "model.safetensors", "overlap");
    }

    @Test
    void aTensorBehindTheEndOfItsFile() throws IOException {
        writeHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[400],\"data_offsets\":[0,1600]}}", 16);
        assertRefused(convert(), "model.safetensors", "1600");
    }

    @Test
    void anUnknownElementType() throws IOException {
        writeHeader("{\"a\":{\"dtype\":\"Q3\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16);
        assertRefused(convert(), "model.safetensors", "'a'", "Q3");
    }

    @Test
    void aTensorThatIsMissing() throws IOException {
        copy("orion-safetensors");
        editConfig(config -> config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"));
        assertRefused(convert(), "model.layers.2.");
    }

    @Test
    void aTensorOfAnotherShapeThanTheConfigurationSays() throws IOException {
        copy("orion-safetensors");
        editConfig(config -> config.replace("\"vocab_size\": 160", "\"vocab_size\": 161"));
        assertRefused(convert(), "model.embed_tokens.weight", "[160, ", "[161, ");
    }

    @Test
    void anIndexThatNamesAFileOutsideItsFolder() throws IOException {
        copy("orion-bf16-sharded");
        Path index = source.resolve("model.safetensors.index.json");
        Files.writeString(index, Files.readString(index).replace("\"model-00002-of", "\"../model-00002-of"));
        assertRefused(convert(), "model.safetensors.index.json", "../model-00002-of-00003.safetensors");
    }

    @Test
    void aConfigurationForAnotherArchitecture() throws IOException {
        copy("orion-safetensors");
        editConfig(config -> config.replace("OrionForCausalLM", "GPT2LMHeadModel").replace("\"orion\"", "\"gpt2\""));
        assertRefused(convert(), "config.json", "GPT2LMHeadModel");
    }

    @Test
    void aLlamaWhereAnOrionIsNeeded() throws IOException {
        copy("llama");
        assertRefused(convert(), "LlamaForCausalLM");
    }

    @Test
    void aDirectoryThatIsNotThere() {
        assertRefused(ProgramRun.of("info", directory.resolve("nowhere")), "nowhere", "no such");
        assertRefused(ProgramRun.of("convert", "--model", directory.resolve("nowhere"), "--output", output), "nowhere");
        assertRefused(ProgramRun.of("generate", "--model", directory.resolve("nowhere"), "--prompt", "Hello"), "nowhere");
    }

    @Test
    void aConfigurationThatIsNoJson() throws IOException {
        copy("orion-safetensors");
        editConfig(config -> config.substring(0, config.length() / 2));
        assertRefused(convert(), "config.json");
        assertRefused(ProgramRun.of("info", source), "config.json");
    }

    @Test
    void aCheckpointWithoutATokenizer() throws IOException {
        copy("orion-safetensors");
        assertRefused(distill(source, text), "tokenizer.model");
        assertRefused(ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "calibrated", "--calibration", text),
                "neither tokenizer.model nor tokenizer.json");
        assertRefused(ProgramRun.of("convert", "--model", source, "--output", output, "--chat-template", "orion"),
                "neither tokenizer.model nor tokenizer.json");
    }

    /** A conversion needs no text. A tokenizer that is there but cannot be read is an error all the same. */
    @Test
    void aCheckpointWithoutATokenizerIsConvertedWithANote() throws IOException {
        copy("orion-safetensors");
        ProgramRun run = ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "opm", "--verify");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.errorLines()).containsExactly("note: %s has neither tokenizer.model nor tokenizer.json, so the output has no tokenizer; "
                .formatted(source) + "copy one there before a program that reads text");
        assertThat(ProgramRun.of("info", output).out()).contains("LlamaForCausalLM", "tokenizer         none");
        try (var files = Files.list(output)) {
            assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.contains("token"));
        }
    }

    @Test
    void aTokenizerThatIsABrokenLink() throws IOException {
        copy("orion-safetensors");
        Files.createSymbolicLink(source.resolve("tokenizer.model"), directory.resolve("gone"));
        assertRefused(convert(), "tokenizer.model", "broken link");
    }

    @Test
    void anUnknownMapping() throws IOException {
        copy("orion-safetensors");
        assertWrong(ProgramRun.of("convert", "--model", source, "--output", output, "--mapping", "magic"), "--mapping", "magic", "opm");
    }

    @Test
    void aCorpusThatIsEmpty() throws IOException {
        TinyTeacher.write(source);
        Path empty = Files.createFile(directory.resolve("empty.txt"));
        assertRefused(distill(source, empty), "empty.txt", "holds no text");
        assertRefused(ProgramRun.of("verify", "--teacher", source, "--student", source, "--corpus", empty), "empty.txt", "holds no text");
        assertRefused(ProgramRun.of("pretrain", "--tokenizer", source, "--corpus", empty, "--output", output), "empty.txt", "holds no text");
    }

    @Test
    void aCorpusThatIsNotUtf8() throws IOException {
        TinyTeacher.write(source);
        Path latin = Files.write(directory.resolve("latin.txt"), "Z\u00fcrich ".repeat(400).getBytes(StandardCharsets.ISO_8859_1));
        assertRefused(distill(source, latin), "latin.txt", "UTF-8");
    }

    @Test
    void aCorpusThatIsNotThere() {
        TinyTeacher.write(source);
        assertRefused(distill(source, directory.resolve("no.txt")), "no.txt", "does not exist");
    }

    @Test
    void aCorpusTooShortToTrainOnAndToEvaluateOn() throws IOException {
        TinyTeacher.write(source);
        Path little = Files.writeString(directory.resolve("little.txt"), "a few words");
        assertRefused(ProgramRun.of("distill", "--teacher", source, "--corpus", little, "--output", output, "--sequence-length", 16),
                "little.txt", "not enough to train on and to evaluate on");
    }

    @Test
    void anOutputThatIsNotEmpty() throws IOException {
        copy("orion-safetensors");
        Files.createDirectory(output);
        Path diary = Files.writeString(output.resolve("diary.txt"), "precious");
        ProgramRun run = convert();
        assertOneLine(run, "output", "not empty", "--overwrite");
        assertThat(output).isDirectoryContaining("glob:**diary.txt");
        assertThat(diary).hasContent("precious");
        assertThat(ProgramRun.of("convert", "--model", source, "--output", output, "--overwrite").code()).isEqualTo(1);
        assertThat(diary).as("a failed run replaces nothing").hasContent("precious");
    }

    @Test
    void anOutputThatIsItsOwnSource() {
        TinyTeacher.write(source);
        assertRefused(ProgramRun.of("convert", "--model", source, "--output", source, "--overwrite"), "is " + source, "another directory");
        assertRefused(ProgramRun.of("distill", "--teacher", source, "--corpus", text, "--output", directory, "--overwrite"), "holds " + source);
        assertRefused(ProgramRun.of("pretrain", "--tokenizer", source, "--corpus", text, "--output", source, "--overwrite"), "is " + source);
        assertThat(source.resolve("model.safetensors")).exists();
    }

    @Test
    void anExportOfWhatCannotBeExported() throws IOException {
        TinyTeacher.write(source);
        assertRefused(export(output), "OrionForCausalLM", "kept convert --model " + source);
        copy("llama");
        assertRefused(export(output), "tokenizer of " + source, "vocab_size 160");
        Files.delete(source.resolve("tokenizer.model"));
        assertRefused(export(output), source + " has neither tokenizer.model nor tokenizer.json: copy the tokenizer");
        assertRefused(ProgramRun.of("export", "--model", directory.resolve("no"), "--output", output, "--type", "f32"),
                directory.resolve("no") + ": cannot be read");
    }

    @Test
    void anExportOverWhatMustNotBeReplaced() throws IOException {
        TinyTeacher.write(directory.resolve("orion"));
        ProgramRun made = ProgramRun.of("convert", "--model", directory.resolve("orion"), "--output", source, "--overwrite");
        assertThat(made.code()).as(made.err()).isZero();
        for (String input : new String[] {"model.safetensors", "config.json", "tokenizer.model"}) {
            byte[] before = Files.readAllBytes(source.resolve(input));
            assertOneLine(export(source.resolve(input), "--overwrite"), input, "is an input");
            assertThat(source.resolve(input)).hasBinaryContent(before);
        }
        assertOneLine(export(directory, "--overwrite"), "is a directory");
        assertThat(export(source.resolve("model.gguf")).code()).as("beside its source it may lie").isZero();
        assertThat(export(source.resolve("model.gguf"), "--overwrite").code()).isZero();
    }

    @Test
    void aTokenizerThatExceedsTheVocabulary() throws IOException {
        copy("orion-safetensors");
        Files.copy(Fixtures.path("tokenizer/tokenizer.model"), source.resolve("tokenizer.model"));
        assertRefused(distill(source, text), "tokenizer.model", "vocab_size 160");
        assertRefused(ProgramRun.of("generate", "--model", source, "--prompt", "Hello"), "tokenizer.model", "vocab_size 160");
        assertRefused(ProgramRun.of("verify", "--teacher", source, "--student", source, "--corpus", text), "tokenizer.model", "vocab_size 160");
    }

    @Test
    void aSequenceLongerThanTheModelCan() {
        TinyTeacher.write(source);
        assertRefused(distill(source, text, "--sequence-length", 65), "65", "64 positions");
        assertRefused(ProgramRun.of("verify", "--teacher", source, "--student", source, "--corpus", text, "--sequence-length", 65), "64 positions");
        assertRefused(ProgramRun.of("generate", "--model", source, "--prompt", "word ".repeat(100)), "64 positions");
    }

    @Test
    void settingsOutOfTheirRange() {
        TinyTeacher.write(source);
        assertWrong(distill(source, text, "--batch-size", 0), "--batch-size", "at least 1");
        assertWrong(distill(source, text, "--tokens", 0), "--tokens", "at least 1");
        assertWrong(distill(source, text, "--evaluation-tokens", 0), "--evaluation-tokens", "at least 1");
        assertWrong(distill(source, text, "--learning-rate", -1), "--learning-rate must be at least 0");
        assertWrong(distill(source, text, "--max-gradient-norm", 0), "--max-gradient-norm must be above 0");
        assertWrong(distill(source, text, "--train", "layers.[01"), "layers.[01", "regular expression");
        assertWrong(ProgramRun.of("pretrain", "--tokenizer", source, "--corpus", text, "--output", output, "--heads", 0),
                "--heads must be at least 1");
        assertWrong(ProgramRun.of("pretrain", "--tokenizer", source, "--corpus", text, "--output", output, "--hidden-size", 7),
                "--hidden-size 7 must be a multiple");
    }

    @Test
    void aSelectionThatMatchesNoParameter() {
        TinyTeacher.write(source);
        ProgramRun run = distill(source, text, "--train", "no_such_tensor");
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).startsWith("kept: [train] 'no_such_tensor' matches no parameter");
        assertThat(output).doesNotExist();
    }

    @Test
    void aTokenizerConfigurationThatIsNoJson() throws IOException {
        TinyTeacher.write(source);
        Files.writeString(source.resolve("tokenizer_config.json"), "{");
        assertRefused(distill(source, text), "tokenizer_config.json", "not JSON");
        assertRefused(convert(), "tokenizer_config.json", "not JSON");
    }

    @Test
    void anUnknownDevice() {
        TinyTeacher.write(source);
        assertWrong(distill(source, text, "--device", "abacus"), "abacus", "cpu");
        assertWrong(ProgramRun.of("generate", "--model", source, "--prompt", "Hello", "--device", "abacus"), "abacus", "cpu");
    }

    @Test
    void nothingToResume() {
        TinyTeacher.write(source);
        assertRefused(distill(source, text, "--resume"), "no saved state", "without --resume");
    }

    @Test
    void idsThatAreNoIds() throws IOException {
        copy("orion-safetensors");
        Path logits = directory.resolve("logits.safetensors");
        assertRefused(ProgramRun.of("logits", "--model", source, "--ids", source.resolve("model.safetensors"), "--output", logits), "input_ids");
        Path none = directory.resolve("none.safetensors");
        assertRefused(ProgramRun.of("logits", "--model", source, "--ids", none, "--output", logits), "none.safetensors");
    }

    private void copy(String fixture) throws IOException {
        try (Stream<Path> files = Files.list(Fixtures.path(fixture))) {
            for (Path file : files.toList()) {
                Files.copy(file, source.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private void writeHeader(String header, int dataBytes) throws IOException {
        copy("orion-safetensors");
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(Long.BYTES + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        Files.write(source.resolve("model.safetensors"), file.putLong(json.length).put(json).array());
    }

    private void editConfig(UnaryOperator<String> change) throws IOException {
        Path config = source.resolve("config.json");
        String before = Files.readString(config);
        String after = change.apply(before);
        assertThat(after).isNotEqualTo(before);
        Files.writeString(config, after);
    }

    private ProgramRun export(Path file, Object... more) {
        List<Object> basis = List.of("export", "--model", source, "--output", file, "--type", "f32");
        return ProgramRun.of(Stream.concat(basis.stream(), Stream.of(more)).toArray());
    }

    private ProgramRun convert() {
        return ProgramRun.of("convert", "--model", source, "--output", output);
    }

    private ProgramRun distill(Path teacher, Path corpus, Object... more) {
        List<Object> basis = List.of("distill", "--teacher", teacher, "--corpus", corpus, "--held-out", "text=" + text, "--output", output);
        return ProgramRun.of(Stream.concat(basis.stream(), Stream.of(more)).toArray());
    }

    private static void assertOneLine(ProgramRun run, String... words) {
        assertThat(run.code()).as(run.err()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(words);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [");
    }

    /** Wrong usage, and no file but those that were there. */
    private void assertWrong(ProgramRun run, String... words) {
        assertThat(run.code()).as(run.err()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).contains(words);
        assertThat(output).doesNotExist();
    }

    /** One line, and no file but those that were there. */
    private void assertRefused(ProgramRun run, String... words) {
        assertOneLine(run, words);
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left.map(Path::getFileName).map(Path::toString))
                    .isSubsetOf("source", "text.txt", "empty.txt", "latin.txt", "little.txt");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
