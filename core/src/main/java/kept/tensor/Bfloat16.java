package kept.tensor;

/** The conversions between f32 and the bits of {@link DType#BF16}, its upper half. */
public final class Bfloat16 {
    private static final int INFINITY_BITS = 0x7f800000;

    private Bfloat16() {}

    /**
     * Widens, which is exact.
     *
     * @param bits the upper half of an f32
     * @return the f32
     */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << Short.SIZE);
    }

    /**
     * Rounds to nearest even; NaN stays NaN. The addition carries into the upper half if the lower half is above one half of its range, or equal to
     * it while the upper half is odd.
     *
     * @param value an f32
     * @return the bits of the nearest bf16
     */
    public static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & Integer.MAX_VALUE) > INFINITY_BITS) {
            return (short) (bits >> Short.SIZE | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >> Short.SIZE & 1) >> Short.SIZE);
    }
}
