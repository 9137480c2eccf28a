package kept.backend.composition;

import kept.backend.AdamWStep;

/** Rounds consecutive f32 to numbers of BF16, up or down by chance, as {@link AdamWStep.Rounding} says. */
public final class StochasticRounding {
    private static final int DROPPED = 16;
    private static final int MASK = 0xffff;
    private static final int EXPONENT = 0x7f800000;
    /** Elements that the four words of a block of random bits serve. */
    private static final int EACH = 8;

    private final AdamWStep.Rounding rounding;
    private final int[] words = new int[4];
    private long element;

    /**
     * Rounds elements from one on.
     *
     * @param rounding the generator's numbers
     * @param first the index of the first element in its parameter, or in the part of it that the step is of
     */
    public StochasticRounding(AdamWStep.Rounding rounding, long first) {
        this.rounding = rounding;
        element = rounding.first() + first;
        if (element % EACH != 0) {
            draw();
        }
    }

    private void draw() {
        Philox.words(element / EACH, rounding.stream(), rounding.seed(), words);
    }

    /**
     * Rounds the next element.
     *
     * @param value its value
     * @return a number of BF16; the value itself if it is not finite
     */
    public float next(float value) {
        int lane = (int) (element % EACH);
        if (lane == 0) {
            draw();
        }
        element++;
        int bits = Float.floatToRawIntBits(value);
        if ((bits & EXPONENT) == EXPONENT) {
            return value;
        }
        int random = words[lane / 2] >>> DROPPED * (lane % 2) & MASK;
        return Float.intBitsToFloat(bits + random & ~MASK);
    }
}
