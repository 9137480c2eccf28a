package kept.recording;

import kept.tensor.TensorException;

/**
 * What is kept of a teacher's distribution over the next token.
 *
 * @param kind the choice of tokens
 * @param count how many tokens are kept, or how many samples are drawn
 */
public record RecordedForm(Kind kind, int count) {
    /** The most tokens or samples. */
    public static final int MAX_COUNT = 65_535;

    /** Which tokens are kept. */
    public enum Kind {
        /** The most likely tokens with their probabilities, and the probability of all others together. */
        TOP_K,
        /**
         * Tokens drawn from the distribution, each with its share of the draws, an unbiased estimate of its probability (Random Sampling KD,
         * Anshumann et al. 2025, arXiv 2503.16870, with the distribution itself as the proposal), and the exact entropy.
         */
        SAMPLES
    }

    /**
     * Checks the count.
     *
     * @throws TensorException if it is below 1 or above {@link #MAX_COUNT}
     */
    public RecordedForm {
        if (count < 1 || count > MAX_COUNT) {
            throw new TensorException("[record] %s must be from 1 to %,d, not %,d".formatted(
                    kind == Kind.TOP_K ? "the number of most likely tokens" : "the number of samples", MAX_COUNT, count));
        }
    }

    /**
     * The most likely tokens and the rest.
     *
     * @param tokens how many
     * @return the form
     */
    public static RecordedForm topK(int tokens) {
        return new RecordedForm(Kind.TOP_K, tokens);
    }

    /**
     * Samples.
     *
     * @param draws how many
     * @return the form
     */
    public static RecordedForm samples(int draws) {
        return new RecordedForm(Kind.SAMPLES, draws);
    }

    /**
     * The form for a vocabulary, which may have fewer tokens.
     *
     * @param vocabulary the number of tokens
     * @return the same kind with at most as many tokens; samples stay as many
     */
    public RecordedForm within(int vocabulary) {
        return kind == Kind.TOP_K && count > vocabulary ? topK(vocabulary) : this;
    }

    /** The bytes of a token id. */
    static int idBytes(int vocabulary) {
        return vocabulary <= 1 << 16 ? 2 : vocabulary <= 1 << 24 ? 3 : 4;
    }

    /** The bytes of a number of draws, or of distinct tokens. */
    int countBytes() {
        return count <= 255 ? 1 : 2;
    }

    /**
     * The bytes of a token of text.
     *
     * @param vocabulary the number of tokens of the vocabulary
     * @return exact for the most likely tokens; the most for samples, which may be of one token
     */
    public long bytesPerToken(int vocabulary) {
        int id = idBytes(vocabulary);
        return kind == Kind.TOP_K ? (long) count * (id + Short.BYTES) + Float.BYTES
                : (long) Math.min(count, vocabulary) * (id + countBytes()) + countBytes() + Float.BYTES;
    }

    /** The form in words. */
    @Override
    public String toString() {
        return kind == Kind.TOP_K ? "the %,d most likely tokens and the rest".formatted(count) : "%,d samples".formatted(count);
    }
}
