package kept.corpus;

/**
 * Packed tokens as an endless stream of sequences of equal length. A seed determines their order, which differs from epoch to epoch.
 *
 * <p>The order is computed, not stored, so any position is reached at once; a training state contains only {@link #position()}.
 */
public final class PackedSequences implements TokenSequences {
    private final PackedTokens tokens;
    private final long skipped;
    private final int length;
    private final int lookahead;
    private final long seed;
    private final long count;
    private long position;

    /**
     * Creates the stream at its first sequence.
     *
     * @param tokens the tokens, which must stay open
     * @param length the distance between the beginnings of sequences: the tokens of each that a model learns from
     * @param lookahead how many tokens of the next sequence are handed out with each: 0 where only the model's own outputs matter (distillation),
     *         1 where the token after the last is a target
     * @param seed determines the order
     * @throws CorpusException if the text is shorter than one sequence
     */
    public PackedSequences(PackedTokens tokens, int length, int lookahead, long seed) {
        this(tokens, 0, length, lookahead, seed);
    }

    /**
     * Creates the stream for a text whose beginning is held out for evaluation.
     *
     * @param tokens the tokens, which must stay open
     * @param skipped how many tokens at the beginning belong to no sequence
     * @param length the distance between the beginnings of sequences
     * @param lookahead how many tokens of the next sequence are handed out with each
     * @param seed determines the order
     * @throws CorpusException if the text is shorter than one sequence
     */
    public PackedSequences(PackedTokens tokens, long skipped, int length, int lookahead, long seed) {
        if (length < 1 || lookahead < 0) {
            throw new IllegalArgumentException("[sequences] length " + length + ", lookahead " + lookahead + ": at least 1 and 0");
        }
        this.tokens = tokens;
        this.skipped = skipped;
        this.length = length;
        this.lookahead = lookahead;
        this.seed = seed;
        this.count = (tokens.size() - skipped - lookahead) / length;
        if (count < 1) {
            throw new CorpusException("[corpus] " + tokens.description() + ", not enough for one sequence of " + (length + lookahead)
                    + ": give more text, or choose shorter sequences");
        }
    }

    /**
     * The number of sequences of an epoch. Tokens at the end that do not fill a sequence are left out.
     *
     * @return the number
     */
    public long count() {
        return count;
    }

    /**
     * The number of tokens of an epoch.
     *
     * @return the number
     */
    public long tokens() {
        return count * length;
    }

    /**
     * The number of epochs that a number of tokens takes.
     *
     * @param wanted the number of tokens to learn from
     * @return the number of epochs; more than 1 means that text is seen again
     */
    public double epochs(long wanted) {
        return (double) wanted / tokens();
    }

    /**
     * The number of sequences that have been returned, over all epochs.
     *
     * @return the position
     */
    @Override
    public long position() {
        return position;
    }

    /**
     * Moves to a position, such as that of a training state.
     *
     * @param target the number of sequences before the next one
     */
    @Override
    public void seek(long target) {
        if (target < 0) {
            throw new IllegalArgumentException("[sequences] position " + target + " is negative");
        }
        position = target;
    }

    /**
     * Returns the next sequences.
     *
     * @param batch how many
     * @return their ids, {@code [batch, length + lookahead]}, row by row, with the marks of those that are not learnt from ({@link TokenMask})
     */
    @Override
    public int[] next(int batch) {
        int width = length + lookahead;
        var ids = new int[Math.multiplyExact(batch, width)];
        for (int row = 0; row < batch; row++) {
            long index = new SequenceOrder(count, seed, position / count).at(position % count);
            tokens.copyMasked(skipped + index * length, ids, row * width, width);
            position++;
        }
        return ids;
    }
}
