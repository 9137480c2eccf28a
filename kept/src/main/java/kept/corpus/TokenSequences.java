package kept.corpus;

import java.util.List;

/** An endless stream of token sequences in a fixed order, which can start at any position. */
public interface TokenSequences {
    /**
     * Hands out the next sequences.
     *
     * @param batch how many
     * @return their ids, sequence after sequence, all of one length
     */
    int[] next(int batch);

    /**
     * How many sequences have been handed out.
     *
     * @return the position, for {@link #seek}
     */
    long position();

    /**
     * Goes to a position, such as one that a training state remembers.
     *
     * @param target how many sequences come before the next
     */
    void seek(long target);

    /**
     * Takes one sequence from each source in turn, so that each has the same share.
     *
     * @param sources sequences of one length
     * @return the mixture
     */
    static TokenSequences alternating(List<? extends TokenSequences> sources) {
        return sources.size() == 1 ? sources.getFirst() : new AlternatingSequences(sources);
    }
}
