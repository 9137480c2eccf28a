package kept.distributed;

import java.util.Arrays;
import java.util.function.LongSupplier;

/**
 * When each rank was last heard of. A process that was itself stopped for a while, as by SIGSTOP, a debugger or a suspended machine, has heard
 * nothing meanwhile; for it the time of all others begins anew. For one thread at a time.
 */
public final class LastHeard {
    private final long timeoutNanos;
    private final LongSupplier clock;
    private final long[] heard;
    private long lastLook;

    /**
     * All ranks have just been heard of.
     *
     * @param ranks the number of ranks
     * @param timeoutNanos after what time a rank that is not heard of is missing
     */
    public LastHeard(int ranks, long timeoutNanos) {
        this(ranks, timeoutNanos, System::nanoTime);
    }

    LastHeard(int ranks, long timeoutNanos, LongSupplier clock) {
        this.timeoutNanos = timeoutNanos;
        this.clock = clock;
        heard = new long[ranks];
        lastLook = clock.getAsLong();
        Arrays.fill(heard, lastLook);
    }

    /**
     * A rank has been heard of.
     *
     * @param rank the rank
     */
    public void hear(int rank) {
        heard[rank] = clock.getAsLong();
    }

    /** This process runs; to be called at least every tenth of the timeout. */
    public void look() {
        long now = clock.getAsLong();
        if (now - lastLook > timeoutNanos / 2) {
            Arrays.fill(heard, now);
        }
        lastLook = now;
    }

    /**
     * Checks that a rank is not missing.
     *
     * @param rank the rank
     * @throws RankException if it has not been heard of for the timeout
     */
    public void requireLiving(int rank) {
        look();
        if (lastLook - heard[rank] > timeoutNanos) {
            throw RankTimeout.missing(rank, timeoutNanos);
        }
    }
}
