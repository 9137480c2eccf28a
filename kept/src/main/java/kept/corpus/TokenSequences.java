package kept.corpus;

import java.util.Arrays;
import java.util.List;

/** An endless stream of token sequences in a fixed order, which can start at any position. */
public interface TokenSequences {
    /**
     * Returns the next sequences.
     *
     * @param batch the number of sequences
     * @return their ids, sequence after sequence, all of one length; those that are not learnt from are marked ({@link TokenMask})
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
     * Mixes sources, so that after any number of sequences each has given its share of them.
     *
     * @param sources sequences of one length
     * @param weights of the sources, above 0; their shares are in proportion
     * @return the mixture
     * @throws IllegalArgumentException if there are no sources, another number of weights, or a weight is not above 0
     */
    static TokenSequences mixed(List<? extends TokenSequences> sources, double... weights) {
        if (sources.size() != weights.length || sources.isEmpty()) {
            throw new IllegalArgumentException("[sequences] %d sources have %d weights".formatted(sources.size(), weights.length));
        }
        return sources.size() == 1 ? sources.getFirst() : new WeightedSequences(sources, weights);
    }

    /**
     * The shares of weights.
     *
     * @param weights above 0
     * @return numbers in proportion to them, whose sum is 1
     * @throws IllegalArgumentException if a weight is not above 0, or infinite
     */
    static double[] shares(double... weights) {
        double sum = Arrays.stream(weights).sum();
        if (Arrays.stream(weights).anyMatch(weight -> !(weight > 0)) || !Double.isFinite(sum)) {
            throw new IllegalArgumentException("[sequences] weights must be above 0, not " + Arrays.toString(weights));
        }
        return Arrays.stream(weights).map(weight -> weight / sum).toArray();
    }
}
