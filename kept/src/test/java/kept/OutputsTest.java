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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import kept.cli.Program;
import kept.cli.StandardOutput;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Every command with outputs that cannot be written or must not be: one line, exit code 1, and nothing lost. */
class OutputsTest {
    private static final List<String> MAKERS = CommandLines.MAKERS;
    private static final List<String> WRITERS = CommandLines.WRITERS;

    @TempDir
    private static Path inputs;
    private static CommandLines lines;
    private static Path orion;
    private static Path llama;
    private static Path text;
    private static Path ids;

    @TempDir
    private Path folder;
    private Path output;

    @BeforeAll
    static void makeInputs() {
        lines = CommandLines.make(inputs);
        orion = lines.orion();
        llama = lines.llama();
        text = lines.text();
        ids = lines.ids();
    }

    @BeforeEach
    void nameOutput() {
        output = folder.resolve("out");
    }

    private static Object[] command(String name, Path output) {
        return lines.of(name, output);
    }

    private static Object[] verify(Path output, String option) {
        return lines.of(option.equals("--json") ? "verify" : "verify page", output);
    }

    @Test
    void whatCannotBePrintedIsAFailureAndTheOutputIsThereAllTheSame() throws IOException {
        for (String name : Stream.of(MAKERS, List.of("export"), WRITERS).flatMap(List::stream).toList()) {
            Path made = folder.resolve(name.replace(' ', '-') + ".json");
            assertUnprintable(command(name, made));
            assertThat(made).as(name).exists();
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(MAKERS.size() + 1 + WRITERS.size());
        }
    }

    @Test
    void noCommandTakesAFullDeviceForSuccess() throws IOException {
        Object[] generate = {"generate", "--model", llama, "--prompt", "The", "--max-tokens", 4};
        for (Object[] arguments : new Object[][] {{"info", llama}, {"info", "--devices"}, {"--help"}, {"--version"}, {"distill", "--help"}, generate,
            with(generate, "--jsonl"), with(generate, "--prompt", "A"), {"convert", "--model", orion, "--plan", "--mapping", "calibrated"},
            {"distill", "--teacher", orion, "--plan"}}) {
            assertUnprintable(arguments);
        }
    }

    @Test
    void aClosedPipeEndsARunWithOneLine() throws IOException {
        for (Object[] arguments : new Object[][] {{"--help"}, {"generate", "--model", llama, "--prompt", "The", "--max-tokens", 20}}) {
            Path errors = folder.resolve("errors");
            try (var run = ChildProgram.startIntoClosedPipe(errors, arguments)) {
                assertThat(run.join()).isEqualTo(1);
            }
            assertThat(Files.readAllLines(errors)).filteredOn(line -> line.startsWith("kept: "))
                    .containsExactly("kept: [output] standard output was closed by its reader");
            assertThat(Files.readString(errors)).doesNotContain("\tat ", "Exception");
        }
        Path errors = folder.resolve("errors");
        try (var run = ChildProgram.startInto(Path.of("/dev/full"), errors, "info", llama)) {
            assertThat(run.join()).isEqualTo(1);
        }
        assertThat(errors).content().contains("kept: [output] standard output cannot be written: No space left on device");
    }

    @Test
    void aMissingFolderIsToldBeforeAnyModelIsRead() throws IOException {
        for (String name : WRITERS) {
            Object[] arguments = command(name, folder.resolve("missing/result.json"));
            for (int i = 0; i < arguments.length; i++) {
                arguments[i] = arguments[i].equals(orion) || arguments[i].equals(llama) ? folder.resolve("no-model") : arguments[i];
            }
            assertOneLine(ProgramRun.of(arguments), "the directory " + folder.toRealPath().resolve("missing") + " does not exist; create it first");
        }
        for (String name : Stream.concat(MAKERS.stream(), Stream.of("export")).toList()) {
            assertOneLine(ProgramRun.of(command(name, text.resolve("out"))), text.resolve("out").toString(), "Not a directory");
            assertThat(ProgramRun.of(command(name, folder.resolve("made").resolve(name))).code()).as("%s makes folders", name).isZero();
        }
        assertOneLine(ProgramRun.of(with(command("convert", output), "--mapping", "calibrated", "--calibration", text, "--spill",
                folder.resolve("missing"))), "--spill cannot be written: the directory does not exist");
    }

