package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;

class DivisionTest {
    @Test
    void partsFollowEachOtherAndDifferByOneBlock() {
        for (int ranks = 1; ranks <= 9; ranks++) {
            for (long block : new long[] {1, 2, 7, 256}) {
                for (long elements : new long[] {0, 1, 6, 7, 8, 255, 256, 257, 1000, 4097}) {
                    var division = new Division(elements, ranks, block);
                    long[] blocks = new long[ranks];
                    long position = 0;
                    for (int rank = 0; rank < ranks; rank++) {
                        assertThat(division.begin(rank)).isEqualTo(position);
                        position = division.end(rank);
                        assertThat(division.begin(rank) % block == 0 || division.begin(rank) == elements).isTrue();
                        blocks[rank] = Math.ceilDiv(division.size(rank), block);
                    }
                    assertThat(position).isEqualTo(elements);
                    assertThat(Arrays.stream(blocks).max().getAsLong() - Arrays.stream(blocks).min().getAsLong()).isLessThanOrEqualTo(1);
                }
            }
        }
    }

    @Test
    void hugeTensorsAreDivided() {
        var division = Division.of(Long.MAX_VALUE, 3);
        assertThat(division.size(0)).isEqualTo(Long.MAX_VALUE / 3 + 1);
        assertThat(division.end(2)).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void sensesOfNumbersAreChecked() {
        assertThatThrownBy(() -> new Division(-1, 1, 1)).isInstanceOf(TensorException.class);
        assertThatThrownBy(() -> new Division(4, 0, 1)).isInstanceOf(TensorException.class)
                .hasMessage("[division] 4 elements in blocks of 1 cannot be divided over 0 ranks");
        assertThatThrownBy(() -> new Division(4, 1, 0)).isInstanceOf(TensorException.class);
        assertThatThrownBy(() -> Division.of(4, 2).begin(2)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void leavesAreDividedIntoSubtreesAsEvenAsTheyCanBe() {
        assertThat(sizes(8, 1)).containsExactly(8);
        assertThat(sizes(8, 2)).containsExactly(4, 4);
        assertThat(sizes(8, 3)).containsExactly(2, 2, 4);
        assertThat(sizes(4, 3)).containsExactly(1, 1, 2);
        assertThat(sizes(12, 3)).containsExactly(4, 4, 4);
        assertThat(sizes(24, 3)).containsExactly(8, 8, 8);
        assertThat(sizes(20, 5)).containsExactly(4, 4, 4, 4, 4);
        assertThat(sizes(5, 2)).containsExactly(4, 1);
        assertThat(sizes(6, 3)).containsExactly(2, 2, 2);
        assertThat(sizes(7, 7)).containsExactly(1, 1, 1, 1, 1, 1, 1);
        assertThat(sizes(3, 5)).containsExactly(1, 1, 1, 0, 0);
        assertThat(sizes(1, 2)).containsExactly(1, 0);
    }

    @Test
    void asManyLeavesAsThereCanBe() {
        assertThat(sizes(1L << 62, 2)).containsExactly(1L << 61, 1L << 61);
        for (long count : new long[] {-1, 0, (1L << 62) + 1, Long.MAX_VALUE}) {
            assertThatThrownBy(() -> Leaves.of(count, 2)).isInstanceOf(TensorException.class)
                    .hasMessage("[leaves] " + count + " leaves cannot be divided over 2 ranks; both must be 1 or more");
        }
        assertThatThrownBy(() -> Leaves.of(2, 0)).isInstanceOf(TensorException.class);
    }

    @Test
    void theTextHasTheLeavesOfEachRank() {
        assertThat(Leaves.of(5, 4)).hasToString("5 leaves: 1 1 2 1");
    }

    @Test
    void everyRunIsASubtree() {
        for (int ranks = 1; ranks <= 9; ranks++) {
            for (long count = 1; count <= 70; count++) {
                Leaves leaves = Leaves.of(count, ranks);
                long position = 0;
                for (int rank = 0; rank < ranks; rank++) {
                    assertThat(leaves.first(rank)).isEqualTo(position);
                    position = leaves.end(rank);
                    long size = leaves.size(rank);
                    if (size > 0) {
                        long width = Long.highestOneBit(2 * size - 1);
                        assertThat(leaves.first(rank) % width).isZero();
                        assertThat(size == width || leaves.end(rank) == count).isTrue();
                    }
                    assertThat(size > 0 || count < ranks).isTrue();
                }
                assertThat(position).isEqualTo(count);
            }
        }
    }

    @Test
    void equalRunsWhereTheCountIsRanksTimesAPowerOfTwo() {
        for (int ranks = 1; ranks <= 33; ranks++) {
            for (long each = 1; each <= 16; each *= 2) {
                long expected = each;
                assertThat(sizes(ranks * each, ranks)).containsOnly(expected);
            }
        }
    }

    private static long[] sizes(long count, int ranks) {
        Leaves leaves = Leaves.of(count, ranks);
        return IntStream.range(0, ranks).mapToLong(leaves::size).toArray();
    }
}
