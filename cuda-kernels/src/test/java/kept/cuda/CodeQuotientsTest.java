package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import kept.backend.BlockCodes;
import org.junit.jupiter.api.Test;

/**
 * Quotients by a reciprocal with one correction, as AdamW's kernel computes them, are on the same side of each bound between codes as rounded
 * quotients. Powers of 2 make no difference, so that the significands of divisors and, for each, the numbers around the bound are all cases: of the
 * divisors every 509th here, and all of them with {@code -Dkept.thorough}.
 */
class CodeQuotientsTest {
    private static final int SIGNIFICANDS = 1 << 23;
    private static final int STEP = System.getProperty("kept.thorough") == null ? 509 : 1;
    private static final int ONE = Float.floatToRawIntBits(1);

    private static boolean differs(float bound, float number, float divisor) {
        float reciprocal = 1 / divisor;
        float close = number * reciprocal;
        float quotient = Math.fma(Math.fma(-close, divisor, number), reciprocal, close);
        float exact = number / divisor;
        return quotient > bound != exact > bound || quotient >= bound != exact >= bound;
    }

    @Test
    void quotientsAreOnTheRightSideOfEveryBound() {
        for (boolean signed : new boolean[] {true, false}) {
            float[] bounds = BlockCodes.bounds(signed);
            assertThat(Arrays.stream(toDoubles(bounds)).filter(bound -> bound > 0).count()).isEqualTo(signed ? 128 : 254);
            for (float bound : bounds) {
                for (int significand = 0; bound > 0 && significand < SIGNIFICANDS; significand += STEP) {
                    float divisor = Float.intBitsToFloat(ONE | significand);
                    int near = Float.floatToRawIntBits(bound * divisor);
                    for (int i = -2; i <= 2; i++) {
                        if (differs(bound, Float.intBitsToFloat(near + i), divisor)) {
                            throw new AssertionError("%s by %s, and the bound %s".formatted(Float.intBitsToFloat(near + i), divisor, bound));
                        }
                    }
                }
            }
        }
    }

    private static double[] toDoubles(float... values) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            doubles[i] = values[i];
        }
        return doubles;
    }
}
