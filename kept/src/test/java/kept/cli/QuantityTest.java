package kept.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

/** Numbers as people write them. */
class QuantityTest {
    @ParameterizedTest
    @CsvSource({
        "500, 500", "0, 0", "+5, 5", "-3, -3", "-1k, -1000", "64k, 64000", "64K, 64000", "64Ki, 65536", "64kI, 65536", "1M, 1000000", "1m, 1000000",
        "1Mi, 1048576", "1.5M, 1500000", "0.5k, 500", "64.0, 64", "1e6, 1000000", "1E6, 1000000", "1.5e+3, 1500", "1_000_000, 1000000",
        "123M, 123000000", "14B, 14000000000", "2G, 2000000000", "1T, 1000000000000", "1Gi, 1073741824", "' 7 ', 7", "4 k, 4000",
        "9223372036854775807, 9223372036854775807", "-9223372036854775808, -9223372036854775808", "8.5Ki, 8704", "007, 7",
    })
    void aCountIsReadExactly(String text, long count) {
        assertThat(new Quantity.OfLong().convert(text)).isEqualTo(count);
    }

    @ParameterizedTest
    @CsvSource({
        "500, 500", "500MB, 500000000", "5GB, 5000000000", "5gb, 5000000000", "5 GB, 5000000000", "5G, 5000000000", "4GiB, 4294967296",
        "4Gi, 4294967296", "1.5GiB, 1610612736", "64K, 64000", "64KiB, 65536", "64kb, 64000", "12B, 12", "2TB, 2000000000000", "1TiB, 1099511627776",
        "1e9, 1000000000",
    })
    void aSizeIsReadExactly(String text, long bytes) {
        assertThat(new ByteSize().convert(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", " ", "k", "x", "1e", "1x", "64KB", "64KiB", "1kk", "1 000", "1,5M", "1.000.000", "1__0", "_1", "1_", "1_k", ".5M", "5.", "1e-3", "0x10",
        "1e999", "\u0661\u0662", "1M tokens", "--5", "NaN", "Infinity", "\uff15",
    })
    void whatIsNoCountIsRefused(String text) {
        assertThatExceptionOfType(TypeConversionException.class).isThrownBy(() -> new Quantity.OfLong().convert(text))
                .withMessageStartingWith("'" + text + "' is not a whole number such as 500, 64k, 1.5M or 1_000_000");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "1.5 | '1.5' is 1.5, which is not a whole number", "1.0001k | '1.0001k' is 1000.1, which is not a whole number",
        "9223372036854775808 | '9223372036854775808' is too large: at most 9,223,372,036,854,775,807",
        "1e99 | '1e99' is too large: at most 9,223,372,036,854,775,807", "9999999T | '9999999T' is too large: at most 9,223,372,036,854,775,807",
        "-1e99 | '-1e99' is too small: at least -9,223,372,036,854,775,808",
        "1,000 | '1,000' is not a whole number such as 500, 64k, 1.5M or 1_000_000, without commas",
    })
    void theReasonSaysWhatIsWrong(String text, String reason) {
        assertThatExceptionOfType(TypeConversionException.class).isThrownBy(() -> new Quantity.OfLong().convert(text)).withMessage(reason);
    }

    @ParameterizedTest
    @CsvSource({"2147483647, 2147483647", "-2147483648, -2147483648", "2G, 2000000000"})
    void whatFitsAnIntIsRead(String text, int count) {
        assertThat(new Quantity.OfInt().convert(text)).isEqualTo(count);
    }

    @ParameterizedTest
    @ValueSource(strings = {"2147483648", "2Gi", "3G"})
    void whatDoesNotFitAnIntIsTooLarge(String text) {
        assertThatExceptionOfType(TypeConversionException.class).isThrownBy(() -> new Quantity.OfInt().convert(text))
                .withMessage("'%s' is too large: at most 2,147,483,647".formatted(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"5 gigabytes", "5GBit", "5B B", "big", "", "1.5.5GB", "5m3"})
    void whatIsNoSizeIsRefused(String text) {
        assertThatExceptionOfType(TypeConversionException.class).isThrownBy(() -> new ByteSize().convert(text))
                .withMessage("'%s' is not a size such as 500MB, 5GB or 4GiB".formatted(text));
    }
}
