package kept.training;

import java.util.ArrayList;
import java.util.List;

/**
 * The results on held-out text in the course of a run, the start first. Among equals the earlier one is better: it is nearer to the mapping.
 *
 * @param results in the order of their steps; empty where nothing was evaluated
 */
public record HeldOutCurve(List<HeldOutResult> results) {
    /** A curve without results. */
    public static final HeldOutCurve EMPTY = new HeldOutCurve(List.of());

    /** Fixes the list. */
    public HeldOutCurve {
        results = List.copyOf(results);
    }

    /**
     * The curve with one result more.
     *
     * @param result what was found last
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
     * From where on training brought next to nothing.
     *
     * @param share what counts as something: the part of the divergence by which a later result must be smaller
     * @return the first result that no later one betters by more than that
     * @throws java.util.NoSuchElementException if there is none
     */
    public HeldOutResult helpedUntil(double share) {
        double enough = best().klMean() / (1 - share);
        return results.stream().filter(result -> result.klMean() <= enough).findFirst().orElseGet(this::best);
    }

    /**
     * How many results in a row, up to the last, were no improvement.
     *
     * @return 0 if the last is the best
     */
    public int resultsSinceBest() {
        return results.isEmpty() ? 0 : results.size() - 1 - results.indexOf(best());
    }
}
