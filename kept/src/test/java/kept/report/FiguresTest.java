package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FiguresTest {
    @ParameterizedTest
    @CsvSource({"0, 0", "0.0523412, 0.0523", "0.00287, 0.00287", "0.5, 0.500", "8.25, 8.25", "12345.6, 12346", "1e-13, 1.00e-13", "3e8, 3.00e+08",
        "-0.25, -0.250", "NaN, n/a", "Infinity, n/a"})
    void threeDigitsAtAnySize(double value, String text) {
        assertThat(Figures.significant(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "-5.39e-11, 0 (noise)", "9.9e-10, 0 (noise)", "1e-9, 1.00e-09", "0.00287, 0.00287", "-2e-6, -2.00e-06", "NaN, n/a"})
    void aDivergenceWithinTheNoiseIsNoFigure(double value, String text) {
        assertThat(Figures.divergence(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0.0523412, 0.00287, 18.2x smaller", "0.25, 0.5, 2.0x larger", "0.25, 0.25, unchanged", "0.25, 0, to nothing",
        "0, 0.25, from nothing", "NaN, 0.25, n/a", "'0.5', '5e-7', '1,000,000x smaller'",
        "-5e-11, 3e-10, both negligible", "0.25, -5e-11, to nothing", "4e-10, 0.25, from nothing"})
    void changesInWords(double before, double after, String text) {
        assertThat(Figures.change(before, after)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"999, 999", "12345, '12,345'", "5123456, 5.1 million", "14500000000, 14.5 billion"})
    void largeCountsInWords(long value, String text) {
        assertThat(Figures.rounded(value)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"12.3412, 12.34", "123456, 1.23e+05", "NaN, n/a"})
    void perplexities(double value, String text) {
        assertThat(Figures.perplexity(value)).isEqualTo(text);
    }
}
