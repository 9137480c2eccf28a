package kept.training;

import java.util.stream.IntStream;
import kept.corpus.TokenMask;

/**
 * The tokens of one pass of a step, and those of them that are predicted for the loss. The loss of a step is a mean over all tokens that its passes
 * predict, so a pass counts by the number of its own.
 */
final class PassTokens {
    private final int[] ids;
    private final int length;
    private final long allOfStep;
    private final int passes;
    private final long[] rows;

    private PassTokens(int[] ids, int length, long allOfStep, int passes) {
        this.ids = ids;
        this.length = length;
        this.allOfStep = allOfStep;
        this.passes = passes;
        this.rows = rows(ids, length);
    }

    /**
     * Divides the tokens of a step.
     *
     * @param length tokens of a sequence
     * @param sequences the ids of each pass, {@code [batch, length + 1]}, those that are not learnt from marked
     */
    static PassTokens[] of(int length, int[]... sequences) {
        long all = 0;
        for (int[] pass : sequences) {
            all += rows(pass, length).length;
        }
        PassTokens[] passes = new PassTokens[sequences.length];
        for (int i = 0; i < passes.length; i++) {
            passes[i] = new PassTokens(sequences[i], length, all, sequences.length);
        }
        return passes;
    }

    /** The labels, the tokens but the first of each sequence, that are not masked. */
    private static long[] rows(int[] ids, int length) {
        int batch = ids.length / (length + 1);
        return IntStream.range(0, batch * length).filter(row -> !TokenMask.isMasked(ids[row / length * (length + 1) + row % length + 1]))
                .asLongStream().toArray();
    }

    /** The ids without marks, {@code [batch, length + 1]}. */
    int[] ids() {
        return TokenMask.ids(ids);
    }

    /** Whether each token is predicted. */
    boolean areAll() {
        return rows.length == ids.length / (length + 1) * length;
    }

    /** The indices of the labels to predict; of a pass with none the first, which then does not count. */
    long[] rows() {
        return rows.length == 0 ? new long[] {0} : rows;
    }

    /** The share of this pass in the loss of the step; the sum over its passes is 1, or 0 if there is nothing to predict. */
    double share() {
        return allOfStep == (long) passes * (ids.length / (length + 1)) * length ? 1.0 / passes : (double) rows.length / Math.max(1, allOfStep);
    }

    /** What a number of this pass adds to the mean over passes; the number itself where each token is predicted in each pass. */
    double weighted(double value) {
        return share() == 1.0 / passes ? value : value * share() * passes;
    }
}
