package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Places of blocks, compared with a search through all bytes. */
class BestFitTest {
    private static final int MOST = 400;

    /** The place by definition: the smallest run of unused bytes below the end that is long enough, the lowest of equal ones, or the end. */
    private static int expected(TreeMap<Long, Long> blocks, long bytes) {
        int end = blocks.isEmpty() ? 0 : (int) (blocks.lastKey() + blocks.lastEntry().getValue());
        boolean[] used = new boolean[end];
        blocks.forEach((at, size) -> Arrays.fill(used, at.intValue(), (int) (at + size), true));
        int best = -1;
        int bestLength = Integer.MAX_VALUE;
        for (int at = 0; at < end;) {
            int from = at;
            while (at < end && !used[at]) {
                at++;
            }
            if (at - from >= bytes && at - from < bestLength) {
                best = from;
                bestLength = at - from;
            }
            at += at == from ? 1 : 0;
        }
        return best >= 0 ? best : end + bytes <= MOST ? end : -1;
    }

    @Test
    void blocksTakeTheSmallestHoleAndFreedHolesJoin() {
        var random = new SplittableRandom(7);
        int refused = 0;
        for (int round = 0; round < 200; round++) {
            var places = new BestFit(MOST);
            var blocks = new TreeMap<Long, Long>();
            for (int turn = 0; turn < 60; turn++) {
                if (!blocks.isEmpty() && random.nextInt(5) < 2) {
                    List<Long> all = new ArrayList<>(blocks.keySet());
                    long at = all.get(random.nextInt(all.size()));
                    places.free(at);
                    blocks.remove(at);
                } else {
                    long bytes = 1 + random.nextInt(40);
                    int expected = expected(blocks, bytes);
                    assertThat(places.allocate(bytes)).isEqualTo(expected);
                    refused += expected < 0 ? 1 : 0;
                    if (expected >= 0) {
                        blocks.put((long) expected, bytes);
                    }
                }
                assertUnused(places, blocks, random.nextInt(MOST), 1 + random.nextInt(20));
            }
        }
        assertThat(refused).isPositive();
    }

    private static void assertUnused(BestFit places, TreeMap<Long, Long> blocks, long from, long bytes) {
        boolean used = blocks.entrySet().stream().anyMatch(block -> block.getKey() < from + bytes && from < block.getKey() + block.getValue());
        long end = blocks.isEmpty() ? 0 : blocks.lastKey() + blocks.lastEntry().getValue();
        assertThat(places.isUnused(from, from + bytes)).as("%d bytes at %d of %s", bytes, from, blocks).isEqualTo(!used);
        assertThat(places.end()).isEqualTo(end);
    }
}
