package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranges of rows that threads claim, long ones first. */
class GuidedRangesTest {
    private static final int SHORTEST = 4;
    private static final int LONGEST = 32;
    private static final int[][] ROWS = {{}, {0}, {1}, {4}, {5, 0, 7}, {16, 16, 16}, {1000}, {33, 1, 999, 0}, {3, 3, 3, 3}};

    private final int threads = WorkerPool.shared().threads();

    @AfterEach
    void restoreThreads() {
        WorkerPool.shareThreads(threads);
    }

    @Test
    void rangesOfAMatrixFollowOneAnotherInWholeShortestOnes() {
        for (int[] rows : ROWS) {
            for (int count : new int[] {1, 2, 3, 64}) {
                int[] next = new int[rows.length];
                int matrix = 0;
                for (GuidedRanges.Range range : GuidedRanges.divide(rows, SHORTEST, LONGEST, count)) {
                    assertThat(range.matrix()).isGreaterThanOrEqualTo(matrix);
                    matrix = range.matrix();
                    assertThat(range.first()).isEqualTo(next[matrix]);
                    next[matrix] += range.count();
                    assertThat(range.count()).isBetween(1, LONGEST);
                    assertThat(range.count() % SHORTEST == 0 || next[matrix] == rows[matrix]).isTrue();
                }
                assertThat(next).isEqualTo(rows);
            }
        }
    }

    /** 24 rows are six of the shortest ranges: 6 / 4 is 1, and so on; with one thread 3, then 1. */
    @Test
    void eachRangeIsAShareOfWhatIsLeft() {
        assertThat(counts(2, 24)).containsExactly(4, 4, 4, 4, 4, 4);
        assertThat(counts(1, 24)).containsExactly(12, 4, 4, 4);
        assertThat(counts(2, 64)).containsExactly(16, 12, 8, 4, 4, 4, 4, 4, 4, 4);
        assertThat(counts(2, 1000)).startsWith(32, 32, 32).endsWith(8, 4, 4, 4, 4, 4, 4, 4);
        assertThat(counts(2, 64, 64)).startsWith(32, 24, 8, 16, 12);
    }

    private static List<Integer> counts(int threads, int... rows) {
        return GuidedRanges.divide(rows, SHORTEST, LONGEST, threads).stream().map(GuidedRanges.Range::count).toList();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void workRunsOnceForEachRow(int count) {
        WorkerPool.shareThreads(count);
        for (boolean parallel : new boolean[] {false, true}) {
            for (int[] rows : ROWS) {
                AtomicIntegerArray runs = new AtomicIntegerArray(1000 * rows.length);
                GuidedRanges.run(parallel, rows, SHORTEST, LONGEST, (matrix, first, some) -> {
                    for (int row = first; row < first + some; row++) {
                        runs.incrementAndGet(1000 * matrix + row);
                    }
                });
                for (int i = 0; i < runs.length(); i++) {
                    assertThat(runs.get(i)).isEqualTo(i % 1000 < rows[i / 1000] ? 1 : 0);
                }
            }
        }
    }
}
