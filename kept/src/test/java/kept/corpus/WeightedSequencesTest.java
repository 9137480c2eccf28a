package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WeightedSequencesTest {
    @Test
    void eachSourceHasItsShareAfterAnyNumberOfSequences() {
        TokenSequences mixed = mixed(7, 2, 1);
        int[] counts = new int[3];
        for (int position = 1; position <= 1000; position++) {
            counts[mixed.next(1)[0] / 1_000_000]++;
            assertThat(counts[0]).isBetween((int) (0.7 * position) - 1, (int) (0.7 * position) + 2);
            assertThat(counts[1]).isBetween((int) (0.2 * position) - 1, (int) (0.2 * position) + 2);
        }
        assertThat(counts).containsExactly(700, 200, 100);
    }

    @Test
    void equalWeightsAlternate() {
        int[] turns = Arrays.stream(mixed(1, 1, 1).next(9)).map(id -> id / 1_000_000).toArray();
        assertThat(turns).containsExactly(0, 1, 2, 0, 1, 2, 0, 1, 2);
    }

    @Test
    void noSequenceIsLeftOutOrGivenTwice() {
        int[] ids = mixed(3, 1).next(400);
        assertThat(Arrays.stream(ids).filter(id -> id < 1_000_000)).containsExactlyElementsOf(IntStream.range(0, 300).boxed().toList());
        assertThat(Arrays.stream(ids).filter(id -> id >= 1_000_000).map(id -> id - 1_000_000)).containsExactlyElementsOf(
                IntStream.range(0, 100).boxed().toList());
    }

    @Test
    void aSoughtPositionGivesWhatAnUnbrokenRunGives() {
        TokenSequences unbroken = mixed(0.7, 0.2, 0.1);
        unbroken.next(123);
        int[] expected = unbroken.next(50);
        for (int before : new int[] {0, 5, 400}) {
            TokenSequences resumed = mixed(0.7, 0.2, 0.1);
            resumed.next(before + 1);
            resumed.seek(123);
            assertThat(resumed.position()).isEqualTo(123);
            assertThat(resumed.next(50)).isEqualTo(expected);
        }
    }

    @Test
    void weightsMustBePositive() {
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> mixed(1, bad)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("above 0");
        }
    }

    /** Sources of sequences of one token: the source's number in millions and the sequence's. */
    private static TokenSequences mixed(double... weights) {
        return TokenSequences.mixed(IntStream.range(0, weights.length).mapToObj(Counting::new).toList(), weights);
    }

    private static final class Counting implements TokenSequences {
        private final int source;
        private long position;

        Counting(int source) {
            this.source = source;
        }

        @Override
        public int[] next(int batch) {
            return IntStream.range(0, batch).map(_ -> source * 1_000_000 + (int) position++).toArray();
        }

        @Override
        public long position() {
            return position;
        }

        @Override
        public void seek(long target) {
            position = target;
        }
    }
}
