package kept.corpus;

import java.util.SplittableRandom;

/** Uniformly random tokens, for benchmarks and tests of training. Each sequence depends on its position alone. */
public final class RandomTokens implements TokenSequences {
    private final int vocabulary;
    private final int width;
    private long position;

    /**
     * Creates the stream.
     *
     * @param vocabulary the number of different tokens
     * @param width tokens of a sequence
     */
    public RandomTokens(int vocabulary, int width) {
        this.vocabulary = vocabulary;
        this.width = width;
    }

    @Override
    public int[] next(int batch) {
        int[] ids = new int[Math.multiplyExact(batch, width)];
        for (int row = 0; row < batch; row++) {
            int[] sequence = new SplittableRandom(position++).ints(width, 0, vocabulary).toArray();
            System.arraycopy(sequence, 0, ids, row * width, width);
        }
        return ids;
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public void seek(long target) {
        position = target;
    }
}
