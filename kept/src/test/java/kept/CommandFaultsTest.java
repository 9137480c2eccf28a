package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.cli.Program;
import kept.cli.StandardOutput;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** Every command with every fault of its surroundings: one line, exit code 1, and nothing lost. */
class CommandFaultsTest {
    private static final String POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d7a2146".repeat(8) + "\nsize 12345\n";
    private static final Path FULL = Path.of("/dev/full");

    @TempDir
    private static Path inputs;
    private static CommandLines lines;
    private static Map<Path, String> before;

    @TempDir
    private Path folder;

    @BeforeAll
    static void makeInputs() throws IOException {
        lines = CommandLines.make(inputs);
        before = contents(inputs);
    }

    private static Stream<String> names() {
        return Stream.of(CommandLines.MAKERS, List.of("export"), CommandLines.WRITERS, CommandLines.PRINTERS).flatMap(List::stream);
    }

    private static Stream<String> writers() {
        return names().filter(name -> !CommandLines.PRINTERS.contains(name));
    }

    @Test
    void everyCommandHasALine() {
        assertThat(names().map(name -> lines.of(name, folder)[0].toString()).collect(Collectors.toSet()))
                .isEqualTo(Program.commandLine(new Main()).getSubcommands().keySet());
    }

    @ParameterizedTest
    @MethodSource("names")
    void aFullDeviceAsStandardOutput(String name) throws IOException {
        Path output = folder.resolve("out.json");
        try (var full = new FileOutputStream(FULL.toFile())) {
            assertFails(run(full, false, lines.of(name, output)), "[output] standard output cannot be written: No space left on device");
        }
        assertOutputIsThere(name, output);
    }

    @ParameterizedTest
    @MethodSource("names")
    void aClosedPipeAsStandardOutput(String name) throws IOException {
        Path output = folder.resolve("out.json");
        var closed = new OutputStream() {
            @Override
            public void write(int value) throws IOException {
                throw new IOException("Broken pipe");
            }
        };
        assertFails(run(closed, true, lines.of(name, output)), "[output] standard output was closed by its reader");
        assertOutputIsThere(name, output);
    }

    @ParameterizedTest
    @MethodSource("writers")
    void aFullDeviceAsOutput(String name) throws IOException {
        boolean directory = CommandLines.MAKERS.contains(name);
        assertFails(run(lines.of(name, FULL)), "/dev/full",
                directory ? "not a directory" : "cannot be written: No space left on device");
        assertThat(Files.readAttributes(FULL, "isOther")).containsEntry("isOther", true);
        assertThat(contents(folder)).isEmpty();
    }

    /** A command that makes a directory makes those around it too, so for these a file is in the way. */
    @ParameterizedTest
    @MethodSource("names")
    void aMissingFolder(String name) throws IOException {
        Path missing = folder.resolve("missing/out.json");
        if (CommandLines.WRITERS.contains(name)) {
            assertFails(run(lines.of(name, missing)), folder.toRealPath().resolve("missing") + " does not exist; create it first");
        } else if (CommandLines.PRINTERS.contains(name)) {
            assertFails(run(replaced(lines.of(name, folder), lines.llama(), missing)), missing.toString());
        } else {
            Path file = Files.writeString(folder.resolve("file"), "precious");
            assertFails(run(lines.of(name, file.resolve("out"))), file.resolve("out").toString(), "Not a directory");
            assertThat(file).hasContent("precious");
            Files.delete(file);
        }
        assertThat(contents(folder)).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("names")
    void aForeignFolder(String name) throws IOException {
        Path foreign = Files.createDirectories(folder.resolve("foreign/photos")).getParent();
        Files.writeString(foreign.resolve("photos/a.jpg"), "precious");
        Files.writeString(foreign.resolve("notes.txt"), "precious");
        Map<Path, String> held = contents(folder);
        Object[] line = CommandLines.PRINTERS.contains(name) ? replaced(lines.of(name, folder), lines.llama(), foreign) : lines.of(name, foreign);
        assertFails(run(line), foreign.toString());
        assertThat(contents(folder)).isEqualTo(held);
        if (CommandLines.MAKERS.contains(name) || name.equals("export")) {
            assertFails(run(Stream.of(line, new Object[] {"--overwrite"}).flatMap(Stream::of).toArray()), foreign.toString());
            assertThat(contents(folder)).isEqualTo(held);
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void aSourceThatIsAPointer(String name) throws IOException {
        Object[] line = lines.of(name, folder.resolve("out.json"));
        Path whole = Arrays.asList(line).contains(lines.llama()) ? lines.llama() : lines.orion();
        Path model = Files.createDirectory(folder.resolve("model"));
        try (Stream<Path> files = Files.list(whole)) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        // These read the tokenizer and no weights.
        boolean weightless = List.of("pretrain", "random", "prompt").contains(name);
        Path pointer = Files.writeString(model.resolve(weightless ? "tokenizer.model" : "model.safetensors"), POINTER);
        Map<Path, String> held = contents(folder);
        assertFails(run(replaced(line, whole, model)), pointer.toString(),
                "is a pointer of Git LFS, not the file itself: run 'git lfs pull' in its directory");
        assertThat(contents(folder)).isEqualTo(held);
    }

    private void assertOutputIsThere(String name, Path output) throws IOException {
        if (CommandLines.PRINTERS.contains(name)) {
            assertThat(contents(folder)).isEmpty();
        } else {
            assertThat(output).as("what was made before it could not be printed").exists();
            try (Stream<Path> files = Files.list(folder)) {
                assertThat(files).containsExactly(output);
            }
        }
    }

    private static void assertFails(ProgramRun run, String... words) throws IOException {
        assertThat(run.code()).as(run.err()).isEqualTo(1);
        assertThat(run.errorLines().stream().filter(line -> line.startsWith("kept: "))).as(run.err()).singleElement().asString().contains(words);
        assertThat(run.err()).doesNotContain("\tat ", "Exception");
        assertThat(contents(inputs)).isEqualTo(before);
    }

    private static Object[] replaced(Object[] line, Path old, Path other) {
        assertThat(Arrays.asList(line)).contains(old);
        return Arrays.stream(line).map(argument -> argument.equals(old) ? other : argument).toArray();
    }

    private static ProgramRun run(Object... arguments) {
        return ProgramRun.of(arguments);
    }

    private static ProgramRun run(OutputStream out, boolean pipe, Object... arguments) {
        var err = new StringWriter();
        CommandLine command = Program.commandLine(new Main()).setOut(StandardOutput.over(out, StandardCharsets.UTF_8, pipe))
                .setErr(new PrintWriter(err, true));
        int code = command.execute(Arrays.stream(arguments).map(Objects::toString).toArray(String[]::new));
        return new ProgramRun(code, "", err.toString());
    }

    private static Map<Path, String> contents(Path directory) throws IOException {
        Map<Path, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(file -> !file.equals(directory)).toList()) {
                contents.put(file, Files.isRegularFile(file) ? Integer.toHexString(Arrays.hashCode(Files.readAllBytes(file))) : "folder");
            }
        }
        return contents;
    }
}
