package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One rank of a distillation fails, or is asked to stop, in the middle of the training. Each time the job ends with a line that says why, no process
 * is left, and the run resumes on another number of ranks to the checkpoint of an undisturbed run. {@code -Dkept.thorough} runs it.
 */
@Tag("thorough")
class FailingRanksTest {
    private static final int TIMEOUT_SECONDS = 8;
    private static final List<String> RANK_VARIABLES = List.of("OMPI_COMM_WORLD_RANK=", "PMI_RANK=");

    @TempDir
    private Path directory;
    private Path teacher;
    private Path text;
    private Path output;

    @BeforeEach
    void prepare() throws IOException {
        teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        text = TinyTeacher.text(directory.resolve("text.txt"));
        output = directory.resolve("llama");
    }

    /** The state lies divided, and rank 0 gets the parts of the others before they end. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("kept.RanksOfProgramsTest#engines")
    void aSignalToOneRankSavesTheState(String engine) throws IOException, InterruptedException {
        Process job = started(engine, 3, "all");
        signal("TERM", rank(job, 1));
        requireFailure(job);
        assertThat(errors()).containsPattern("stopped after step \\d+ of 40").contains("the same command with --resume continues from there");
        requireResumed();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("kept.RanksOfProgramsTest#engines")
    void aSignalToTheLauncherEndsAllRanks(String engine) throws IOException, InterruptedException {
        Process job = started(engine, 2, "none");
        List<ProcessHandle> all = job.descendants().toList();
        signal("TERM", job.toHandle());
        requireEnd(job, all); // The exit code is the launcher's own: that of MPICH may be 0.
        requireResumed();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("kept.RanksOfProgramsTest#engines")
    void aRankThatIsHaltedIsNamed(String engine) throws IOException, InterruptedException {
        Process job = started(engine, 3, "none");
        signal("STOP", rank(job, 1));
        requireFailure(job);
        assertThat(errors()).contains("[rank 0] kept: [ranks] ").contains("rank 1 has not been heard of for 8 s: it has ended or is stopped")
                .doesNotContain("rank 0 has not been heard of", "rank 2 has not been heard of");
        requireResumed();
    }

    private Process started(String engine, int ranks, String sharding) throws IOException, InterruptedException {
        Process job = start(engine, ranks, sharding);
        Path state = directory.resolve("llama.training").resolve("state.safetensors");
        while (job.isAlive() && !Files.exists(state)) {
            job.waitFor(20, TimeUnit.MILLISECONDS);
        }
        return job;
    }

    private Process start(String engine, int ranks, String sharding) throws IOException {
        List<String> command = new ArrayList<>(List.of(engine, "-n", Integer.toString(ranks)));
        command.addAll(RanksOfProgramsTest.java("-Dkept.ranks.timeout=" + TIMEOUT_SECONDS));
        command.add("kept.Main");
        arguments().forEach(argument -> command.add(argument.toString()));
        command.addAll(List.of("--shard", sharding));
        var builder = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(directory.resolve("errors").toFile());
        builder.environment().putAll(RanksOfProgramsTest.ENVIRONMENT);
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    private List<Object> arguments() {
        return List.of("distill", "--teacher", teacher, "--corpus", text, "--output", output, "--tokens", 5_120, "--sequence-length", 16,
                "--evaluation-tokens", 64, "--batch-size", 1, "--accumulation", 8, "--save-every", 1, "--threads", 1);
    }

    /** The process of a rank, which the launcher has told its number in the environment. */
    private static ProcessHandle rank(Process job, int rank) {
        return job.descendants().filter(process -> environment(process).anyMatch(RANK_VARIABLES.stream().map(name -> name + rank).toList()::contains))
                .filter(process -> process.info().command().orElse("").endsWith("java")).findFirst().orElseThrow();
    }

    private static Stream<String> environment(ProcessHandle process) {
        try {
            return Stream.of(Files.readString(Path.of("/proc", Long.toString(process.pid()), "environ")).split("\0"));
        } catch (IOException e) {
            return Stream.empty(); // It has ended.
        }
    }

    private static void signal(String name, ProcessHandle process) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor()).isZero();
    }

    private void requireFailure(Process job) throws InterruptedException {
        requireEnd(job, job.descendants().toList());
        assertThat(job.exitValue()).isNotZero();
    }

    private void requireEnd(Process job, List<ProcessHandle> all) throws InterruptedException {
        assertThat(job.waitFor(2, TimeUnit.MINUTES)).as("the job ends").isTrue();
        all.forEach(process -> process.onExit().orTimeout(1, TimeUnit.MINUTES).join());
        assertThat(output).doesNotExist();
    }

    /** One process goes on, and writes what it would have written alone. */
    private void requireResumed() {
        Path alone = directory.resolve("alone");
        ProgramRun resumed = ProgramRun.of(Stream.concat(arguments().stream(), Stream.of("--resume")).toArray());
        assertThat(resumed.code()).as(resumed.err()).isZero();
        List<Object> other = new ArrayList<>(arguments());
        other.set(other.indexOf("--output") + 1, alone);
        assertThat(ProgramRun.of(other.toArray()).code()).isZero();
        assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
        assertThat(directory).isDirectoryNotContaining("glob:**.{training,partial,lock}");
    }

    private String errors() throws IOException {
        return Files.readString(directory.resolve("errors"));
    }
}
