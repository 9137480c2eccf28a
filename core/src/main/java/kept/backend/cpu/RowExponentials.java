package kept.backend.cpu;

import java.lang.foreign.MemorySegment;

/**
 * The exponentials of a row {@code e^((x - shift) / temperature)} and their sum, in one pass over memory.
 *
 * <p>The row goes by in blocks that fit the first-level cache. Any shift near the maximum serves: a block is shifted by what the row was so far, at
 * first by the largest of its first elements, and computed again with its own maximum if that is more than {@value #MARGIN} higher. What a block's
 * exponentials must be multiplied by to be relative to the row's shift, {@link #factor}, is known when the row has gone by. (The running maximum is
 * Milakov and Gimelshein's, 2018, arXiv 1805.02867.) An object serves one task, row after row.
 */
final class RowExponentials {
    /** The elements of a block: it and its exponentials fit the first-level cache. */
    static final int BLOCK = 2048;

    /** How many elements the first shift is taken from. */
    private static final int SAMPLE = 128;
    /** The largest exponent of a kept exponential. */
    private static final float MARGIN = 16;

    private final float inverseTemperature;
    /** What is subtracted from each block. */
    private final float[] shifts;
    private final float[] sums;
    private final float[] factors;
    /** The sum and the maximum of the block in work. */
    private final float[] results = new float[2];
    private float shift;
    private float max;
    private double sum;

    /**
     * Room for the blocks of rows.
     *
     * @param width the elements of a row
     * @param inverseTemperature what differences are multiplied by, above 0
     */
    RowExponentials(int width, float inverseTemperature) {
        this.inverseTemperature = inverseTemperature;
        int blocks = Math.ceilDiv(width, BLOCK);
        shifts = new float[blocks];
        sums = new float[blocks];
        factors = new float[blocks];
    }

    /**
     * Computes the exponentials of a row.
     *
     * @param x the row
     * @param width its elements
     * @param out takes the exponentials, each block's relative to its own shift: room for a row, or for one block, which
     *     keeps the last; not x, which is read again when a shift turns out to be too low
     */
    void exponentiate(MemorySegment x, int width, MemorySegment out) {
        boolean keep = out.byteSize() >= (long) width * Float.BYTES;
        int blocks = Math.ceilDiv(width, BLOCK);
        shift = Float.NEGATIVE_INFINITY;
        max = Float.NEGATIVE_INFINITY;
        for (int block = 0; block < blocks; block++) {
            int first = block * BLOCK;
            int count = Math.min(BLOCK, width - first);
            MemorySegment xs = RowMath.slice(x, first, count);
            if (shift == Float.NEGATIVE_INFINITY) {
                shift = ContiguousReduction.MAXIMUM_NUMBER.of(xs, 0, Math.min(SAMPLE, count));
            }
            exponentiate(block, xs, count, keep ? RowMath.slice(out, first, count) : out);
            max = Math.max(max, results[1]);
        }
        sum = 0;
        for (int block = 0; block < blocks; block++) {
            if (shifts[block] == Float.NEGATIVE_INFINITY) {
                shifts[block] = shift;
            }
            factors[block] = shifts[block] == shift ? 1f : VectorMath.decay((shifts[block] - shift) * inverseTemperature);
            sum += (double) sums[block] * factors[block];
        }
    }

    private void exponentiate(int block, MemorySegment x, int count, MemorySegment out) {
        // Elements of minus infinity become 0, whatever they are shifted by.
        float tried = shift == Float.NEGATIVE_INFINITY ? 0f : shift;
        RowMath.exp(x, count, tried, inverseTemperature, out, results);
        boolean low = shift == Float.NEGATIVE_INFINITY && results[1] > shift;
        if (low || (results[1] - tried) * inverseTemperature > MARGIN) {
            shift = results[1];
            RowMath.exp(x, count, shift, inverseTemperature, out, results);
        }
        shifts[block] = shift;
        sums[block] = results[0];
    }

    /**
     * The row's largest element.
     *
     * @return the maximum, minus infinity if there is none
     */
    float max() {
        return max;
    }

    /**
     * What the row's exponentials are relative to.
     *
     * @return infinity or minus infinity if the maximum is
     */
    float shift() {
        return shift;
    }

    /**
     * The sum of the row's exponentials.
     *
     * @return the sum, relative to the shift; NaN if that is infinity, 0 if it is minus infinity
     */
    double sum() {
        return sum;
    }

    /**
     * What a block's exponentials are to be multiplied by.
     *
     * @param first the number of the block's first element in the row
     * @param scale what exponentials relative to the row's shift are to be multiplied by
     * @return the product with what makes them so
     */
    float factor(int first, double scale) {
        return (float) (factors[first / BLOCK] * scale);
    }

    /**
     * Multiplies the kept exponentials of the row, made relative to the row's shift.
     *
     * @param exponentials what {@link #exponentiate} has written
     * @param width the elements of the row
     * @param scale what they are multiplied by
     * @param out where the products go
     */
    void multiply(MemorySegment exponentials, int width, double scale, MemorySegment out) {
        for (int first = 0; first < width; first += BLOCK) {
            int count = Math.min(BLOCK, width - first);
            RowMath.multiply(RowMath.slice(exponentials, first, count), count, factor(first, scale), RowMath.slice(out, first, count));
        }
    }

    /**
     * What has been subtracted from a block's elements.
     *
     * @param first the number of the block's first element in the row
     * @return a number near the maximum of the row so far
     */
    float shift(int first) {
        return shifts[first / BLOCK];
    }

    /**
     * The logarithm of {@link #factor} as it is rounded; of the number itself if it rounds to 0.
     *
     * @param first the number of the block's first element in the row
     * @param scale what exponentials relative to the row's shift are to be multiplied by
     * @return the logarithm
     */
    double logFactor(int first, double scale) {
        float factor = factor(first, scale);
        return factor == 0f
                ? StrictMath.log(scale) + ((double) shifts[first / BLOCK] - shift) * inverseTemperature
                : StrictMath.log(factor);
    }

    /**
     * The sum of a block's exponentials.
     *
     * @param first the number of the block's first element in the row
     * @return the sum, relative to the block's shift
     */
    double sum(int first) {
        return sums[first / BLOCK];
    }
}
