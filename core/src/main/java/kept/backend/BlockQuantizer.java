package kept.backend;

/**
 * The quantisation {@code q8_0}, bit-identical to ggml's reference: for {@value #BLOCK} elements {@code x}, {@code d = max |x| / 127} is stored as
 * f16, and each element as {@code round(x * (1 / d))}, halves away from zero; {@code d} is f32 until it is stored.
 *
 * <p>Where f16 has {@code d} as a subnormal number only, of few bits, the elements are rounded for the {@code d} that is stored, the next larger one.
 * The reference rounds them for the {@code d} before, and they are all too large or too small by that factor.
 */
public final class BlockQuantizer {
    /** Elements per block. */
    public static final int BLOCK = 32;

    private static final int MAX_BYTE = 127;
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final float MAX_HALF = 65504;
    private static final float LEAST_NORMAL_HALF = 0x1p-14f;
    /** The difference of neighbouring subnormal numbers. */
    private static final float LEAST_HALF = 0x1p-24f;

    private BlockQuantizer() {}

    /**
     * Quantises a block.
     *
     * @param values the array that contains its elements
     * @param from the index of the first
     * @param codes receives a signed byte for each, unless the block cannot be stored
     * @param at the index of the first byte
     * @return the scale, to be rounded to f16; NaN if the block cannot be stored, because an element is not finite or the scale overflows f16
     */
    public static float quantize(float[] values, int from, byte[] codes, int at) {
        float scale = largest(values, from) / MAX_BYTE;
        if (!(scale <= MAX_HALF)) {
            return Float.NaN;
        }
        if (scale < LEAST_NORMAL_HALF && scale > LEAST_HALF / 2) {
            scale = (float) Math.ceil(scale / LEAST_HALF) * LEAST_HALF;
        }
        // If the inverse of a tiny scale overflows, the scale is 0 as f16, and all elements are 0; the reference leaves their bytes undefined.
        float inverse = 1 / scale;
        round(values, from, Float.isInfinite(inverse) ? 0 : inverse, codes, at);
        return scale;
    }

    /** The largest magnitude in a block; NaN if the block contains one, because its bit pattern is above infinity's. */
    private static float largest(float[] values, int from) {
        int largest = 0;
        for (int i = from; i < from + BLOCK; i++) {
            largest = Math.max(largest, Float.floatToRawIntBits(values[i]) & MAGNITUDE);
        }
        return Float.intBitsToFloat(largest);
    }

    /** Rounds halves away from zero: the truncated part is doubled and truncated again, all of which is exact. */
    private static void round(float[] values, int from, float inverse, byte[] codes, int at) {
        for (int i = 0; i < BLOCK; i++) {
            float scaled = values[from + i] * inverse;
            int whole = (int) scaled;
            codes[at + i] = (byte) (whole + (int) (2 * (scaled - whole)));
        }
    }
}
