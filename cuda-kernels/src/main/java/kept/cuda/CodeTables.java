package kept.cuda;

import java.lang.foreign.MemorySegment;
import kept.backend.BlockCodes;

/**
 * The tables of {@code optimizer.cu} for the 8-bit codes of moments: values of the signed and of the unsigned code, then their cells.
 *
 * <p>The magnitudes of numbers are divided into cells of equal exponent and leading mantissa bits, so short that at most one bound is in each. The
 * word of a cell is the number of bounds below it, above as many low bits as a number has beyond its cell. In these is what carries when it is added
 * to those of a number above the bound. Cell 0 is that of all smaller numbers, the last one that of 1. A number's bits are taken twice: the lowest
 * bit is 1 for a negative number of the signed code, for which equality with the bound counts, and for a number above 0 of the unsigned code.
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
        int bits = MANTISSA - leading + 1;
        int first = (EXPONENT_BIAS - binades << leading) - 1;
        int all = (1 << bits) - 1;
        int[] cells = new int[(binades << leading) + 2];
        int next = 0;
        int rank = 0;
        for (float bound : BlockCodes.bounds(signed)) {
            if (signed && bound < 0) {
                continue;
            }
            int twice = 2 * Float.floatToRawIntBits(bound) + (signed || bound == 0 ? 0 : 1);
            int cell = Math.max((twice >>> bits) - first, 0);
            if (cell < next) {
                throw new IllegalStateException("[codes] two bounds are in one cell, the second is %s".formatted(bound));
            }
            for (; next < cell; next++) {
                cells[next] = rank << bits;
            }
            cells[next++] = (rank++ << bits) + all - (twice & all);
        }
        for (; next < cells.length; next++) {
            cells[next] = rank << bits;
        }
        return cells;
    }
}
