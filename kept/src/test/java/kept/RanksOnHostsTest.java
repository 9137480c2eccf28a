package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Ranks on several hosts, which are network namespaces joined by a bridge ({@code src/test/scripts/hosts}), by TCP; with {@code -Dkept.thorough}.
 * Where namespaces may not be made there are no hosts, and the test says so.
 */
@Tag("thorough")
class RanksOnHostsTest {
    private static final int TIMEOUT_SECONDS = 8;
    private static final String SCRIPT = Path.of("src", "test", "scripts", "hosts").toAbsolutePath().toString();

    @TempDir
    Path directory;
    private Path teacher;
    private Path text;

    static List<String> engines() throws IOException, InterruptedException {
        if (script("up", "1").waitFor() != 0) {
            System.out.println("no network namespaces may be made on this machine: nothing is tested on several hosts");
            script("down").waitFor();
            return List.of();
        }
        script("down").waitFor();
        return RanksOfProgramsTest.engines().stream().map(engine -> engine.replace("mpirun.", "")).toList();
    }

    private static Process script(String... arguments) throws IOException {
        return new ProcessBuilder(Stream.concat(Stream.of(SCRIPT), Stream.of(arguments)).toList())
                .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    }

    @BeforeEach
    void prepare() throws IOException, InterruptedException {
        teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        text = TinyTeacher.text(directory.resolve("text.txt"));
        assertThat(script("up", "4").waitFor()).isZero();
    }

    @AfterEach
    void removeHosts() throws IOException, InterruptedException {
        script("down").waitFor();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void theBitsOnTwoAndFourHostsAreThoseOfOneProcess(String engine) throws IOException, InterruptedException {
        Path alone = alone();
        for (int hosts : new int[] {2, 4}) {
            Path output = directory.resolve("hosts" + hosts);
            Process ranks = start(engine, hosts, 30, output);
            assertThat(ranks.waitFor(4, TimeUnit.MINUTES)).as("ends").isTrue();
            assertThat(ranks.exitValue()).as(() -> read("errors")).isZero();
            assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
        }
    }

    /** The rank that is not heard of is named, the job ends, and one process goes on from what rank 0 has saved. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("engines")
    void aLinkThatIsCutEndsTheJobAndLosesNothing(String engine) throws IOException, InterruptedException {
        Path alone = alone();
        Path output = directory.resolve("cut");
        Process ranks = start(engine, 2, TIMEOUT_SECONDS, output);
        Path state = directory.resolve("cut.training").resolve("state.safetensors");
        while (ranks.isAlive() && !Files.exists(state)) {
            ranks.waitFor(20, TimeUnit.MILLISECONDS);
        }
        assertThat(script("cut", "2").waitFor()).isZero();
        assertThat(ranks.waitFor(2, TimeUnit.MINUTES)).as("ends").isTrue();
        assertThat(ranks.exitValue()).isNotZero();
        assertThat(output).doesNotExist();
        assertThat(read("errors")).contains("[rank 0] kept: [ranks] rank 1 has not been heard of for 8 s");
        requireNoRankLeft(output);
        ProgramRun resumed = ProgramRun.of(Stream.concat(Stream.of(distillation(output)), Stream.of("--resume")).toArray());
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
    }

    /** The rank on the host that is cut off ends too, although nobody can tell it to. */
    private static void requireNoRankLeft(Path output) {
        ProcessHandle.allProcesses().filter(process -> process.info().arguments().map(List::of).orElse(List.of()).contains(output.toString()))
                .forEach(process -> process.onExit().orTimeout(1, TimeUnit.MINUTES).join());
    }

    private Path alone() {
        Path output = directory.resolve("alone");
        ProgramRun one = ProgramRun.of((Object[]) distillation(output));
        assertThat(one.code()).as(one.err()).isZero();
        return output;
    }

    private Process start(String engine, int hosts, int timeout, Path output) throws IOException {
        List<String> command = Stream.of(List.of(SCRIPT, "run", engine, Integer.toString(hosts)),
                RanksOfProgramsTest.java("-Dkept.ranks.timeout=" + timeout), List.of("kept.Main"), List.of(distillation(output)))
                .flatMap(List::stream).toList();
        return new ProcessBuilder(command).redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(directory.resolve("output").toFile()).redirectError(directory.resolve("errors").toFile()).start();
    }

    private String[] distillation(Path output) {
        return Stream.of("distill", "--teacher", teacher, "--corpus", text, "--output", output, "--tokens", 10_240, "--sequence-length", 16,
                "--batch-size", 2, "--accumulation", 4, "--save-every", 1, "--evaluation-tokens", 64, "--threads", 1)
                .map(Object::toString).toArray(String[]::new);
    }

    private String read(String name) {
        try {
            return Files.readString(directory.resolve(name));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
