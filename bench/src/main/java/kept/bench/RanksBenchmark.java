package kept.bench;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import kept.training.Sharding;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Times the whole XKD step on several ranks, which a launcher starts on this machine, beside one process with as many threads as all of them. */
@Command(
        name = "bench ranks",
        description = "Times the XKD step on ranks and in one process with as many threads, alternately. See docs/performance.md.",
        usageHelpAutoWidth = true,
        sortOptions = false)
final class RanksBenchmark implements Callable<Integer> {
    /** The names of Debian, which may have both engines. */
    private static final List<String> LAUNCHERS = List.of("mpirun.openmpi", "mpirun.mpich");
    private static final String ANY_LAUNCHER = "mpirun";

    @Spec
    private CommandSpec spec;

    @Option(names = "--config", paramLabel = "S|M|L", defaultValue = "S", description = "Size of the models (${DEFAULT-VALUE}).")
    private XkdBenchmark.Size config;

    @Option(names = "--ranks", paramLabel = "N", defaultValue = "2", description = "Ranks (${DEFAULT-VALUE}).")
    private int ranks;

    @Option(names = "--threads", paramLabel = "N", description = "Threads of a rank (default: the processors divided by the ranks).")
    private Integer threads;

    @Option(names = "--batch-size", paramLabel = "N", description = "Sequences of a pass (default: those of the size, divided by the passes).")
    private Integer batch;

    @Option(names = "--accumulation", paramLabel = "N", description = "Passes of a step, on all ranks together (default: one for each rank).")
    private Integer accumulation;

    @Option(names = "--shard", paramLabel = "LIST", split = ",", defaultValue = "none,optimizer,all",
            description = "What lies divided over the ranks, a row for each: none, optimizer, all (${DEFAULT-VALUE}).")
    private List<Sharding> shardings;

    @Option(names = "--launcher", paramLabel = "COMMAND",
            description = "Starts the ranks, such as 'mpirun --bind-to none'; repeatable "
                    + "(default: mpirun.openmpi and mpirun.mpich, where installed).")
    private List<String> launchers;

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "5", description = "Alternating rounds (${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "3", description = "Steps of a round (${DEFAULT-VALUE}).")
    private int steps;

    @Option(names = "--warm-up", paramLabel = "N", defaultValue = "5", description = "Steps before the first round (${DEFAULT-VALUE}).")
    private int warmUp;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    @Override
    public Integer call() throws IOException {
        check();
        List<String> found = launchers != null ? launchers : installed();
        if (found.isEmpty()) {
            System.err.printf("bench ranks: there is no %s on the PATH: install openmpi-bin or mpich, or name a launcher by --launcher%n",
                    ANY_LAUNCHER);
            return 1;
        }
        // Before the one process warms up, which takes minutes for a large step.
        for (String launcher : found) {
            String program = launcher.strip().split("\\s+")[0];
            if (!RankProcess.isInstalled(program)) {
                System.err.printf("bench ranks: there is no program %s; install openmpi-bin or mpich, or name another by --launcher%n", program);
                return 1;
            }
        }
        XkdSteps.Size size = XkdSteps.Size.named(config.name());
        int passes = accumulation == null ? ranks : accumulation;
        int sequences = batch == null ? Math.max(1, size.batch() / passes) : batch;
        var step = new RankedStep(size.with(size.sequence(), sequences), passes, Sharding.NONE);
        int own = threads == null ? Math.max(1, Threads.count() / ranks) : threads;
        System.out.printf("step %s of %d x %d sequences of %d tokens; one process with %d threads, and %d ranks with %d; medians of %d rounds of "
                + "%d%n",
                config, passes, sequences, size.sequence(), ranks * own, ranks, own, rounds, steps);
        new RankRounds(ranks, own, rounds, steps, warmUp).run(System.out, step, shardings, found);
        return 0;
    }

    private static List<String> installed() {
        List<String> found = LAUNCHERS.stream().filter(RankProcess::isInstalled).toList();
        return !found.isEmpty() || !RankProcess.isInstalled(ANY_LAUNCHER) ? found : List.of(ANY_LAUNCHER);
    }

    private void check() {
        Main.checkAtLeastOne(spec, "--threads", threads == null ? 1 : threads);
        Main.checkAtLeastOne(spec, "--batch-size", batch == null ? 1 : batch);
        Main.checkAtLeastOne(spec, "--rounds", rounds);
        Main.checkAtLeastOne(spec, "--steps", steps);
        Main.checkAtLeastOne(spec, "--warm-up", warmUp);
        if (ranks < 2) {
            throw new ParameterException(spec.commandLine(), "--ranks must be 2 or more, not " + ranks);
        }
        if (accumulation != null && accumulation < ranks) {
            throw new ParameterException(spec.commandLine(),
                    "--accumulation must give each of %d ranks a pass; it is %d".formatted(ranks, accumulation));
        }
    }
}
