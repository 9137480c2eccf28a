package kept.corpus;

import java.util.List;

/** An endless stream of token sequences in a fixed order, which can start at any position. */
public interface TokenSequences {
    /**
     * Returns the next sequences.
     *
     * @param batch the number of sequences
     * @return their ids, sequence after sequence, all of one length
     */
    int[] next(int batch);

    /**
     * The number of sequences that have been returned.
     *
     * @return the position, for {@link #seek}
     */
    long position();

    /**
     * Moves to a position, such as that of a training state.
     *
     * @param target the number of sequences before the next one
     */
    void seek(long target);

    /**
     * Alternates between sources, one sequence from each in turn.
     *
     * @param sources sequences of one length
     * @return the mixture
     */
    static TokenSequences alternating(List<? extends TokenSequences> sources) {
        return sources.size() == 1 ? sources.getFirst() : new AlternatingSequences(sources);
    }
}
