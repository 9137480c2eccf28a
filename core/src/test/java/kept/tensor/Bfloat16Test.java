package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The upper half of an f32. */
class Bfloat16Test {
    @Test
    void everyBitPatternComesBackFromItsFloat() {
        for (int bits = Short.MIN_VALUE; bits <= Short.MAX_VALUE; bits++) {
            float value = Bfloat16.toFloat((short) bits);
            assertThat(Float.floatToRawIntBits(value)).isEqualTo(bits << 16);
            if (Float.isNaN(value)) {
                assertThat(Bfloat16.toFloat(Bfloat16.of(value))).isNaN();
            } else {
                assertThat(Bfloat16.of(value)).isEqualTo((short) bits);
            }
        }
    }

    @Test
    void halvesGoToTheEvenNeighbour() {
        assertThat(Bfloat16.of(Float.intBitsToFloat(0x3f808000))).isEqualTo((short) 0x3f80);
        assertThat(Bfloat16.of(Float.intBitsToFloat(0x3f818000))).isEqualTo((short) 0x3f82);
        assertThat(Bfloat16.of(Float.intBitsToFloat(0x3f808001))).isEqualTo((short) 0x3f81);
        assertThat(Bfloat16.of(Float.intBitsToFloat(0xbf818000))).isEqualTo((short) 0xbf82);
        assertThat(Bfloat16.of(Float.MAX_VALUE)).isEqualTo((short) 0x7f80);
        assertThat(Bfloat16.toFloat(Bfloat16.of(Float.intBitsToFloat(0x7f800001)))).isNaN();
    }
}
