package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SharedItemsTest {
    @ParameterizedTest
    @CsvSource({"1,0", "1,4", "2,0", "2,1", "2,7", "3,7", "5,3", "4,64"})
    void everyRankGetsTheResultsOfAllItems(int ranks, int items) {
        int[] borders = new int[items + 1];
        for (int i = 0; i < items; i++) {
            borders[i + 1] = borders[i] + i % 3;
        }
        List<double[]> some = ThreadRanks.run(ranks, communicator -> {
            SharedItems work = SharedItems.of(items, communicator);
            var results = new double[borders[items]];
            for (int i = borders[work.first()]; i < borders[work.end()]; i++) {
                results[i] = 1 / (i + 3.0);
            }
            work.gather(results, borders);
            return results;
        });
        double[] expected = IntStream.range(0, borders[items]).mapToDouble(i -> 1 / (i + 3.0)).toArray();
        assertThat(some).hasSize(ranks).allSatisfy(results -> assertThat(results).isEqualTo(expected));
    }

    @ParameterizedTest
    @CsvSource({"1,4", "2,7", "3,7", "5,3"})
    void asManyResultsOfEachItem(int ranks, int items) {
        List<float[]> rows = ThreadRanks.run(ranks, communicator -> {
            SharedItems work = SharedItems.of(items, communicator);
            var results = new float[2 * items];
            double[] same = new double[items];
            for (int i = work.first(); i < work.end(); i++) {
                results[2 * i] = i + 0.5f;
                results[2 * i + 1] = i == 2 ? Float.NaN : -i;
                same[i] = i;
            }
            work.gather(results);
            work.gather(same);
            assertThat(same).isEqualTo(IntStream.range(0, items).asDoubleStream().toArray());
            return results;
        });
        float[] expected = new float[2 * items];
        for (int i = 0; i < items; i++) {
            expected[2 * i] = i + 0.5f;
            expected[2 * i + 1] = i == 2 ? Float.NaN : -i;
        }
        assertThat(rows).hasSize(ranks).allSatisfy(results -> assertThat(results).isEqualTo(expected));
    }

    @Test
    void whatRank0ComputesReachesAll() {
        for (int ranks : new int[] {1, 2, 5}) {
            List<int[]> all = ThreadRanks.run(ranks, communicator -> {
                int[] some = SharedItems.fromFirst(communicator, () -> {
                    assertThat(communicator.rank()).isZero();
                    return new int[] {3, -1, Integer.MAX_VALUE};
                });
                assertThat(SharedItems.fromFirst(communicator, () -> new int[0])).isEmpty();
                return some;
            });
            assertThat(all).hasSize(ranks).allSatisfy(numbers -> assertThat(numbers).containsExactly(3, -1, Integer.MAX_VALUE));
        }
    }

    @Test
    void itemsAreDividedEvenlyAndProgressIsThatOfAll() {
        int[] sizes = ThreadRanks.run(3, communicator -> SharedItems.of(8, communicator)).stream().mapToInt(SharedItems::size).toArray();
        assertThat(sizes).containsExactly(3, 3, 2);
        assertThat(ThreadRanks.run(3, communicator -> SharedItems.of(8, communicator).ofAll(2))).containsExactly(5, 5, 8);
        assertThat(ThreadRanks.run(3, communicator -> SharedItems.of(1, communicator).ofAll(0))).containsExactly(0, 0, 0);
    }

    @Test
    void bordersThatDoNotFitAreRefused() {
        SharedItems work = SharedItems.of(2, Communicator.single());
        assertThatThrownBy(() -> work.gather(new double[3], 0, 3)).isInstanceOf(TensorException.class)
                .hasMessage("[shared items] 2 borders of 3 results do not fit 2 items");
        assertThatThrownBy(() -> work.gather(new double[3], 0, 1, 2)).isInstanceOf(TensorException.class);
        double[] results = {1, 2, 3};
        work.gather(results, 0, 1, 3);
        assertThat(results).isEqualTo(Arrays.copyOf(new double[] {1, 2, 3}, 3));
    }
}
