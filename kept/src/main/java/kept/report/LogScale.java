package kept.report;

import java.util.Locale;
import java.util.stream.DoubleStream;
import kept.evaluation.Interval;

/**
 * A logarithmic scale for the bars of divergences, over whole powers of ten. A divergence that is noise has no length.
 *
 * @param low the power of ten at the left end
 * @param high the power of ten at the right end, more than {@code low}
 */
record LogScale(int low, int high) {
    /** The length of the shortest bar at least, in powers of ten. */
    private static final double LEAST = 0.1;

    /**
     * Creates the scale on which each divergence has a length.
     *
     * @param divergences in nats; noise and what is no number are left out
     */
    static LogScale of(DoubleStream divergences) {
        double[] shown = divergences.filter(LogScale::isShown).map(Math::log10).sorted().toArray();
        if (shown.length == 0) {
            return new LogScale(-1, 0);
        }
        int low = (int) Math.ceil(shown[0] - LEAST) - 1;
        return new LogScale(low, Math.max(low + 1, (int) Math.ceil(shown[shown.length - 1])));
    }

    private static boolean isShown(double divergence) {
        return Double.isFinite(divergence) && divergence > 0 && !Figures.isNoise(divergence);
    }

    /** The place of a divergence as a percentage of the scale's length, from its left end. */
    String at(double divergence) {
        return String.format(Locale.ROOT, "%.2f", percent(divergence));
    }

    /** The length of an interval as a percentage of the scale's length. */
    String between(Interval interval) {
        return String.format(Locale.ROOT, "%.2f", percent(interval.high()) - percent(interval.low()));
    }

    private double percent(double divergence) {
        return isShown(divergence) ? 100 * Math.clamp((Math.log10(divergence) - low) / (high - low), 0, 1) : 0;
    }

    /** Its ends, for a caption. */
    String ends() {
        return "%s to %s".formatted(power(low), power(high));
    }

    private static String power(int exponent) {
        return exponent == 0 ? "1" : "1e%d".formatted(exponent);
    }
}
