package kept.backend.cpu;

import java.lang.foreign.MemorySegment;

/**
 * The exponentials of a row {@code e^((x - shift) / temperature)} and their sum, in one pass over memory.
 *
 * <p>The row is processed in blocks that fit the first-level cache. Any shift near the maximum is correct: a block is shifted by the row's shift so
 * far, which is initially the maximum of the first elements, and computed again with its own maximum if that is more than {@value #MARGIN} higher.
 * After the row, {@link #factor} is the factor that makes a block's exponentials relative to the row's shift. (The running maximum is Milakov and
 * Gimelshein's, 2018, arXiv 1805.02867.) An object serves one task, row after row.
 */
final class RowExponentials {
    /** The number of elements of a block: the block and its exponentials fit the first-level cache. */
    static final int BLOCK = 2048;

    /** The number of elements whose maximum is the first shift. */
    private static final int SAMPLE = 128;
    /** The largest exponent of a kept exponential. */
    private static final float MARGIN = 16;

    private final float inverseTemperature;
    /** The shift of each block. */
    private final float[] shifts;
    private final float[] sums;
    private final float[] factors;
    /** The sum and the maximum of the current block. */
    private final float[] results = new float[2];
    private float shift;
    private float max;
    private double sum;

    /**
     * Creates the memory for blocks of rows.
     *
     * @param width the elements of a row
     * @param inverseTemperature the factor of differences, above 0
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
     * @param out receives the exponentials, each block's relative to its own shift: room for a row, or for one block, which then contains the last
     *     block; not x, which is read again if a shift was too low
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
            factors[block] = shifts[block] == shift ? 1f : VectorMath.expNonPositive((shifts[block] - shift) * inverseTemperature);
            sum += (double) sums[block] * factors[block];
        }
    }

    private void exponentiate(int block, MemorySegment x, int count, MemorySegment out) {
        // Elements of minus infinity become 0 with any shift.
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
     * The row's shift, to which its exponentials are relative.
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
     * The factor that a block's exponentials need.
     *
     * @param first the index of the block's first element in the row
     * @param scale a factor of exponentials relative to the row's shift
     * @return the scale times the factor that makes them relative to the row's shift
     */
    float factor(int first, double scale) {
        return (float) (factors[first / BLOCK] * scale);
    }

    /**
     * Multiplies the kept exponentials of the row, made relative to the row's shift.
     *
     * @param exponentials the exponentials that {@link #exponentiate} has written
     * @param width the elements of the row
     * @param scale a factor
     * @param out receives the products
     */
    void multiply(MemorySegment exponentials, int width, double scale, MemorySegment out) {
        for (int first = 0; first < width; first += BLOCK) {
            int count = Math.min(BLOCK, width - first);
            RowMath.multiply(RowMath.slice(exponentials, first, count), count, factor(first, scale), RowMath.slice(out, first, count));
        }
    }

    /**
     * The shift of a block.
     *
     * @param first the index of the block's first element in the row
     * @return a number near the maximum of the row so far
     */
    float shift(int first) {
        return shifts[first / BLOCK];
    }

    /**
     * The logarithm of the rounded {@link #factor}, or of the exact factor if that rounds to 0.
     *
     * @param first the index of the block's first element in the row
     * @param scale a factor of exponentials relative to the row's shift
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
     * @param first the index of the block's first element in the row
     * @return the sum, relative to the block's shift
     */
    double sum(int first) {
        return sums[first / BLOCK];
    }
}
