package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs that are started several times without MPI and find each other by {@code --rendezvous}. */
class RendezvousProgramsTest {
    @TempDir
    private Path directory;

    private record Result(int status, List<String> out, List<String> err) {}

    @Test
    void theRanksFindEachOtherAndRank0Prints() throws IOException, InterruptedException {
        List<Result> results = run(2);
        assertThat(results.get(0).out).singleElement().asString().startsWith("sum 3, threads ");
        assertThat(results.get(1).out).isEmpty();
        assertThat(results).allSatisfy(result -> assertThat(result.status).isZero());
        assertThat(directory.resolve("rendezvous")).doesNotExist();
    }

    /** Without a launcher nobody else ends the others. */
    @Test
    void aRankThatDiesEndsTheOthersWithOneLine() throws IOException, InterruptedException {
        List<Result> results = run(2, "--dying-rank", "1");
        assertThat(results.get(0).err).filteredOn(line -> line.startsWith("[rank")).containsExactly("[rank 0] kept: [ranks] rank 1 has ended without "
                + "a word: it was killed, or its machine or network is gone");
        assertThat(results.get(0).status).isEqualTo(1);
        assertThat(results.get(1).status).isEqualTo(9);
    }

    private List<Result> run(int ranks, String... program) throws IOException, InterruptedException {
        Path tests = Path.of("target", "test-classes").toAbsolutePath();
        String path = Stream.of(tests.toString(), System.getProperty("jdk.module.path", ""), System.getProperty("java.class.path"))
                .filter(part -> !part.isEmpty()).reduce((a, b) -> a + File.pathSeparator + b).orElseThrow();
        List<String> command = Stream.concat(
                Stream.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC", "-Xmx256m",
                        "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Dkept.ranks.timeout=120", "-cp", path,
                        "kept.RankProgram", "--rendezvous", directory.resolve("rendezvous").toString()),
                Stream.of(program)).toList();
        List<Process> processes = new ArrayList<>();
        List<Result> results = new ArrayList<>();
        try {
            for (int rank = 0; rank < ranks; rank++) {
                var builder = new ProcessBuilder(command).redirectOutput(directory.resolve("out" + rank).toFile())
                        .redirectError(directory.resolve("err" + rank).toFile());
                builder.environment().put("RANK", Integer.toString(rank));
                builder.environment().put("WORLD_SIZE", Integer.toString(ranks));
                processes.add(builder.start());
            }
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(processes.get(rank).waitFor(2, TimeUnit.MINUTES)).as("ends").isTrue();
                // Java's own warnings about incubating modules are no output of the program.
                results.add(new Result(processes.get(rank).exitValue(), Files.readAllLines(directory.resolve("out" + rank)),
                        Files.readAllLines(directory.resolve("err" + rank)).stream().filter(line -> !line.startsWith("WARNING")).toList()));
            }
        } finally {
            processes.forEach(Process::destroyForcibly);
        }
        return results;
    }
}
