package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A pointer of Git LFS in place of any file that a command reads: one line that names the file and the way out, exit code 1, no output. */
class PointerInputsTest {
    private static final String POINTER = """
            version https://git-lfs.github.com/spec/v1
            oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
            size 12345
            """;

    @TempDir
    private static Path inputs;
    private static CommandLines lines;

    @TempDir
    private Path folder;

    @BeforeAll
    static void makeInputs() {
        lines = CommandLines.make(inputs);
    }

    @Test
    void aFileOfACheckpointInEveryCommandThatReadsOne() throws IOException {
        for (boolean teacher : new boolean[] {true, false}) {
            for (String name : List.of("model.safetensors", "config.json", "tokenizer.model", "tokenizer_config.json", "generation_config.json")) {
                Path whole = teacher ? lines.orion() : lines.llama();
                Path model = copy(whole, Files.createDirectory(folder.resolve((teacher ? "teacher-" : "student-") + name)));
                Path pointer = Files.writeString(model.resolve(name), POINTER);
                for (Object[] line : readers(teacher, name)) {
                    Object[] arguments = Arrays.stream(line).map(argument -> argument.equals(whole) ? model : argument).toArray();
                    assertThat(Arrays.asList(arguments)).contains(model);
                    assertRefused(pointer, arguments);
                }
            }
        }
        assertThat(folder.resolve("out")).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    /** The commands that read a file of a teacher or of a student. */
    private List<Object[]> readers(boolean teacher, String file) {
        Path output = folder.resolve("out");
        boolean weightless = !file.startsWith("model") && !file.startsWith("config");
        boolean generation = file.startsWith("generation");
        List<Object[]> all = new ArrayList<>();
        if (teacher) {
            for (String command : List.of("convert", "distill", "compare", "verify")) {
                // Only what writes or reads generation_config.json can find it wrong.
                if (!generation || command.equals("convert") || command.equals("distill")) {
                    all.add(lines.of(command, output));
                }
            }
            if (weightless && !generation) {
                all.add(lines.of("pretrain", output));
                all.add(lines.of("random", output));
            }
            return all;
        }
        all.add(lines.of("export", output));
        all.add(new Object[] {"generate", "--model", lines.llama(), "--prompt", "The", "--max-tokens", 2});
        if (!generation) {
            all.add(lines.of("evaluate", output));
            all.add(new Object[] {"info", lines.llama()});
        }
        if (!weightless) {
            all.add(lines.of("logits", output));
            all.add(lines.of("verify page", output));     // whose tokenizer is the teacher's
        }
        return all;
    }

    @Test
    void aFileThatAnOptionNames() throws IOException {
        Object[] generate = {"generate", "--model", lines.llama(), "--max-tokens", 2};
        Object[] chat = with(generate, "--chat", "--prompt", "Hi");
        Path output = folder.resolve("out");
        Path messages = Files.writeString(folder.resolve("messages.json"), "[{\"role\": \"user\", \"content\": \"Hi\"}]");
        assertPointer(pointer("a.jinja"), with(chat, "--chat-template"));
        assertPointer(pointer("b.json"), with(chat, "--chat-template"));
        assertPointer(pointer("a.jinja"), with(lines.of("convert", output), "--chat-template"));
        assertPointer(pointer("prompt.txt"), with(generate, "--prompt-file"));
        assertPointer(pointer("prompts.txt"), with(generate, "--prompts"));
        assertPointer(pointer("prompts.jsonl"), with(generate, "--prompts"));
        assertPointer(pointer("messages2.json"), with(generate, "--chat-template", "orion", "--print-prompt", "--messages"));
        assertPointer(pointer("tasks.jsonl"), "evaluate", lines.llama(), "--tasks");
        assertPointer(pointer("examples.jsonl"), with(lines.of("evaluate", output), "--shots", 1, "--examples"));
        assertPointer(pointer("ids.safetensors"), "logits", "--model", lines.llama(), "--output", output, "--ids");
        assertPointer(pointer("config.json"), with(lines.of("random", output), "--config"));
        assertPointer(pointer("a.jinja"), with(generate, "--messages", messages, "--print-prompt", "--chat-template"));
        assertThat(output).doesNotExist();
    }

    @Test
    void oneOfSeveralChatTemplates() throws IOException {
        Path model = copy(lines.llama(), Files.createDirectory(folder.resolve("model")));
        Path other = Files.writeString(Files.createDirectory(model.resolve("additional_chat_templates")).resolve("tool_use.jinja"), POINTER);
        Path messages = Files.writeString(folder.resolve("messages.json"), "[{\"role\": \"user\", \"content\": \"Hi\"}]");
        assertRefused(other, "generate", "--model", model, "--messages", messages, "--print-prompt");
        assertRefused(other, "export", "--model", model, "--type", "f32", "--output", folder.resolve("out"));
    }

    @Test
    void textsAndTheFilesInArchives() throws IOException {
        for (String name : List.of("a.txt", "a.jsonl", "a.jsonl.gz", "a.zip")) {
            assertTexts(pointer(name), pointer(name));
        }
        var packed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(packed)) {
            gzip.write(POINTER.getBytes(StandardCharsets.US_ASCII));
        }
        Path gz = Files.write(folder.resolve("packed.txt.gz"), packed.toByteArray());
        assertTexts(gz, gz);
        for (String entry : List.of("in/a.txt", "in/a.jsonl", "in/a.txt.gz")) {
            Path zip = folder.resolve("archive.zip");
            try (var out = new ZipOutputStream(Files.newOutputStream(zip))) {
                out.putNextEntry(new ZipEntry(entry));
                out.write(entry.endsWith(".gz") ? packed.toByteArray() : POINTER.getBytes(StandardCharsets.US_ASCII));
            }
            assertTexts(zip, zip);
        }
        Path in = pointer("texts/in/a.txt");
        assertTexts(in, folder.resolve("texts"));
    }

    private void assertTexts(Path named, Path corpus) {
        Path output = folder.resolve("out");
        assertRefused(named, with(lines.of("distill", output), "--corpus", corpus));
        assertRefused(named, with(lines.of("distill", output), "--held-out", "more=" + corpus));
        assertRefused(named, with(lines.of("pretrain", output), "--corpus", corpus));
        assertRefused(named, with(lines.of("verify", output), "--held-out", "more=" + corpus));
        assertRefused(named, with(lines.of("compare", output), "--held-out", "more=" + corpus));
        assertRefused(named, with(lines.of("convert", output), "--mapping", "calibrated", "--calibration", corpus));
        assertThat(output).doesNotExist();
    }

    private Path pointer(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, POINTER);
    }

    /** The file is added to the arguments. */
    private static void assertPointer(Path file, Object... arguments) {
        assertRefused(file, with(arguments, file));
    }

    private static void assertRefused(Path file, Object... all) {
        ProgramRun run = ProgramRun.of(all);
        String line = Arrays.toString(all);
        assertThat(run.code()).as(line + run.err()).isEqualTo(1);
        assertThat(run.errorLines().stream().filter(told -> told.startsWith("kept: "))).as(line).singleElement().asString()
                .contains(file.toString()).contains("is a pointer of Git LFS, not the file itself: run 'git lfs pull' in its directory");
        if (!all[0].equals("info")) {
            assertThat(run.out()).as(line).isEmpty();
        }
    }

    private static Object[] with(Object[] basis, Object... more) {
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }

    private static Path copy(Path source, Path target) throws IOException {
        try (Stream<Path> files = Files.list(source)) {
            for (Path file : files.toList()) {
                Files.copy(file, target.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return target;
    }
}
