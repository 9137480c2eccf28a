package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DTypeTest {
    @ParameterizedTest
    @CsvSource({
        "BOOL, BOOL, BOOL", "BOOL, U8, U8", "BOOL, I32, I32", "BOOL, I64, I64", "BOOL, F16, F16", "BOOL, BF16, BF16", "BOOL, F32, F32",
        "BOOL, F64, F64",
        "U8, U8, U8", "U8, I32, I32", "U8, I64, I64", "U8, F16, F16", "U8, BF16, BF16", "U8, F32, F32", "U8, F64, F64",
        "I32, I32, I32", "I32, I64, I64", "I32, F16, ", "I32, BF16, ", "I32, F32, ", "I32, F64, F64",
        "I64, I64, I64", "I64, F16, ", "I64, BF16, ", "I64, F32, ", "I64, F64, ",
        "F16, F16, F16", "F16, BF16, F32", "F16, F32, F32", "F16, F64, F64",
        "BF16, BF16, BF16", "BF16, F32, F32", "BF16, F64, F64", "F32, F32, F32", "F32, F64, F64", "F64, F64, F64"
    })
    void theCommonTypeOfTwoHoldsTheNumbersOfBoth(DType a, DType b, DType common) {
        if (common == null) {
            assertThatExceptionOfType(DTypeException.class).isThrownBy(() -> a.promote(b))
                    .withMessage("[promote] operands are %s and %s; cast one of them first", a.label(), b.label());
            assertThatExceptionOfType(DTypeException.class).isThrownBy(() -> b.promote(a));
        } else {
            assertThat(a.promote(b)).isEqualTo(common);
            assertThat(b.promote(a)).isEqualTo(common);
        }
    }

    @Test
    void nullIsNoType() {
        assertThatExceptionOfType(TensorException.class).isThrownBy(() -> DType.F32.promote(null)).withMessage("[promote] the other type is null");
    }
}
