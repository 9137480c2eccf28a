package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@link EngineProgram} in processes of the MPI engines of this machine, those whose launcher is on the PATH as {@code mpirun.openmpi} or {@code
 * mpirun.mpich}. Without one there is no process to start, and the test says so.
 */
class MpiEnginesTest {
    private static final Map<String, String> ENVIRONMENT = Map.of("OMPI_ALLOW_RUN_AS_ROOT", "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1",
            "OMPI_MCA_rmaps_base_oversubscribe", "1");

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

    /** In the short form three ranks, in the thorough one (-Dkept.thorough) one to four. */
    static List<Arguments> enginesAndRanks() {
        IntStream ranks = Boolean.getBoolean("kept.thorough") ? IntStream.rangeClosed(1, 4) : IntStream.of(3);
        int[] counts = ranks.toArray();
        return engines().stream().flatMap(engine -> IntStream.of(counts).mapToObj(count -> Arguments.of(engine, count))).toList();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("enginesAndRanks")
    void everyCallHasTheBitsOfTheTree(String engine, int ranks) throws IOException, InterruptedException {
        Result result = run(engine, ranks, "all");
        assertThat(result.lines).containsExactlyInAnyOrder(IntStream.range(0, ranks).mapToObj(rank -> "[rank %d of %d] done".formatted(rank, ranks))
                .toArray(String[]::new));
        assertThat(result.status).isZero();
    }

    /** In the short form the first engine. */
    static List<String> someEngines() {
        return Boolean.getBoolean("kept.thorough") ? engines() : engines().stream().limit(1).toList();
    }

    /** In the short form, a failure with the first engine and one within a sum with the last. */
    static List<Arguments> enginesAndFailures() {
        List<Arguments> all = engines().stream().flatMap(engine -> Stream.of("fail", "fail-sum").map(what -> Arguments.of(engine, what))).toList();
        return Boolean.getBoolean("kept.thorough") || all.isEmpty() ? all : List.of(all.getFirst(), all.getLast());
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("enginesAndFailures")
    void aRankThatFailsTellsTheOthers(String engine, String what) throws IOException, InterruptedException {
        Result result = run(engine, 3, what);
        assertThat(result.lines).containsExactlyInAnyOrder("[rank 1 of 3] the disk is full",
                "[rank 0 of 3] [ranks] rank 1 has failed: the disk is full", "[rank 2 of 3] [ranks] rank 1 has failed: the disk is full");
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void aRankThatEndsEarlyIsNamed(String engine) throws IOException, InterruptedException {
        assertThat(run(engine, 2, "vanish").lines).containsExactlyInAnyOrder("[rank 1 of 2] done",
                "[rank 0 of 2] [ranks] rank 1 has ended without the message that is awaited");
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void aRankThatDiesEndsTheJob(String engine) throws IOException, InterruptedException {
        Result result = run(engine, 3, "die");
        assertThat(result.status).isNotZero();
        assertThat(result.lines).noneMatch(line -> line.contains("done"));
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("someEngines")
    void aRankThatWaitsSleeps(String engine) throws IOException, InterruptedException {
        assertThat(run(engine, 2, "wait").lines).containsExactlyInAnyOrder("[rank 0 of 2] done", "[rank 1 of 2] done");
    }

    private record Result(int status, List<String> lines) {}

    private Result run(String engine, int ranks, String what) throws IOException, InterruptedException {
        Path classes = Path.of(MpiEnginesTest.class.getProtectionDomain().getCodeSource().getLocation().getPath());
        String path = classes.resolveSibling("classes") + File.pathSeparator + classes.resolveSibling("test-classes");
        // What ends at once is mostly start-up, which the first compiler alone makes shorter.
        String compilers = "-XX:TieredStopAtLevel=" + (what.equals("all") ? 4 : 1);
        List<String> command = new ArrayList<>(List.of(engine, "-n", Integer.toString(ranks), Path.of(System.getProperty("java.home"), "bin/java")
                .toString(), "-Xmx512m", "-XX:+UseSerialGC", compilers, "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
                "-Dkept.threads=1", "-Dkept.ranks.timeout=120", "-cp", path, "kept.distributed.EngineProgram", what));
        Path output = directory.resolve("output");
        Path errors = directory.resolve("errors");
        var builder = new ProcessBuilder(command).redirectOutput(output.toFile()).redirectError(errors.toFile());
        builder.environment().putAll(ENVIRONMENT);
        Process process = builder.start();
        try {
            process.getOutputStream().close();
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).as("ends; errors: %s", errors).isTrue();
        } finally {
            process.destroyForcibly();
        }
        List<String> lines = Files.readAllLines(output, StandardCharsets.UTF_8).stream().filter(line -> line.startsWith("[rank")).toList();
        assertThat(process.exitValue() == 0 || what.equals("die")).as(() -> "standard error: " + read(errors)).isTrue();
        return new Result(process.exitValue(), lines);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