    @Test
    void aFileWhereADirectoryIsWantedAndADirectoryWhereAFileIs() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "precious");
        for (String name : MAKERS) {
            assertOneLine(ProgramRun.of(with(command(name, file), "--overwrite")), file.toString(), "is a file, not a directory");
            assertOneLine(ProgramRun.of(with(command(name, text), "--overwrite")), text.toString());
        }
        assertThat(file).hasContent("precious");
        for (String name : WRITERS) {
            assertOneLine(ProgramRun.of(command(name, folder)), folder.toString(), "is a directory; name the file to write");
        }
    }

    @Test
    void aForeignFolderIsNeverReplaced() throws IOException {
        Files.createDirectories(output.resolve("photos"));
        Path photo = Files.writeString(output.resolve("photos/a.jpg"), "precious");
        Path readme = Files.writeString(Files.createDirectory(folder.resolve("checkpoint")).resolve("README.md"), "precious");
        Files.writeString(readme.resolveSibling("config.json"), "{}");
        for (String name : MAKERS) {
            assertOneLine(ProgramRun.of(with(command(name, output), "--overwrite")), "holds the folder photos", "not replaced");
            assertOneLine(ProgramRun.of(with(command(name, readme.getParent()), "--overwrite")), "holds README.md", "not replaced");
            assertOneLine(ProgramRun.of(command(name, output)), "exists and is not empty");
        }
        assertOneLine(ProgramRun.of(with(command("export", output), "--overwrite")), "is a directory");
        assertThat(photo).hasContent("precious");
        assertThat(readme).hasContent("precious");
        assertThat(listing(folder)).containsExactly("checkpoint", "out");
    }

    @Test
    void foreignFilesInTheFoldersBesideAreFoundBeforeTheWork() throws IOException {
        for (String folders : List.of("distill .training", "pretrain .training", "convert .partial", "convert .calibration", "pretrain .step-1")) {
            String[] parts = folders.split(" ");
            Path beside = Files.createDirectory(folder.resolve("out" + parts[1]));
            Path diary = Files.writeString(beside.resolve("diary.txt"), "precious");
            Object[] more = switch (parts[1]) {
                case ".calibration" -> new Object[] {"--mapping", "calibrated", "--calibration", text};
                case ".step-1" -> new Object[] {"--snapshot-every", 1};
                default -> new Object[0];
            };
            ProgramRun run = ProgramRun.of(with(with(command(parts[0], output), more), "--overwrite"));
            assertOneLine(run, beside + ": holds diary.txt");
            assertThat(run.err()).doesNotContain("step 1 of");
            assertThat(diary).hasContent("precious");
            Files.delete(diary);
            Files.delete(beside);
            assertThat(output).doesNotExist();
        }
    }

    @Test
    void whatThisProgramMadeItReplaces() {
        for (String name : MAKERS) {
            for (int i = 0; i < 2; i++) {
                ProgramRun run = ProgramRun.of(with(command(name, output), "--overwrite"));
                assertThat(run.code()).as(name + run.err()).isZero();
                assertThat(listing(folder)).containsExactly("out");
            }
        }
        assertThat(ProgramRun.of(with(command("random", output), "--overwrite", "--format", "torch", "--max-shard-size", 1)).code()).isZero();
        assertThat(ProgramRun.of(with(command("convert", output), "--overwrite", "--max-shard-size", 1, "--chat-template", "orion")).code()).isZero();
        assertThat(ProgramRun.of(with(command("convert", output), "--overwrite")).code()).isZero();
    }

    @Test
    void noOutputTakesThePlaceOfWhatIsRead() throws IOException {
        Map<Path, String> before = contents();
        Path link = Files.createSymbolicLink(folder.resolve("link"), text);
        Path linkToModel = Files.createSymbolicLink(folder.resolve("model"), llama);
        Path hard = Files.createLink(folder.resolve("hard"), text);
        Path hardWeights = Files.createLink(folder.resolve("weights"), llama.resolve("model.safetensors"));
        for (String name : WRITERS) {
            List<Path> taken = new ArrayList<>(List.of(linkToModel.resolve("model.safetensors")));
            if (!name.equals("compare")) {
                taken.addAll(List.of(llama.resolve("config.json"), llama.resolve("tokenizer_config.json"), llama.resolve("model.safetensors"),
                        hardWeights));
            } else {
                taken.set(0, orion.resolve("tokenizer.model"));
            }
            if (name.equals("logits")) {
                taken.add(ids);
            } else if (!name.equals("evaluate")) {
                taken.addAll(List.of(text, link, hard));
            }
            for (Path path : taken) {
                assertOneLine(ProgramRun.of(command(name, path)), path.toString(), "is an input, so it is not replaced");
            }
        }
        assertOneLine(ProgramRun.of(with(command("export", llama.resolve("config.json")), "--overwrite")), "is an input");
        assertOneLine(ProgramRun.of(with(command("export", hardWeights), "--overwrite")), "is an input");
        assertOneLine(ProgramRun.of(with(verify(folder.resolve("same"), "--json"), "--html", folder.resolve("./same"))),
                "--json and --html name the same file");
        assertThat(contents()).isEqualTo(before);
    }

    /** No command reads this checkpoint, and a result would take the place of its weights all the same. */
    @Test
    void aResultReplacesNoFileOfAnotherCheckpoint() throws IOException {
        assertThat(ProgramRun.of(command("random", output)).code()).isZero();
        Path link = Files.createSymbolicLink(folder.resolve("link.json"), output.resolve("config.json"));
        Map<Path, String> before = contents(folder);
        for (String name : Stream.concat(WRITERS.stream(), Stream.of("export")).toList()) {
            for (Path taken : List.of(output.resolve("model.safetensors"), output.resolve("config.json"), output.resolve("tokenizer.model"), link)) {
                Object[] line = name.equals("export") ? with(command(name, taken), "--overwrite") : command(name, taken);
                assertOneLine(ProgramRun.of(line), "is a file of a checkpoint, so it is not replaced; choose another file");
            }
        }
        assertThat(contents(folder)).isEqualTo(before);
        Path alone = Files.writeString(folder.resolve("report.json"), "{}");
        assertThat(ProgramRun.of(command("evaluate", alone)).code()).as("a report that belongs to no checkpoint").isZero();
    }

    @Test
    void aCorpusOrATeacherInTheOutputIsNotRemovedWithIt() throws IOException {
        assertThat(ProgramRun.of(command("convert", output)).code()).isZero();
        Path corpus = Files.copy(text, output.resolve("metrics.jsonl"));
        for (String[] option : new String[][] {{"distill", "--corpus"}, {"distill", "--held-out"}, {"pretrain", "--corpus"}}) {
            String value = option[1].equals("--held-out") ? "more=" + corpus : corpus.toString();
            assertOneLine(ProgramRun.of(with(command(option[0], output), "--overwrite", option[1], value)), "holds " + corpus.toRealPath());
        }
        Path random = folder.resolve("random");
        assertThat(ProgramRun.of(command("random", random)).code()).isZero();
        Path config = random.resolve("config.json");
        assertOneLine(ProgramRun.of(with(command("random", random), "--overwrite", "--config", config)), "holds " + config.toRealPath());
        Path template = Files.writeString(random.resolve("chat_template.jinja"), "{{ messages }}");
        assertOneLine(ProgramRun.of(with(command("convert", random), "--overwrite", "--chat-template", template)), "holds " + template.toRealPath());
        assertOneLine(ProgramRun.of(with(command("convert", output), "--overwrite", "--mapping", "calibrated", "--calibration", corpus)),
                "holds " + corpus.toRealPath());
        assertThat(corpus).hasSameBinaryContentAs(text);
    }

    /** What lies beside an output is deleted when a run begins anew or ends. */
    @Test
    void aCorpusBesideTheOutputIsNotRemovedWithIt() throws IOException {
        for (String names : List.of("distill .training", "pretrain .training", "convert .partial", "distill .calibration")) {
            String[] parts = names.split(" ");
            Path beside = Files.createDirectory(folder.resolve("out" + parts[1]));
            Path corpus = Files.copy(text, Files.createDirectories(parts[1].equals(".partial") ? beside.resolve("files") : beside)
                    .resolve("metrics.jsonl"));
            Path link = Files.createSymbolicLink(folder.resolve("link.jsonl"), corpus);
            for (Path named : List.of(corpus, beside, link)) {
                Object[] more = parts[0].equals("convert") ? new Object[] {"--mapping", "calibrated", "--calibration", named}
                        : new Object[] {"--corpus", named};
                assertOneLine(ProgramRun.of(with(with(command(parts[0], output), more), "--overwrite")), beside.toRealPath().toString());
                assertThat(corpus).as(names).hasSameBinaryContentAs(text);
            }
            Files.delete(link);
            Files.delete(corpus);
            try (Stream<Path> rest = Files.walk(beside)) {
                rest.sorted(java.util.Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
            }
        }
        assertThat(output).doesNotExist();
    }

    @Test
    void resultsGoThroughDevicesAndLinks() throws IOException {
        Path real = Files.writeString(folder.resolve("real.json"), "before");
        Path link = Files.createSymbolicLink(folder.resolve("link.json"), Path.of("real.json"));
        assertThat(ProgramRun.of(command("evaluate", link)).code()).isZero();
        assertThat(link).isSymbolicLink();
        assertThat(real).content().startsWith("{").contains("\"tasks\"");
        assertThat(ProgramRun.of(command("evaluate", link)).code()).as("a result may be replaced").isZero();
        for (String name : List.of("logits", "evaluate", "export")) {
            assertThat(ProgramRun.of(command(name, Path.of("/dev/null"))).code()).isZero();
            ProgramRun full = ProgramRun.of(command(name, Path.of("/dev/full")));
            assertOneLine(full, "/dev/full: cannot be written: No space left on device");
            assertThat(full.out().isEmpty()).as("what can be printed is").isEqualTo(!name.equals("evaluate"));
        }
        assertThat(Files.readAttributes(Path.of("/dev/full"), "isOther")).containsEntry("isOther", true);
        assertThat(listing(folder)).containsExactly("link.json", "real.json");
    }

    /** Replacing that file would lose what is printed, so the result goes where the rest goes. */
    @Test
    void aResultInTheFileThatIsPrintedToStandsBesideWhatIsPrinted() throws IOException {
        Path errors = folder.resolve("errors");
        Path printed = folder.resolve("printed");
        Path result = folder.resolve("result.json");
        try (var run = ChildProgram.startInto(printed, errors, command("evaluate", result))) {
            assertThat(run.join()).isZero();
        }
        List<String> expected = Stream.of(printed, result).flatMap(file -> lines(file).stream()).filter(line -> !line.contains("econds")).toList();
        assertThat(lines(printed)).isNotEmpty();
        for (Path named : List.of(Path.of("/dev/stdout"), printed)) {
            try (var run = ChildProgram.startInto(printed, errors, command("evaluate", named))) {
                assertThat(run.join()).isZero();
            }
            assertThat(lines(printed)).as(named.toString()).containsAll(expected);
        }
        Path both = folder.resolve("both");
        try (var run = ChildProgram.startInto(printed, both, command("evaluate", both))) {
            assertThat(run.join()).isZero();
        }
        assertThat(lines(both)).as("notes and result").anyMatch(line -> line.contains("\"tasks\"")).hasSizeGreaterThan(lines(result).size());
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void assertUnprintable(Object... arguments) throws IOException {
        try (var full = new FileOutputStream("/dev/full")) {
            assertOneLine(run(full, false, arguments), "[output] standard output cannot be written: No space left on device");
        }
    }

    private static ProgramRun run(OutputStream out, boolean pipe, Object... arguments) {
        var err = new StringWriter();
        CommandLine command = Program.commandLine(new Main()).setOut(StandardOutput.over(out, StandardCharsets.UTF_8, pipe))
                .setErr(new PrintWriter(err, true));
        int code = command.execute(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
        return new ProgramRun(code, "", err.toString());
    }

    private static void assertOneLine(ProgramRun run, String... words) {
        assertThat(run.code()).as(run.err()).isEqualTo(1);
        assertThat(run.errorLines().stream().filter(line -> line.startsWith("kept: "))).singleElement().asString().contains(words);
        assertThat(run.err()).doesNotContain("\tat ");
    }

    private static Object[] with(Object[] basis, Object... more) {
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }

    private static Map<Path, String> contents() throws IOException {
        return contents(inputs);
    }

    private static Map<Path, String> contents(Path folder) throws IOException {
        Map<Path, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                contents.put(file, Integer.toHexString(Arrays.hashCode(Files.readAllBytes(file))));
            }
        }
        return new LinkedHashMap<>(contents);
    }

    private static List<String> listing(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
