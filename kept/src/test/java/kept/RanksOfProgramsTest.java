package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import kept.backend.HostLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Programs that {@code mpirun} has started several times, with the engines of this machine whose launcher is on the PATH as {@code mpirun.openmpi} or
 * {@code mpirun.mpich}. Without one there is nothing to start, and the test says so.
 */
class RanksOfProgramsTest {
    static final Map<String, String> ENVIRONMENT = Map.of("OMPI_ALLOW_RUN_AS_ROOT", "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1",
            "OMPI_MCA_rmaps_base_oversubscribe", "1");

    /** The table of what mappings cost, whose seconds differ from run to run. */
    private static final String COSTS = "(?ms)^ *mapping +seconds.*?\\n\\n";

    @TempDir
    Path directory;

    static List<String> engines() {
        List<String> found = Stream.of("mpirun.openmpi", "mpirun.mpich")
                .filter(name -> Stream.of(System.getenv("PATH").split(File.pathSeparator)).anyMatch(path -> Files.isExecutable(Path.of(path, name))))
                .toList();
        if (found.isEmpty()) {
            System.out.println("no MPI engine on this machine: install openmpi-bin or mpich to run its tests");
        }
        return found;
    }

    /** In the thorough form (-Dkept.thorough) every engine, else one. */
    static List<String> someEngines() {
        return Boolean.getBoolean("kept.thorough") ? engines() : engines().stream().limit(1).toList();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void rank0AlonePrintsAndTheRanksShareTheProcessors(String engine) throws IOException, InterruptedException {
        Result result = run(engine, 2, "kept.RankProgram");
        int share = Math.max(1, HostLimits.ofThisProcess().processors() / 2);
        assertThat(result.out).containsExactly("sum 3, threads %d".formatted(2 * share));
        assertThat(result.err).containsExactly("a note");
        assertThat(result.status).isZero();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void theErrorOfEveryRankCarriesItsNumber(String engine) throws IOException, InterruptedException {
        Result result = run(engine, 3, "kept.RankProgram", "--failing-rank", "1");
        assertThat(result.status).isEqualTo(1);
        assertThat(result.out).isEmpty();
        assertThat(result.err).contains("[rank 1] kept: the disk is full").filteredOn(line -> line.startsWith("[rank"))
                .isSubsetOf("[rank 1] kept: the disk is full", "[rank 0] kept: [ranks] rank 1 has failed: the disk is full",
                        "[rank 2] kept: [ranks] rank 1 has failed: the disk is full");
    }

    @Tag("thorough")
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void aRankWithoutMemorySaysSo(String engine) throws IOException, InterruptedException {
        Result result = run(engine, 3, "kept.RankProgram", "--full-rank", "2");
        assertThat(result.status).isEqualTo(1);
        assertThat(result.err).anyMatch(line -> line.startsWith("[rank 2] kept: [memory] the Java heap of "))
                .anyMatch(line -> line.startsWith("[rank 0] kept: [ranks] rank 2 has failed: [memory] the Java heap of "));
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void aProgramForOneProcessSaysSoOnce(String engine) throws IOException, InterruptedException {
        Result result = run(engine, 2, "kept.Main", "info", "src/main/resources/kept/demo/teacher");
        assertThat(result.out).isEmpty();
        assertThat(result.err).filteredOn(line -> line.startsWith("kept:")).singleElement().asString()
                .startsWith("kept: info works in one process, but mpirun of").contains("has started 2 of it");
        assertThat(result.status).isEqualTo(2);
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void oneRankIsAProcessByItself(String engine) throws IOException, InterruptedException {
        Result result = run(engine, 1, "kept.Main", "info", "src/main/resources/kept/demo/teacher");
        assertThat(result.out).isNotEmpty();
        assertThat(result.status).isZero();
    }

    /** What the ranks write, and nothing beside it; {@code -Dkept.thorough} with one rank more than divides the passes evenly, and with four. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void distillationOnRanksWritesTheFilesOfOne(String engine) throws IOException, InterruptedException {
        Path teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path alone = directory.resolve("alone");
        ProgramRun one = ProgramRun.of((Object[]) distillation(teacher, text, alone, "--batch-size", "2", "--accumulation", "4"));
        assertThat(one.code()).as(one.err()).isZero();
        for (int ranks : Boolean.getBoolean("kept.thorough") ? new int[] {2, 3, 4} : new int[] {2}) {
            Path output = directory.resolve("ranks" + ranks);
            Result result = run(engine, ranks, Stream.concat(Stream.of("kept.Main"),
                    Stream.of(distillation(teacher, text, output, "--batch-size", "2", "--accumulation", "4"))).toArray(String[]::new));
            assertThat(result.status).as(() -> String.join("\n", result.err)).isZero();
            assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
            assertThat(result.out).filteredOn(line -> line.startsWith("Llama checkpoint:")).hasSize(1);
            assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial,calibration}");
        }
    }

    /** Two ranks, whose two sums have one order, have the bits of one; with three there may be others. */
    @Tag("thorough")
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void theEngineAddsGradientsAndSaysSo(String engine) throws IOException, InterruptedException {
        Path teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path alone = directory.resolve("alone");
        String[] options = {"--batch-size", "2", "--accumulation", "4", "--reduction", "engine"};
        ProgramRun one = ProgramRun.of((Object[]) distillation(teacher, text, alone, options));
        assertThat(one.err()).contains("--reduction engine: the gradients are added in the tree, since nothing between the ranks adds them itself");
        Path output = directory.resolve("engine");
        Result result = run(engine, 2, Stream.concat(Stream.of("kept.Main"), Stream.of(distillation(teacher, text, output, options)))
                .toArray(String[]::new));
        assertThat(result.status).as(() -> String.join("\n", result.err)).isZero();
        assertThat(result.err).filteredOn(line -> line.matches("--reduction engine: libmp.*\\(.*\\) adds the gradients of the ranks; the bits of the "
                + "result depend on the number of ranks")).hasSize(1);
        assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
    }

    @Tag("thorough")
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void passesThatAreLeftOpenAreDividedAndSaid(String engine) throws IOException, InterruptedException {
        Path teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Result result = run(engine, 2, Stream.concat(Stream.of("kept.Main"),
                Stream.of(distillation(teacher, text, directory.resolve("open")))).toArray(String[]::new));
        assertThat(result.status).as(() -> String.join("\n", result.err)).isZero();
        assertThat(result.err).contains("a step has --batch-size 4 --accumulation 2, for 2 ranks; with these options any number of ranks trains to "
                + "the same bits");
        Result refused = run(engine, 2, Stream.concat(Stream.of("kept.Main"),
                Stream.of(distillation(teacher, text, directory.resolve("refused"), "--batch-size", "8"))).toArray(String[]::new));
        assertThat(refused.status).isEqualTo(1);
        assertThat(refused.err).anyMatch(line -> line.startsWith("[rank ") && line.contains("2 ranks share the passes of a step, and --accumulation "
                + "is 1; give at least one pass to each, such as --batch-size 1 --accumulation 8"));
    }

    /** Text, JSON and page are those of one process, byte by byte; {@code -Dkept.thorough} with all programs that measure, and more ranks. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void programsThatMeasureGiveTheFiguresOfOneProcess(String engine) throws IOException, InterruptedException {
        Path teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        Path student = directory.resolve("llama");
        assertThat(ProgramRun.of("convert", "--model", teacher, "--output", student).code()).isZero();
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        Path json = directory.resolve("result.json");
        Path page = directory.resolve("page.html");
        List<String> verify = List.of("verify", "--teacher", teacher.toString(), "--student", student.toString(), "--held-out", "text=" + text,
                "--evaluation-tokens", "80", "--sequence-length", "16", "--details", "--json", json.toString(), "--html", page.toString());
        requireTheSame(engine, verify, json, page);
        if (Boolean.getBoolean("kept.thorough")) {
            Path questions = Files.writeString(directory.resolve("questions.jsonl"), """
                    {"context": "Line 1 tells", "choices": ["that", "1 is the square"], "answer": 0}
                    {"context": "Line 2 tells", "choices": ["that 4", "nothing"], "answer": 1}
                    {"context": "Line 2", "choices": ["tells", "is"], "answer": 0}
                    """);
            requireTheSame(engine, List.of("evaluate", "--model", student.toString(), "--tasks", questions.toString(), "--json", json.toString()),
                    json);
            requireTheSame(engine, List.of("compare", "--teacher", teacher.toString(), "--held-out", "text=" + text, "--calibration",
                    text.toString(), "--calibration-tokens", "640", "--evaluation-tokens", "80", "--sequence-length", "16", "--json",
                    json.toString()));
        }
    }

    /** The files, and what is printed but for what differs from run to run. */
    private void requireTheSame(String engine, List<String> program, Path... files) throws IOException, InterruptedException {
        ProgramRun one = ProgramRun.of(program.toArray());
        assertThat(one.code()).as(one.err()).isZero();
        List<byte[]> expected = new ArrayList<>();
        for (Path file : files) {
            expected.add(Files.readAllBytes(file));
            Files.delete(file);
        }
        for (int ranks : Boolean.getBoolean("kept.thorough") ? new int[] {2, 3, 7} : new int[] {2}) {
            Result result = run(engine, ranks, Stream.concat(Stream.of("kept.Main"), program.stream()).toArray(String[]::new));
            assertThat(result.status).as(() -> String.join("\n", result.err)).isZero();
            assertThat(String.join("\n", result.out).replaceAll(COSTS, "").strip()).isEqualTo(one.out().replaceAll(COSTS, "").strip());
            for (int i = 0; i < files.length; i++) {
                assertThat(files[i]).hasBinaryContent(expected.get(i));
                Files.delete(files[i]);
            }
        }
    }

    /** A model card without the version, which programs on the class path do not know, and without its checksum. */
    private static List<String> card(Path output) throws IOException {
        try (Stream<String> lines = Files.lines(output.resolve("README.md"))) {
            return lines.filter(line -> !line.startsWith("| written by |") && !line.startsWith("<!-- written by kept")).toList();
        }
    }

    /** {@code -Dkept.thorough}: a calibration, and files that ranks divide; each rank has its own part of the machine's temporary files. */
    @Tag("thorough")
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void conversionOnRanksWritesTheFilesOfOne(String engine) throws IOException, InterruptedException {
        Path teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        Path text = TinyTeacher.text(directory.resolve("text.txt"));
        for (String mapping : List.of("opm", "calibrated")) {
            Path alone = directory.resolve("alone-" + mapping);
            ProgramRun one = ProgramRun.of((Object[]) conversion(teacher, text, mapping, alone));
            assertThat(one.code()).as(one.err()).isZero();
            Path output = directory.resolve("ranks-" + mapping);
            Result result = run(engine, 3, Stream.concat(Stream.of("kept.Main"), Stream.of(conversion(teacher, text, mapping, output)))
                    .toArray(String[]::new));
            assertThat(result.status).as(() -> String.join("\n", result.err)).isZero();
            try (Stream<Path> files = Files.list(alone)) {
                for (Path file : files.filter(file -> !file.endsWith("README.md")).toList()) {
                    assertThat(output.resolve(file.getFileName())).hasSameBinaryContentAs(file);
                }
                assertThat(card(output)).isEqualTo(card(alone));
            }
            assertThat(String.join("\n", result.out).replace("ranks-", "alone-")).isEqualTo(one.out().strip());
            assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial,calibration}");
        }
    }

    private static String[] conversion(Path teacher, Path text, String mapping, Path output) {
        return Stream.concat(
                Stream.of("convert", "--model", teacher, "--mapping", mapping, "--max-shard-size", "5kB", "--verify", "--output", output),
                mapping.equals("calibrated") ? Stream.of("--calibration", text, "--calibration-tokens", 640) : Stream.of())
                .map(Object::toString).toArray(String[]::new);
    }

    private static String[] distillation(Path teacher, Path text, Path output, String... more) {
        return Stream.concat(Stream.of("distill", "--teacher", teacher, "--corpus", text, "--output", output, "--tokens", 512,
                "--sequence-length", 16, "--evaluation-tokens", 64).map(Object::toString), Stream.of(more)).toArray(String[]::new);
    }

    /** The command that starts a program of the tests. */
    static List<String> java(String property) {
        Path tests = Path.of("target", "test-classes").toAbsolutePath();
        String path = Stream.of(tests.toString(), System.getProperty("jdk.module.path", ""), System.getProperty("java.class.path"))
                .filter(part -> !part.isEmpty()).reduce((a, b) -> a + File.pathSeparator + b).orElseThrow();
        return List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC",
                "-XX:CompileThresholdScaling=3", "-Xmx512m", "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED", property, "-cp", path);
    }

    private record Result(int status, List<String> out, List<String> err) {}

    private Result run(String engine, int ranks, String... program) throws IOException, InterruptedException {
        List<String> command = Stream.of(List.of(engine, "-n", Integer.toString(ranks)), java("-Dkept.ranks.timeout=120"), List.of(program))
                .flatMap(List::stream).toList();
        Path output = directory.resolve("output");
        Path errors = directory.resolve("errors");
        var builder = new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(errors.toFile());
        builder.environment().putAll(ENVIRONMENT);
        Process process = builder.start();
        try {
            process.getOutputStream().close();
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).as("ends").isTrue();
        } finally {
            process.destroyForcibly();
        }
        // Java's own warnings about incubating modules are no output of the program.
        return new Result(process.exitValue(), Files.readAllLines(output),
                Files.readAllLines(errors).stream().filter(line -> !line.startsWith("WARNING")).toList());
    }
}
