package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import kept.backend.AdamWStep;
import kept.backend.composition.Philox;

/** Rounds f32 to numbers of BF16, up or down by chance, as {@link AdamWStep.Rounding} says. */
final class StochasticRounding {
    private static final int DROPPED = 16;
    private static final int MASK = 0xffff;
    private static final int EXPONENT = 0x7f800000;
    /** Elements that the four words of a block of random bits serve. */
    private static final int EACH = 8;

    private StochasticRounding() {}

    /**
     * Rounds some elements in place.
     *
     * @param rounding the generator's numbers
     * @param first the number of the first element in its parameter
     * @param x the elements
     * @param count how many
     */
    static void round(AdamWStep.Rounding rounding, long first, MemorySegment x, int count) {
        x = NativeView.of(x);
        int[] words = new int[4];
        for (int i = 0; i < count; i++) {
            int lane = (int) ((first + i) % EACH);
            if (i == 0 || lane == 0) {
                Philox.words((first + i) / EACH, rounding.stream(), rounding.seed(), words);
            }
            int bits = Float.floatToRawIntBits(x.get(JAVA_FLOAT, 4L * i));
            if ((bits & EXPONENT) != EXPONENT) {
                int random = words[lane / 2] >>> DROPPED * (lane % 2) & MASK;
                x.set(JAVA_FLOAT, 4L * i, Float.intBitsToFloat(bits + random & ~MASK));
            }
        }
    }
}
