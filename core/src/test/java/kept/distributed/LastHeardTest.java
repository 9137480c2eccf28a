package kept.distributed;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** When a rank is missing, by a clock that the test sets. */
class LastHeardTest {
    private static final long TIMEOUT = TimeUnit.SECONDS.toNanos(10);

    private long now = Long.MAX_VALUE - TIMEOUT / 2; // Clocks may overflow.
    private final LastHeard heard = new LastHeard(3, TIMEOUT, () -> now);

    @Test
    void aRankThatIsNotHeardOfForTheTimeoutIsMissing() {
        pass(10);
        heard.requireLiving(1);
        heard.hear(2);
        pass(1);
        heard.requireLiving(2);
        assertThatThrownBy(() -> heard.requireLiving(1)).isInstanceOf(RankException.class)
                .hasMessageStartingWith("[ranks] rank 1 has not been heard of for 10 s");
    }

    /** It has heard nothing meanwhile; whoever is silent from then on is missing all the same. */
    @Test
    void aProcessThatWasStoppedItselfNamesNoOther() {
        pass(4);
        now += 2 * TIMEOUT;
        heard.requireLiving(1);
        pass(10);
        heard.requireLiving(1);
        pass(1);
        assertThatThrownBy(() -> heard.requireLiving(1)).isInstanceOf(RankException.class);
    }

    /** Some seconds in which the process runs. */
    private void pass(int seconds) {
        for (int second = 0; second < seconds; second++) {
            now += TimeUnit.SECONDS.toNanos(1);
            heard.look();
        }
    }
}
