package kept.gguf;

/**
 * The quantisation {@code q8_0}, bit-identical to ggml's reference: for 32 elements {@code x}, {@code d = max |x| / 127} is stored as f16, and each
 * element as {@code round(x * (1 / d))}, halves away from zero; {@code d} is f32 until it is stored.
 */
final class Q8Blocks {
    /** Elements per block. */
    static final int ELEMENTS = 32;
    /** Bytes per block. */
    static final int BYTES = 34;

    private static final int MAX_BYTE = 127;
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final float MAX_HALF = 65504;

    private Q8Blocks() {}

    /**
     * Quantises a row.
     *
     * @param row the elements; a whole number of blocks
     * @param target where to
     * @param start the offset of the row in the target
     * @return the first element of a block that cannot be stored, because an element is not finite or its scale overflows f16; -1 if there is none
     */
    static int quantize(float[] row, byte[] target, int start) {
        int at = start;
        for (int from = 0; from < row.length; from += ELEMENTS) {
            float scale = largest(row, from) / MAX_BYTE;
            if (!(scale <= MAX_HALF)) {
                return from;
            }
            short half = Float.floatToFloat16(scale);
            target[at] = (byte) half;
            target[at + 1] = (byte) (half >> Byte.SIZE);
            // If the inverse of a tiny scale overflows, the scale is 0 as f16, and all elements are 0; the reference leaves their bytes undefined.
            float inverse = 1 / scale;
            round(row, from, Float.isInfinite(inverse) ? 0 : inverse, target, at + 2);
            at += BYTES;
        }
        return -1;
    }

    /** The largest magnitude in a block; NaN if the block contains one, because its bit pattern is above infinity's. */
    private static float largest(float[] row, int from) {
        int largest = 0;
        for (int i = from; i < from + ELEMENTS; i++) {
            largest = Math.max(largest, Float.floatToRawIntBits(row[i]) & MAGNITUDE);
        }
        return Float.intBitsToFloat(largest);
    }

    /** Rounds halves away from zero: the truncated part is doubled and truncated again, all of which is exact. */
    private static void round(float[] row, int from, float inverse, byte[] target, int at) {
        for (int i = 0; i < ELEMENTS; i++) {
            float scaled = row[from + i] * inverse;
            int whole = (int) scaled;
            target[at + i] = (byte) (whole + (int) (2 * (scaled - whole)));
        }
    }
}
