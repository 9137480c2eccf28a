package kept.report;

import java.util.Locale;
import kept.evaluation.Interval;

/** Numbers as a person reads them, the same in the terminal and on the page. */
public final class Figures {
    /** Printed where there is no number. */
    static final String NONE = "n/a";

    /** A mean divergence below this, in nats, is f32's rounding, which may have either sign. */
    static final double NOISE = 1e-9;
    /** Printed instead of a mean divergence that is noise. */
    static final String WITHIN_NOISE = "0 (noise)";

    private static final String BETWEEN = " .. ";

    private Figures() { }

    /** A perplexity, with two decimals as long as they are significant. */
    static String perplexity(double value) {
        if (!Double.isFinite(value)) {
            return NONE;
        }
        return String.format(Locale.ROOT, value < 1e5 ? "%.2f" : "%.2e", value);
    }

    /** A number of any magnitude, with three digits; divergences span ten powers of ten. */
    static String significant(double value) {
        if (!Double.isFinite(value)) {
            return NONE;
        }
        if (value == 0) {
            return "0";
        }
        double size = Math.abs(value);
        if (size < 1e-4 || size >= 1e6) {
            return String.format(Locale.ROOT, "%.2e", value);
        }
        int decimals = Math.max(0, 2 - (int) Math.floor(Math.log10(size)));
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }

    /**
     * A mean divergence.
     *
     * @param value in nats
     * @return three digits, or a text saying that it cannot be distinguished from 0
     */
    public static String divergence(double value) {
        return value != 0 && isNoise(value) ? WITHIN_NOISE : significant(value);
    }

    /** Whether a mean divergence cannot be distinguished from 0. */
    static boolean isNoise(double divergence) {
        return Math.abs(divergence) < NOISE;
    }

    /** An interval of numbers of any magnitude. */
    static String significant(Interval interval) {
        return Double.isFinite(interval.low()) ? significant(interval.low()) + BETWEEN + significant(interval.high()) : NONE;
    }

    /** An interval whose ends are multiplied by a factor. */
    static String interval(Interval interval, String format, double factor) {
        return Double.isFinite(interval.low())
            ? String.format(Locale.ROOT, format + BETWEEN + format, factor * interval.low(), factor * interval.high())
            : NONE;
    }

    /** A fraction as a percentage. */
    static String percentage(double share) {
        return Double.isFinite(share) ? String.format(Locale.ROOT, "%.2f%%", 100 * share) : NONE;
    }

    /** The length of a bar as a percentage of the longest. */
    static String barWidth(double part, double whole) {
        double share = part / whole;
        return String.format(Locale.ROOT, "%.2f", Double.isFinite(share) ? 100 * Math.clamp(share, 0, 1) : 0);
    }

    /** A count with thousands separators. */
    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** A rounded count, such as "14.5 billion". */
    static String rounded(long value) {
        if (value >= 1_000_000_000) {
            return String.format(Locale.ROOT, "%.1f billion", value / 1e9);
        }
        return value >= 1_000_000 ? String.format(Locale.ROOT, "%.1f million", value / 1e6) : count(value);
    }

    /** The change of a divergence, such as "18.2x smaller". */
    static String change(double before, double after) {
        if (!Double.isFinite(before) || !Double.isFinite(after)) {
            return NONE;
        }
        if (before == after) {
            return "unchanged";
        }
        if (isNoise(before) || isNoise(after)) {
            return isNoise(before) && isNoise(after) ? "both negligible" : isNoise(after) ? "to nothing" : "from nothing";
        }
        double ratio = Math.max(before, after) / Math.min(before, after);
        String factor = String.format(Locale.ROOT, ratio < 1e4 ? "%.1f" : "%,.0f", ratio);
        return "%sx %s".formatted(factor, after < before ? "smaller" : "larger");
    }
}
