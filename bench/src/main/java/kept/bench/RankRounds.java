package kept.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import kept.training.Sharding;
import kept.training.StepPlan;

/**
 * Rounds in which one process and several ranks do the same steps alternately, so that other load on the machine affects both alike; who
 * waits for its turn sleeps. Both must compute the same losses, bit for bit.
 *
 * @param ranks number of ranks
 * @param threads threads of a rank; the one process has as many as all ranks
 * @param rounds number of rounds
 * @param steps steps of a round
 * @param warmUp steps before the first round
 */
record RankRounds(int ranks, int threads, int rounds, int steps, int warmUp) {
    /**
     * What rounds gave.
     *
     * @param one tokens per second of the one process, in each round
     * @param together tokens per second of the ranks, in each round
     * @param sentBytes bytes that a rank sends in a step, on average
     * @param peakBytes the most bytes of tensors in any rank at any moment
     */
    private record Comparison(double[] one, double[] together, double sentBytes, long peakBytes) {
        double[] ratios() {
            double[] ratios = new double[one.length];
            Arrays.setAll(ratios, round -> together[round] / one[round]);
            return ratios;
        }
    }

    /**
     * Prints a row for each launcher and each way to divide tensors.
     *
     * @param out gets the table
     * @param step the step of the one process
     * @param shardings what lies divided over the ranks
     * @param launchers commands that start ranks
     * @throws IOException if a process cannot be started or fails, or other losses are computed by ranks
     */
    void run(PrintStream out, RankedStep step, List<Sharding> shardings, List<String> launchers) throws IOException {
        out.printf("%-28s %-10s %14s %16s %7s %15s %12s %9s %10s %9s%n", "launcher", "--shard", "tokens/s, one", "tokens/s, ranks", "ratio",
                "lowest, highest", "MB sent/step", "of plan", "GB, peak", "of plan");
        try (var one = RankProcess.start(List.of(), ranks * threads, step)) {
            List<Double> losses = new ArrayList<>(one.run(warmUp).losses());
            for (String launcher : launchers) {
                List<String> words = Stream.concat(Stream.of(launcher.strip().split("\\s+")), Stream.of("-n", Integer.toString(ranks))).toList();
                for (Sharding sharding : shardings) {
                    RankedStep divided = step.with(sharding);
                    try (var all = RankProcess.start(words, threads, divided)) {
                        print(out, launcher, divided, compare(one, all, losses, step.tokens()));
                    }
                }
            }
        }
    }

    /** Alternates. The ranks begin with the first step, and the one process goes on from the rounds before; {@code losses} are those of its steps. */
    private Comparison compare(RankProcess one, RankProcess all, List<Double> losses, long tokens) throws IOException {
        RankProgram.Cost last = all.run(warmUp);
        List<Double> computed = new ArrayList<>(last.losses());
        long before = LongStream.of(last.sentBytes()).sum();
        double[] alone = new double[rounds];
        double[] together = new double[rounds];
        for (int round = 0; round < rounds; round++) {
            RankProgram.Cost single = one.run(steps);
            losses.addAll(single.losses());
            alone[round] = tokens / median(single.seconds());
            last = all.run(steps);
            computed.addAll(last.losses());
            together[round] = tokens / median(last.seconds());
        }
        List<Double> expected = losses.subList(0, computed.size());
        if (!computed.equals(expected)) {
            throw new IOException("the ranks computed the losses %s, one process %s".formatted(computed, expected));
        }
        double sent = LongStream.of(last.sentBytes()).sum() - before;
        return new Comparison(alone, together, sent / ((long) ranks * rounds * steps), LongStream.of(last.peakBytes()).max().orElseThrow());
    }

    private void print(PrintStream out, String launcher, RankedStep step, Comparison comparison) {
        StepPlan plan = step.plan(ranks);
        double[] ratios = comparison.ratios();
        out.printf(Locale.ROOT, "%-28s %-10s %14.1f %16.1f %7.3f %8.3f, %.3f %12.1f %9.3f %10.3f %9.3f%n", launcher, step.sharding(),
                median(comparison.one), median(comparison.together), median(ratios), Arrays.stream(ratios).min().orElseThrow(),
                Arrays.stream(ratios).max().orElseThrow(), comparison.sentBytes / 1e6, comparison.sentBytes / plan.sentBytes(),
                comparison.peakBytes / 1e9, (double) comparison.peakBytes / plan.peakBytes());
        out.flush();
    }

    private static double median(List<Double> values) {
        return median(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    private static double median(double... values) {
        double[] sorted = Arrays.stream(values).sorted().toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
