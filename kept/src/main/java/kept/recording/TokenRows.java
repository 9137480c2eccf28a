package kept.recording;

import java.util.Arrays;
import kept.backend.SparseDistribution;
import kept.tensor.Tensor;

/**
 * What is kept of the distributions of some rows, in host memory.
 *
 * @param width the places for tokens of a row
 * @param tokens {@code [rows, width]}; 0 in a place without a token
 * @param probabilities {@code [rows, width]}; 0 in a place without a token
 * @param rest {@code [rows]}, the probability of all other tokens
 * @param entropies {@code [rows]}, in nats, of what the divergence compares: tokens and rest, or the whole distribution
 */
record TokenRows(int width, long[] tokens, float[] probabilities, float[] rest, float[] entropies) {
    /** Rows without tokens. */
    static TokenRows empty(int rows, int width) {
        return new TokenRows(width, new long[rows * width], new float[rows * width], new float[rows], new float[rows]);
    }

    int rows() {
        return rest.length;
    }

    /** These rows and others below them. */
    TokenRows and(TokenRows others) {
        int both = Math.max(width, others.width);
        TokenRows all = empty(rows() + others.rows(), both);
        copyTo(all, 0);
        others.copyTo(all, rows());
        return all;
    }

    private void copyTo(TokenRows target, int first) {
        for (int row = 0; row < rows(); row++) {
            System.arraycopy(tokens, row * width, target.tokens, (first + row) * target.width, width);
            System.arraycopy(probabilities, row * width, target.probabilities, (first + row) * target.width, width);
        }
        System.arraycopy(rest, 0, target.rest, first, rows());
        System.arraycopy(entropies, 0, target.entropies, first, rows());
    }

    /**
     * Divides probabilities and rest by their sum, which rounding has moved from 1, and sets the entropies to theirs, so that the divergence of equal
     * distributions is 0.
     */
    void normalize() {
        for (int row = 0; row < rows(); row++) {
            int from = row * width;
            double sum = rest[row];
            for (int i = from; i < from + width; i++) {
                sum += probabilities[i];
            }
            double entropy = 0;
            for (int i = from; i < from + width; i++) {
                probabilities[i] = (float) (probabilities[i] / sum);
                entropy -= term(probabilities[i]);
            }
            rest[row] = (float) (rest[row] / sum);
            entropies[row] = (float) (entropy - term(rest[row]));
        }
    }

    private static double term(double probability) {
        return probability == 0 ? 0 : probability * StrictMath.log(probability);
    }

    /** The tensors, in the current scope. */
    SparseDistribution toTensors() {
        return new SparseDistribution(Tensor.of(tokens, rows(), width), Tensor.of(probabilities, rows(), width), Tensor.of(rest),
                Tensor.of(entropies));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TokenRows rows && width == rows.width && Arrays.equals(tokens, rows.tokens)
                && Arrays.equals(probabilities, rows.probabilities) && Arrays.equals(rest, rows.rest) && Arrays.equals(entropies, rows.entropies);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(tokens);
    }

    @Override
    public String toString() {
        return "%d rows of %d tokens".formatted(rows(), width);
    }
}
