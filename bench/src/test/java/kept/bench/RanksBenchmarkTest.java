package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import kept.training.Sharding;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code bin/bench ranks} in small: processes that do steps on request, alone and as ranks. */
class RanksBenchmarkTest {
    /** Matrices of several blocks, which divide evenly. */
    private static final RankedStep STEP = new RankedStep(new XkdSteps.Size(512, 2, 4, 1024, 1024, 16, 1), 2, Sharding.NONE);

    static List<String> launchers() {
        List<String> found = Stream.of("mpirun.openmpi", "mpirun.mpich").filter(RankProcess::isInstalled).toList();
        if (found.isEmpty()) {
            System.out.println("no MPI engine on this machine: install openmpi-bin or mpich to run its tests");
        }
        return found;
    }

    /** Other losses of the ranks would end the run; bytes and memory are those of the plan. */
    @Tag("thorough")
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("launchers")
    void ranksAndOneProcessDoTheSameStepsInTurns(String launcher) throws IOException {
        var bytes = new ByteArrayOutputStream();
        new RankRounds(2, 1, 1, 1, 1).run(new PrintStream(bytes, true, StandardCharsets.UTF_8), STEP, List.of(Sharding.ALL), List.of(launcher));
        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines).hasSize(2);
        assertRow(lines.getLast(), launcher, "all");
    }

    private static void assertRow(String line, String launcher, String sharding) {
        String[] cells = line.strip().split("[ ,]+");
        assertThat(cells).hasSize(11).startsWith(launcher, sharding);
        assertThat(Double.parseDouble(cells[5])).as("lowest ratio of %s", line).isLessThanOrEqualTo(Double.parseDouble(cells[4]));
        assertThat(Double.parseDouble(cells[4])).as("ratio of %s", line).isLessThanOrEqualTo(Double.parseDouble(cells[6]));
        assertThat(Double.parseDouble(cells[8])).as("bytes of %s", line).isCloseTo(1, within(0.03));
        assertThat(Double.parseDouble(cells[10])).as("memory of %s", line).isCloseTo(1, within(0.05));
    }

    @Test
    void whatALauncherReportsIsTheError() throws IOException {
        String script = "echo 'WARNING: incubator' >&2; echo ---- >&2; echo 'there are no slots' >&2; echo 'for 2 ranks' >&2; exit 3";
        try (var failing = RankProcess.start(List.of("sh", "-c", script), 1, STEP)) {
            assertThatThrownBy(() -> failing.run(1)).isInstanceOf(IOException.class).hasMessage("sh has ended: there are no slots for 2 ranks");
        }
    }

    @Test
    void aStepIsWhatItsArgumentSays() {
        RankedStep divided = STEP.with(Sharding.OPTIMIZER);
        assertThat(RankedStep.of(divided.argument())).isEqualTo(divided);
        assertThat(divided.tokens()).isEqualTo(32);
    }
}
