package kept.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Learning rates step by step. */
class LearningRateScheduleTest {
    private static final Offset<Double> EXACT = Offset.offset(1e-15);

    @Test
    void constantRateRisesLinearlyAndStays() {
        var schedule = new LearningRateSchedule.Constant(0.1, 4);
        assertThat(schedule.at(1)).isCloseTo(0.025, EXACT);
        assertThat(schedule.at(2)).isCloseTo(0.05, EXACT);
        assertThat(schedule.at(3)).isCloseTo(0.075, EXACT);
        assertThat(schedule.at(4)).isEqualTo(0.1);
        assertThat(schedule.at(1_000_000)).isEqualTo(0.1);
        assertThat(new LearningRateSchedule.Constant(0.1, 0).at(1)).isEqualTo(0.1);
    }

    @Test
    void cosineFallsFromThePeakToTheFloor() {
        var schedule = new LearningRateSchedule.Cosine(0.1, 2, 10, 0.1);
        assertThat(schedule.at(1)).isCloseTo(0.05, EXACT);
        assertThat(schedule.at(2)).isCloseTo(0.1, EXACT);
        assertThat(schedule.at(4)).isCloseTo(0.08681980515339464, EXACT);
        assertThat(schedule.at(6)).isCloseTo(0.055, EXACT);
        assertThat(schedule.at(8)).isCloseTo(0.023180194846605365, EXACT);
        assertThat(schedule.at(10)).isCloseTo(0.01, EXACT);
        assertThat(schedule.at(11)).isCloseTo(0.01, EXACT);
    }

    @Test
    void cosineWithoutWarmUpOrWithNothingElse() {
        assertThat(new LearningRateSchedule.Cosine(1, 0, 4, 0).at(1)).isCloseTo(0.8535533905932737, EXACT);
        assertThat(new LearningRateSchedule.Cosine(1, 0, 4, 0).at(4)).isCloseTo(0, EXACT);
        var onlyWarmUp = new LearningRateSchedule.Cosine(1, 2, 2, 0.5);
        assertThat(onlyWarmUp.at(2)).isEqualTo(1);
        assertThat(onlyWarmUp.at(3)).isEqualTo(0.5);
    }

    @Test
    void numbersOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new LearningRateSchedule.Constant(-1, 0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("peak");
        assertThatThrownBy(() -> new LearningRateSchedule.Constant(1, -1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("warm-up");
        assertThatThrownBy(() -> new LearningRateSchedule.Cosine(1, 5, 4, 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("[learning rate] 5 warm-up steps do not fit into 4 steps");
        assertThatThrownBy(() -> new LearningRateSchedule.Cosine(1, 0, 4, 1.5)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("floor");
        assertThatThrownBy(() -> new LearningRateSchedule.Constant(1, 0).at(0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("[learning rate] steps are counted from 1, not 0");
    }
}
