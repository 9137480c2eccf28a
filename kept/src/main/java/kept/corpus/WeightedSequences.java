package kept.corpus;

import java.util.Arrays;
import java.util.List;

/**
 * Sequences from several sources in shares. The next sequence is from the source that is the furthest behind its share, so that after any number of
 * sequences each source has given its share of them, to within a few.
 */
final class WeightedSequences implements TokenSequences {
    private final List<TokenSequences> sources;
    private final double[] shares;
    /** The number of sequences that each source has given. */
    private final long[] given;
    private long position;

    /**
     * Mixes sources.
     *
     * @param sources sequences of one length
     * @param weights of the sources, above 0; their shares are in proportion
     */
    WeightedSequences(List<? extends TokenSequences> sources, double... weights) {
        this.sources = List.copyOf(sources);
        this.shares = TokenSequences.shares(weights);
        this.given = new long[weights.length];
    }

    @Override
    public int[] next(int batch) {
        int[] ids = null;
        for (int row = 0; row < batch; row++) {
            int[] sequence = sources.get(turn()).next(1);
            if (ids == null) {
                ids = new int[Math.multiplyExact(batch, sequence.length)];
            }
            System.arraycopy(sequence, 0, ids, row * sequence.length, sequence.length);
        }
        return ids;
    }

    /** The source of the next sequence, which counts as given. */
    private int turn() {
        position++;
        int next = 0;
        for (int i = 1; i < shares.length; i++) {
            if (shares[i] * position - given[i] > shares[next] * position - given[next]) {
                next = i;
            }
        }
        given[next]++;
        return next;
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public void seek(long target) {
        if (target < 0) {
            throw new IllegalArgumentException("[sequences] position " + target + " is negative");
        }
        if (target < position) {
            position = 0;
            Arrays.fill(given, 0);
        }
        while (position < target) {
            turn();
        }
        for (int i = 0; i < given.length; i++) {
            sources.get(i).seek(given[i]);
        }
    }
}
