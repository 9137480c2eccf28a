package kept;

import java.util.Arrays;
import java.util.Locale;
import kept.cli.Program;
import kept.cli.RankOptions;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A program that runs on ranks; {@code RanksOfProgramsTest} starts it by the launchers of the machine. */
@Command(name = "rank-program")
public final class RankProgram extends Program {
    @Mixin
    private RankOptions rankOptions;

    @Option(names = "--failing-rank")
    private int failingRank = -1;

    @Option(names = "--full-rank")
    private int fullRank = -1;

    @Option(names = "--dying-rank")
    private int dyingRank = -1;

    public static void main(String[] arguments) {
        System.exit(execute(new RankProgram(), arguments));
    }

    @Override
    protected boolean runsOnRanks() {
        return true;
    }

    @Override
    protected int run() {
        err().println("a note");
        if (ranks().rank() == failingRank) {
            throw new TensorException("the disk is full");
        }
        if (ranks().rank() == fullRank) {
            var memory = new byte[1 << 20][];
            Arrays.setAll(memory, _ -> new byte[1 << 26]);
        }
        if (ranks().rank() == dyingRank) {
            Runtime.getRuntime().halt(9);
        }
        try (var _ = Scope.open()) {
            Tensor sum = Tensor.of(new float[] {ranks().rank() + 1, Integer.parseInt(System.getProperty("kept.threads", "0"))});
            ranks().allReduce(sum);
            out().println("sum %.0f, threads %.0f".formatted(sum.get(0), sum.get(1)).toLowerCase(Locale.ROOT));
        }
        return 0;
    }
}
