package kept.distributed;

import java.util.concurrent.TimeUnit;

/** How long a rank waits for a message: the system property {@code kept.ranks.timeout}, in seconds. */
public final class RankTimeout {
    private static final String PROPERTY = "kept.ranks.timeout";
    /** Longer than any rank needs to read or write the files of a large model while the others wait. */
    private static final long DEFAULT_SECONDS = 1800;

    private RankTimeout() {}

    /**
     * The time after which a rank that waits for another gives up.
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
     * The error of a rank that has waited too long.
     *
     * @param peer the rank that does not answer
     * @param nanoseconds how long this rank has waited
     * @return the error, with the remedy
     */
    public static RankException missing(int peer, long nanoseconds) {
        return new RankException(("[ranks] rank %d has not answered for %d s: it has ended, hangs, or its machine is not reached; "
                + "-D%s=SECONDS waits longer").formatted(peer, Math.ceilDiv(nanoseconds, TimeUnit.SECONDS.toNanos(1)), PROPERTY));
    }
}
