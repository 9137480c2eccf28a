package kept.cuda;

import java.lang.foreign.MemorySegment;
import kept.backend.BlockCodes;

/**
 * The tables of {@code optimizer.cu} for the 8-bit codes of moments: values of the signed and of the unsigned code, then their cells.
 *
 * <p>The magnitudes of numbers are divided into cells of equal exponent and leading mantissa bits, so short that at most one bound is in
 * each. Cell 0 is that of all smaller numbers. A number's bits are shifted so that the lowest bit of its cell is the lowest of the highest
 * byte. The word of a cell is what must be added for the highest byte to become the number of bounds below the number: that of the cell,
 * less the cell's own bits, and below them what carries when it is added to those of a number above the bound.
 *
 * <p>Of the signed code the bits are taken twice, with 1 for a negative number, for which equality with the bound counts. Of the unsigned
 * code they are one less, so that equality counts for all; 0 thus becomes the largest integer, and has the last cell for itself.
 */
final class CodeTables {
    private static final int EXPONENT_BIAS = 127;
    private static final int MANTISSA = 23;
    private static final int SIGNED_LEADING = 6;
    private static final int SIGNED_BINADES = 22;
    private static final int UNSIGNED_LEADING = 7;
    private static final int UNSIGNED_BINADES = 21;

    private CodeTables() {}

    /** Returns the words of the tables. */
    static MemorySegment words() {
        int[] signed = cells(true, SIGNED_LEADING, SIGNED_BINADES);
        int[] unsigned = cells(false, UNSIGNED_LEADING, UNSIGNED_BINADES);
        float[][] values = {BlockCodes.values(true), BlockCodes.values(false)};
        int[] words = new int[values[0].length + values[1].length + signed.length + unsigned.length];
        int next = 0;
        for (float[] code : values) {
            for (float value : code) {
                words[next++] = Float.floatToRawIntBits(value);
            }
        }
        System.arraycopy(signed, 0, words, next, signed.length);
        System.arraycopy(unsigned, 0, words, next + signed.length, unsigned.length);
        return MemorySegment.ofArray(words);
    }

    private static int[] cells(boolean signed, int leading, int binades) {
        int bits = MANTISSA - leading + (signed ? 1 : 0);
        int first = (EXPONENT_BIAS - binades << leading) - 1;
        int[] cells = new int[(binades << leading) + 2];
        int next = 0;
        int rank = 0;
        for (float bound : BlockCodes.bounds(signed)) {
            if (signed && bound < 0) {
                continue;
            }
            if (bound == 0) {
                rank++;
                continue;
            }
            int number = signed ? 2 * Float.floatToRawIntBits(bound) : Float.floatToRawIntBits(bound) - 1;
            int cell = (number >>> bits) - first;
            // Smaller numbers are raised to the beginning of cell 0.
            if (cell <= 0 || cell < next) {
                throw new IllegalStateException("[codes] the bound %s is not the only one in its cell, which is not the first".formatted(bound));
            }
            for (; next < cell; next++) {
                cells[next] = word(rank, first + next, 0, bits);
            }
            int all = (1 << bits) - 1;
            cells[next++] = word(rank++, first + cell, all - (number & all), bits);
        }
        for (; next < cells.length; next++) {
            cells[next] = word(rank, first + next, 0, bits);
        }
        if (!signed) {
            cells[next - 1] = word(0, first + next - 1, 0, bits);
        }
        return cells;
    }

    private static int word(int rank, int cell, int carrying, int bits) {
        return (rank - cell << 24) + (carrying << 24 - bits);
    }
}
