package kept.training;

import java.util.ArrayList;
import java.util.List;

/**
 * The results on held-out text during a run, beginning with the initial state. Of equal results the earlier one is better, because it is closer to
 * the mapping.
 *
 * @param results in the order of their steps; empty if nothing was evaluated
 */
public record HeldOutCurve(List<HeldOutResult> results) {
    /** A curve without results. */
    public static final HeldOutCurve EMPTY = new HeldOutCurve(List.of());

    /** Makes the list immutable. */
    public HeldOutCurve {
        results = List.copyOf(results);
    }

    /**
     * The curve with another result.
     *
     * @param result the latest result
     * @return the longer curve
     */
    public HeldOutCurve with(HeldOutResult result) {
        List<HeldOutResult> longer = new ArrayList<>(results);
        longer.add(result);
        return new HeldOutCurve(longer);
    }

    /**
     * Whether a result is better than all so far.
     *
     * @param result a later one
     * @return true if its divergence is smaller; NaN counts as larger than all numbers
     */
    public boolean isImprovedBy(HeldOutResult result) {
        return results.isEmpty() || Double.compare(result.klMean(), best().klMean()) < 0;
    }

    /**
     * The result with the smallest divergence.
     *
     * @return the first of them
     * @throws java.util.NoSuchElementException if there is none
     */
    public HeldOutResult best() {
        HeldOutResult best = results.getFirst();
        for (HeldOutResult result : results) {
            best = Double.compare(result.klMean(), best.klMean()) < 0 ? result : best;
        }
        return best;
    }

    /**
     * The first result on which training no longer improved.
     *
     * @param share the smallest improvement that counts: the fraction of the divergence by which a later result must be lower
     * @return the first result that no later one improves by more than that
     * @throws java.util.NoSuchElementException if there is none
     */
    public HeldOutResult helpedUntil(double share) {
        double enough = best().klMean() / (1 - share);
        return results.stream().filter(result -> result.klMean() <= enough).findFirst().orElseGet(this::best);
    }

    /**
     * The number of consecutive results up to the last without improvement.
     *
     * @return 0 if the last is the best
     */
    public int resultsSinceBest() {
        return results.isEmpty() ? 0 : results.size() - 1 - results.indexOf(best());
    }
}
