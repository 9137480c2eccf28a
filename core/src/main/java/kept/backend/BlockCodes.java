package kept.backend;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import kept.tensor.Shape;

/**
 * Numbers of 8 bits in blocks of 256, the format of an 8-bit optimizer's moments (Dettmers et al. 2021, arXiv 2110.02861): each number is the block's
 * largest magnitude times one of 256 values from -1 to 1, or from 0 to 1 for an unsigned code.
 *
 * <p>The values are those of dynamic tree quantisation: seven decades from 10^-7 to 1, each with twice as many values as the one below: {@code (0.1 +
 * 0.9 (j + 0.5) / n) 10^(d - 6)} for d from 0 to 6 and j from 0 to n - 1, with {@code n = 2^d} and either sign in the signed code, {@code n = 2^(d +
 * 1)} in the unsigned one; both also have 0 and 1. Codes number the values in ascending order.
 *
 * <p>A tensor of n such numbers is I32, rows {@code [ceil(n / 256), 65]}: 64 words of four codes each, the first in the lowest byte, and the bits of
 * the block's largest magnitude as an F32. A block of zero words contains zeros. A number above 0 never becomes 0 in the unsigned code, so that a
 * quotient by it stays finite.
 */
public final class BlockCodes {
    /** The numbers of a block. */
    public static final int BLOCK = 256;
    /** The words of a block. */
    public static final int WORDS = BLOCK / 4 + 1;

    private static final int DECADES = 7;
    private static final double[] POWERS = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};

    private static final int BYTE = 0xff;
    /** The values of each code, by whether it is signed. */
    private static final float[][] VALUES = {values(false), values(true)};
    private static final float[][] BOUNDS = {bounds(false), bounds(true)};

    private BlockCodes() {}

    /**
     * The shape of a tensor that holds codes.
     *
     * @param count the number of numbers
     * @return {@code [ceil(count / 256), 65]}
     */
    public static Shape shape(long count) {
        return Shape.of(Math.ceilDiv(count, BLOCK), WORDS);
    }

    /**
     * The values of a code.
     *
     * @param signed which code
     * @return 256 values in ascending order, a fresh array
     */
    public static float[] values(boolean signed) {
        float[] values = new float[256];
        int next = 0;
        values[next++] = 0;
        values[next++] = 1;
        for (int decade = 0; decade < DECADES; decade++) {
            int count = signed ? 1 << decade : 2 << decade;
            for (int j = 0; j < count; j++) {
                float value = (float) ((0.1 + 0.9 * ((j + 0.5) / count)) * POWERS[decade]);
                values[next++] = value;
                if (signed) {
                    values[next++] = -value;
                }
            }
        }
        Arrays.sort(values);
        return values;
    }

    /**
     * The bounds between the numbers that are rounded to neighbouring values: the means of two values, except that in the unsigned code only 0
     * becomes 0.
     *
     * @param signed which code
     * @return 255 bounds in ascending order; the code of a number is the count of bounds below it
     */
    public static float[] bounds(boolean signed) {
        float[] values = values(signed);
        float[] bounds = new float[values.length - 1];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = (float) (0.5 * ((double) values[i] + values[i + 1]));
        }
        if (!signed) {
            bounds[0] = 0;
        }
        return bounds;
    }

    /**
     * Reads a block.
     *
     * @param codes the words of a tensor of codes
     * @param word the index of the block's first word
     * @param signed which code
     * @param numbers receives the numbers, from its beginning
     * @param count how many, at most {@link #BLOCK}
     */
    public static void read(MemorySegment codes, long word, boolean signed, float[] numbers, int count) {
        float[] values = VALUES[signed ? 1 : 0];
        float scale = Float.intBitsToFloat(codes.getAtIndex(ValueLayout.JAVA_INT, word + WORDS - 1));
        for (int i = 0; i < count; i++) {
            numbers[i] = values[codes.getAtIndex(ValueLayout.JAVA_INT, word + i / 4) >>> 8 * (i % 4) & BYTE] * scale;
        }
    }

    /**
     * Writes a block.
     *
     * @param numbers the numbers
     * @param count how many; the block's other numbers become zeros
     * @param codes the words of a tensor of codes
     * @param word the index of the block's first word
     * @param signed which code
     */
    public static void write(float[] numbers, int count, MemorySegment codes, long word, boolean signed) {
        float[] bounds = BOUNDS[signed ? 1 : 0];
        float scale = 0;
        for (int i = 0; i < count; i++) {
            scale = Math.max(scale, Math.abs(numbers[i]));
        }
        for (int i = 0; i < BLOCK; i += 4) {
            int four = 0;
            for (int j = 0; j < 4; j++) {
                float number = i + j < count && scale > 0 ? numbers[i + j] / scale : 0;
                four |= below(number, bounds) << 8 * j;
            }
            codes.setAtIndex(ValueLayout.JAVA_INT, word + i / 4, four);
        }
        codes.setAtIndex(ValueLayout.JAVA_INT, word + WORDS - 1, Float.floatToRawIntBits(scale));
    }

    /** Counts the bounds below a number by binary search. */
    private static int below(float number, float... bounds) {
        int code = 0;
        for (int step = BYTE / 2 + 1; step > 0; step /= 2) {
            if (number > bounds[code + step - 1]) {
                code += step;
            }
        }
        return code;
    }
}
