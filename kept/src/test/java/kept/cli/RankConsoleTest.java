package kept.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import kept.OtherDevice;
import kept.distributed.ThreadRanks;
import kept.distributed.TransportProvider.Launch;
import kept.tensor.Device;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine.Command;

/** What a program does that a launcher has started several times, before it opens an engine. */
class RankConsoleTest {
    @AfterEach
    void single() {
        RankConsole.begin(new RankConsole(null));
    }

    @Command(name = "stub")
    private static final class Stub extends Program {
        @Override
        protected int run() {
            out().println("ran");
            return 0;
        }
    }

    private record Result(int status, String out, String err) {}

    private static Result run(Launch launch, String... arguments) {
        RankConsole console = RankConsole.begin(new RankConsole(launch));
        var out = new StringWriter();
        var err = new StringWriter();
        int status = Program.commandLine(new Stub()).setOut(console.ofFirst(new PrintWriter(out, true)))
                .setErr(console.ofFirst(new PrintWriter(err, true))).execute(arguments);
        return new Result(console.close(status), out.toString(), err.toString());
    }

    @Test
    void aProcessByItselfRuns() {
        assertThat(run(null)).isEqualTo(new Result(0, "ran\n", ""));
    }

    @Test
    void aProgramForOneProcessSaysOnceThatItIsStartedSeveralTimes() {
        assertThat(run(new Launch("mpirun of MPICH", 0, 3))).isEqualTo(new Result(2, "",
                "kept: stub works in one process, but mpirun of MPICH has started 3 of it; start it without the launcher\nSee 'stub --help'.\n"));
        // A launcher would end rank 0 before it has said so, if this rank failed.
        assertThat(run(new Launch("mpirun of MPICH", 2, 3))).isEqualTo(new Result(0, "", ""));
    }

    @Test
    void wrongUsageAndHelpArePrintedByRank0Alone() {
        assertThat(run(new Launch("srun", 0, 2), "--no-such").err()).startsWith("kept: Unknown option: '--no-such'");
        assertThat(run(new Launch("srun", 1, 2), "--no-such")).isEqualTo(new Result(0, "", ""));
        assertThat(run(new Launch("srun", 0, 2), "--help").out()).startsWith("Usage: stub");
        assertThat(run(new Launch("srun", 1, 2), "--help")).isEqualTo(new Result(0, "", ""));
    }

    /** As of virtual GPUs, whose ranks are processes. */
    @Test
    void tensorsThatGoThroughTheHostAreSaid() {
        Device device = OtherDevice.of("other", (_, _) -> null);
        List<String> notes = ThreadRanks.run(2, ranks -> {
            var console = new RankConsole(new Launch("mpirun of MPICH", ranks.rank(), 2), ranks);
            var text = new StringWriter();
            assertThat(console.link(Device.cpu(), new PrintWriter(text, true))).isSameAs(ranks);
            assertThat(text.toString()).isEmpty();
            assertThat(console.link(device, new PrintWriter(text, true))).isSameAs(ranks);
            return text.toString();
        });
        assertThat(notes).containsOnly("2 ranks exchange tensors of other by host memory\n");
    }

    @Test
    void theRendezvousIsReadBeforeTheCommandLine() {
        assertThat(RankOptions.rendezvous("distill", "--rendezvous", "/shared/f", "--demo")).isEqualTo("/shared/f");
        assertThat(RankOptions.rendezvous("distill", "--rendezvous=/shared/f=g")).isEqualTo("/shared/f=g");
        assertThat(RankOptions.rendezvous("distill", "--rendezvous")).isNull();
        assertThat(RankOptions.rendezvous("distill", "--demo")).isNull();
    }

    /** Available to Java, allowed to the process, allowed to the launcher, ranks on the machine. */
    @ParameterizedTest
    @CsvSource({
        "8, 8, 8, 1, 8", "8, 8, 8, 2, 4", "8, 8, 8, 3, 2", "2, 2, 2, 4, 1",
        // Each rank bound to one processor of 64, or four to the 32 of a socket.
        "1, 1, 64, 2, 1", "32, 32, 64, 4, 16", "32, 32, 64, 2, 32",
        // A container that may use the time of two of 64 processors.
        "2, 64, 64, 2, 1",
    })
    void ranksShareTheProcessorsOfTheirMachine(int available, int own, int launchers, int ranks, int expected) {
        assertThat(new Processors(available, own, launchers).share(ranks)).isEqualTo(expected);
    }
}
