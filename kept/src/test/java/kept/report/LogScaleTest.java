package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.DoubleStream;
import kept.evaluation.Interval;
import org.junit.jupiter.api.Test;

class LogScaleTest {
    @Test
    void everyDivergenceHasALengthBetweenWholePowers() {
        LogScale scale = LogScale.of(DoubleStream.of(0.5, 4e-6, Double.NaN, 1e-12, -3e-11, Double.POSITIVE_INFINITY));
        assertThat(scale.ends()).isEqualTo("1e-6 to 1");
        assertThat(scale.at(1e-3)).isEqualTo("50.00");
        assertThat(scale.at(4e-6)).isEqualTo("10.03");
        assertThat(scale.at(1e-12)).as("noise").isEqualTo("0.00");
        assertThat(scale.at(Double.NaN)).isEqualTo("0.00");
        assertThat(scale.between(new Interval(1e-4, 1e-3))).isEqualTo("16.67");
        assertThat(scale.between(new Interval(Double.NaN, Double.NaN))).isEqualTo("0.00");
    }

    @Test
    void aPowerOfTenItselfIsNotAtTheLeftEnd() {
        assertThat(LogScale.of(DoubleStream.of(0.01)).ends()).isEqualTo("1e-3 to 1e-2");
        assertThat(LogScale.of(DoubleStream.of(0.01)).at(0.01)).isEqualTo("100.00");
        assertThat(LogScale.of(DoubleStream.of(15, 30)).ends()).isEqualTo("1e1 to 1e2");
    }

    @Test
    void whereAllIsNoiseThereIsStillAScale() {
        LogScale scale = LogScale.of(DoubleStream.of(0, -1e-12));
        assertThat(scale.ends()).isEqualTo("1e-1 to 1");
        assertThat(scale.at(0)).isEqualTo("0.00");
    }
}
