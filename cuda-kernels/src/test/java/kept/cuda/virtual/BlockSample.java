package kept.cuda.virtual;

import java.util.Arrays;
import java.util.TreeSet;

/** Chooses the blocks that run of a launch with too many to run all: the first and the last, and those around given places of the grid. */
final class BlockSample {
    /** Launches with fewer blocks run as a whole. */
    private static final long LEAST = 64;

    private final double[] shares;
    private final boolean onlyLast;

    /**
     * Creates a choice.
     *
     * @param shares places, each as a share of all blocks, from 0 to 1
     */
    BlockSample(double... shares) {
        this.shares = shares.clone();
        this.onlyLast = false;
    }

    /** Creates the choice of the last block alone. */
    BlockSample() {
        this.shares = new double[0];
        this.onlyLast = true;
    }

    /** Returns the numbers of the chosen blocks in ascending order; null for all. */
    long[] of(long blocks) {
        if (blocks < LEAST) {
            return null;
        }
        if (onlyLast) {
            return new long[] {blocks - 1};
        }
        var chosen = new TreeSet<>(Arrays.asList(0L, 1L, blocks - 2, blocks - 1));
        for (double share : shares) {
            long block = (long) (share * blocks);
            for (long near = Math.max(0, block - 1); near <= Math.min(block + 1, blocks - 1); near++) {
                chosen.add(near);
            }
        }
        return chosen.stream().mapToLong(Long::longValue).toArray();
    }
}
