package kept.report;

import kept.distill.HeldOutCurve;
import kept.distill.HeldOutResult;

/** What the results on held-out text say about a training, in a sentence. */
final class Verdict {
    /** A later state must be better by this share of the divergence to count as better. */
    private static final double SHARE = 0.02;
    /** Below this share of the mapping's divergence, what training gained is little. */
    private static final double LITTLE = 0.1;

    private Verdict() { }

    /**
     * The sentence.
     *
     * @param curve the results, the start's first
     * @param steps how many steps were planned
     */
    static String of(HeldOutCurve curve, long steps) {
        HeldOutResult start = curve.results().getFirst();
        HeldOutResult end = curve.results().getLast();
        HeldOutResult best = curve.best();
        String stopped = end.step() < steps ? "stopped after step %d of %d: ".formatted(end.step(), steps) : "";
        if (best.step() == 0) {
            return stopped + "training did not help: held-out KL was %s before it and is %s after it; the output is the mapping itself"
                .formatted(kl(start), kl(end));
        }
        if (best.step() < end.step()) {
            boolean little = best.klMean() > (1 - LITTLE) * start.klMean();
            return stopped + "no improvement since step %d of %d, held-out KL %s: the optimizer's noise floor; a smaller learning rate %s; %s"
                .formatted(best.step(), steps, kl(best), little ? "or the mapping alone would do as well" : "may go further",
                    "the output is the state of step %d".formatted(best.step()));
        }
        HeldOutResult until = curve.helpedUntil(SHARE);
        return until.step() < end.step()
            ? "held-out KL fell from %s to %s, by less than 2 %% since step %d of %d: more steps would bring little".formatted(
                kl(start), kl(best), until.step(), steps)
            : "held-out KL fell to the end, from %s to %s: more tokens may bring more".formatted(kl(start), kl(best));
    }

    private static String kl(HeldOutResult result) {
        return Figures.significant(result.klMean());
    }
}
