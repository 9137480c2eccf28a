package kept.distributed;

import java.util.concurrent.TimeUnit;

/** After what time a rank that is not heard of is missing: the system property {@code kept.ranks.timeout}, in seconds. */
public final class RankTimeout {
    private static final String PROPERTY = "kept.ranks.timeout";
    private static final long DEFAULT_SECONDS = 600;
    private static final long LONGEST_FAREWELL_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final int PARTS = 10;

    private RankTimeout() {}

    /**
     * The time after which a rank that waits for another gives up, if it does not hear of it.
     *
     * @return nanoseconds, above 0
     * @throws RankException if the property is not a whole number of seconds above 0
     */
    public static long nanoseconds() {
        String text = System.getProperty(PROPERTY);
        if (text == null) {
            return TimeUnit.SECONDS.toNanos(DEFAULT_SECONDS);
        }
        try {
            long seconds = Long.parseLong(text.strip());
            if (seconds > 0 && seconds <= TimeUnit.DAYS.toSeconds(365)) {
                return TimeUnit.SECONDS.toNanos(seconds);
            }
        } catch (NumberFormatException e) {
            // Reported below.
        }
        throw new RankException("[ranks] -D%s=%s is not a number of seconds from 1 to a year".formatted(PROPERTY, text));
    }

    /**
     * After what time a rank that has ended is missing where its last messages may still be on their way.
     *
     * @param timeoutNanos after what time a rank that is not heard of is missing
     * @return nanoseconds, some seconds at most
     */
    public static long ofEnded(long timeoutNanos) {
        return Math.min(LONGEST_FAREWELL_NANOS, timeoutNanos / PARTS);
    }

    /**
     * The error of a rank that waits for one that has ended.
     *
     * @param peer the rank that has ended
     * @return the error
     */
    public static RankException ended(int peer) {
        return new RankException("[ranks] rank %d has ended without the message that is awaited".formatted(peer));
    }

    /**
     * The error of a rank that has waited too long.
     *
     * @param peer the rank that does not answer
     * @param nanoseconds how long this rank has waited
     * @return the error, with the remedy
     */
    public static RankException missing(int peer, long nanoseconds) {
        return new RankException(("[ranks] rank %d has not been heard of for %d s: it has ended or is stopped, or its machine is not reached; "
                + "-D%s=SECONDS waits longer").formatted(peer, Math.ceilDiv(nanoseconds, TimeUnit.SECONDS.toNanos(1)), PROPERTY));
    }
}
