package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BlockCodesTest {
    @Test
    void theSignedCodeHasAValueAndItsNegativeForEachStepOfSevenDecades() {
        float[] values = BlockCodes.values(true);
        assertThat(values).hasSize(256).isSorted().doesNotHaveDuplicates();
        assertThat(values[127]).isZero();
        assertThat(values[255]).isEqualTo(1);
        for (int i = 0; i < 127; i++) {
            assertThat(values[i]).isEqualTo(-values[254 - i]);
        }
        assertThat(values[128]).isEqualTo(5.5e-7f);
        assertThat(values[254]).isEqualTo(0.99296875f);
    }

    @Test
    void theUnsignedCodeHasTwiceAsMany() {
        float[] values = BlockCodes.values(false);
        assertThat(values).hasSize(256).isSorted().doesNotHaveDuplicates();
        assertThat(values[0]).isZero();
        assertThat(values[1]).isEqualTo(3.25e-7f);
        assertThat(values[2]).isEqualTo(7.75e-7f);
        assertThat(values[254]).isEqualTo(0.996484375f);
        assertThat(values[255]).isEqualTo(1);
    }

    @Test
    void onlyZeroHasTheUnsignedCodeOfZero() {
        assertThat(BlockCodes.bounds(false)[0]).isZero();
        assertThat(BlockCodes.bounds(false)).hasSize(255).isSorted();
        assertThat(BlockCodes.bounds(true)).hasSize(255).isSorted();
    }
}
