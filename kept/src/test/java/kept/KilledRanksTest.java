package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@code -Dkept.thorough}: one rank of a distillation is killed at a moment that a seed chooses. The job ends, nobody is left, and the run resumes on
 * another number of ranks to the checkpoint of an undisturbed run, whatever is divided before and after. {@code -Dkept.kills=10} kills ten times with
 * each engine in place of two.
 */
@Tag("thorough")
class KilledRanksTest {
    /** Kills for each engine. */
    private static final int KILLS = Integer.getInteger("kept.kills", 2);
    private static final long MOST_MILLIS = 3000;

    @TempDir
    private Path directory;
    private Path teacher;
    private Path text;

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("kept.RanksOfProgramsTest#engines")
    void theRunResumesOnAnotherNumberOfRanks(String engine) throws IOException, InterruptedException {
        teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("orion")));
        text = TinyTeacher.text(directory.resolve("text.txt"));
        Path alone = directory.resolve("alone");
        assertThat(ProgramRun.of(arguments(alone).toArray()).code()).isZero();
        var random = new Random(18);
        for (int kill = 0; kill < KILLS; kill++) {
            int before = 2 + random.nextInt(3);
            int after = 1 + (before + random.nextInt(3)) % 4;
            Path output = directory.resolve("killed" + kill);
            killed(engine, before, random, output, "--shard", kill % 2 == 0 ? "none" : "all");
            boolean isSaved = Files.exists(state(output));
            if (!Files.exists(output)) {
                Process again = start(engine, after, output, Stream.concat(Stream.of("--shard", kill % 2 == 0 ? "all" : "none"),
                        isSaved ? Stream.of("--resume") : Stream.of("--overwrite")).toArray(String[]::new));
                assertThat(again.waitFor(3, TimeUnit.MINUTES)).as("the resumed run ends").isTrue();
                assertThat(again.exitValue()).as(() -> errors(output)).isZero();
            }
            assertThat(output.resolve("model.safetensors")).as("kill %d: %d ranks, then %d", kill, before, after)
                    .hasSameBinaryContentAs(alone.resolve("model.safetensors"));
        }
    }

    /** Starts a run and kills one of its ranks some time after the first state is there. */
    private void killed(String engine, int ranks, Random random, Path output, String... more) throws IOException, InterruptedException {
        Process job = start(engine, ranks, output, more);
        while (job.isAlive() && !Files.exists(state(output))) {
            job.waitFor(20, TimeUnit.MILLISECONDS);
        }
        job.waitFor(random.nextLong(MOST_MILLIS), TimeUnit.MILLISECONDS);
        List<ProcessHandle> found = job.descendants().filter(process -> process.info().command().orElse("").endsWith("java")).toList();
        if (!found.isEmpty()) {
            found.get(random.nextInt(found.size())).destroyForcibly();
        }
        assertThat(job.waitFor(2, TimeUnit.MINUTES)).as("the job ends").isTrue();
        for (ProcessHandle rank : found) {
            rank.onExit().orTimeout(1, TimeUnit.MINUTES).join();
        }
    }

    private static Path state(Path output) {
        return output.resolveSibling(output.getFileName() + ".training").resolve("state.safetensors");
    }

    private String errors(Path output) {
        try {
            return Files.readString(output.resolveSibling(output.getFileName() + ".errors"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private Process start(String engine, int ranks, Path output, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(engine, "-n", Integer.toString(ranks)));
        command.addAll(RanksOfProgramsTest.java("-Dkept.ranks.timeout=60"));
        command.add("kept.Main");
        arguments(output).forEach(argument -> command.add(argument.toString()));
        command.addAll(List.of(more));
        var builder = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(output.resolveSibling(output.getFileName() + ".errors").toFile());
        builder.environment().putAll(RanksOfProgramsTest.ENVIRONMENT);
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    private List<Object> arguments(Path output) {
        return List.of("distill", "--teacher", teacher, "--corpus", text, "--output", output, "--tokens", 10_000, "--sequence-length", 16,
                "--evaluation-tokens", 64, "--batch-size", 1, "--accumulation", 8, "--save-every", 1, "--threads", 1);
    }
}
