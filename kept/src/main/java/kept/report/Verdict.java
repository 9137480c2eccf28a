package kept.report;

import java.util.function.LongToDoubleFunction;
import kept.training.HeldOutCurve;
import kept.training.HeldOutResult;

/** Summarises the results of a training on held-out text in a sentence. */
final class Verdict {
    /** A later state counts as better if it reduces the divergence by at least this fraction. */
    private static final double SHARE = 0.02;
    /** Training counts as having gained little if it reduced the mapping's divergence by less than this fraction. */
    private static final double LITTLE = 0.1;

    /** At a smaller share of the peak learning rate, a divergence that no longer falls is due to the rate as well. */
    private static final double SLOW = 0.5;

    private Verdict() { }

    /**
     * Creates the sentence.
     *
     * @param curve the results, starting with the initial state
     * @param steps the planned number of steps
     * @param start a description of the output if the initial state is the best, such as "the mapping itself"
     * @param rate the learning rate after a step, as a share of its peak
     */
    static String of(HeldOutCurve curve, long steps, String start, LongToDoubleFunction rate) {
        HeldOutResult first = curve.results().getFirst();
        HeldOutResult end = curve.results().getLast();
        HeldOutResult best = curve.best();
        String output = best.step() == 0 ? "the output is " + start : "the output is the state of step %d".formatted(best.step());
        String stopped = end.step() < steps ? "stopped after step %d of %d: ".formatted(end.step(), steps) : "";
        if (Figures.isNoise(first.klMean())) {
            return stopped + "there was nothing to learn: held-out KL was %s before training and is %s after it; %s"
                .formatted(kl(first), kl(end), output);
        }
        if (best.step() == 0) {
            return stopped + "training did not help: held-out KL was %s before it and is %s after it; %s".formatted(kl(first), kl(end), output);
        }
        if (best.step() < end.step()) {
            boolean little = best.klMean() > (1 - LITTLE) * first.klMean();
            return stopped + "no improvement since step %d of %d, held-out KL %s: %s; %s".formatted(best.step(), steps, kl(best),
                Figures.isNoise(best.klMean()) ? "the teacher is reached" : "the optimizer's noise floor; a smaller learning rate "
                    + (little ? "or the mapping alone would do as well" : "may go further"), output);
        }
        if (Figures.isNoise(best.klMean())) {
            return stopped + "held-out KL fell from %s to %s: the teacher is reached".formatted(kl(first), kl(best));
        }
        if (isFalling(curve)) {
            return stopped + "held-out KL fell to the end, from %s to %s: more tokens may bring more".formatted(kl(first), kl(best));
        }
        long since = curve.helpedUntil(SHARE).step();
        double share = rate.applyAsDouble(since);
        return stopped + "held-out KL fell from %s to %s, by less than 2 %% since step %d of %d: ".formatted(kl(first), kl(best), since, steps)
            + (share > SLOW ? "more steps would bring little"
            : "the learning rate was at %.0f %% of its peak by then, so whether more tokens would bring more is not known".formatted(100 * share));
    }

    /** Whether the results were still getting better at the end, so that more tokens may bring more. */
    static boolean isFalling(HeldOutCurve curve) {
        long end = curve.results().getLast().step();
        return end > 0 && curve.best().step() == end && curve.helpedUntil(SHARE).step() == end && !Figures.isNoise(curve.best().klMean());
    }

    private static String kl(HeldOutResult result) {
        return Figures.divergence(result.klMean());
    }
}
