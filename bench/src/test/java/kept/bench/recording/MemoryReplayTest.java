package kept.bench.recording;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import kept.bench.recording.Recording.Allocation;
import kept.bench.recording.Recording.Event;
import kept.bench.recording.Recording.Free;
import org.junit.jupiter.api.Test;

class MemoryReplayTest {
    private static final long CHUNK = 32L << 20;

    private static MemoryReplay replay(Event... events) {
        return MemoryReplay.of(List.of(events));
    }

    @Test
    void theLiveBlocksAreCountedInMultiplesOf256Bytes() {
        assertThat(replay(new Allocation(1, 1), new Allocation(2, 257), new Free(1), new Allocation(3, 256)))
                .isEqualTo(new MemoryReplay(768, 768, CHUNK));
    }

    @Test
    void aBlockDoesNotFitIntoSmallerHoles() {
        assertThat(replay(new Allocation(1, 256), new Allocation(2, 256), new Allocation(3, 256), new Allocation(4, 256), new Free(1), new Free(3),
                new Allocation(5, 512))).isEqualTo(new MemoryReplay(1024, 1536, CHUNK));
    }

    @Test
    void adjacentHolesAreJoined() {
        Allocation last = new Allocation(4, 256);
        assertThat(replay(new Allocation(1, 256), new Allocation(2, 256), new Allocation(3, 256), last, new Free(1), new Free(3), new Free(2),
                new Allocation(5, 768))).isEqualTo(new MemoryReplay(1024, 1024, CHUNK));
    }

    @Test
    void theSmallestHoleIsTaken() {
        assertThat(replay(new Allocation(1, 1024), new Allocation(2, 256), new Allocation(3, 256), new Allocation(4, 256), new Free(1), new Free(3),
                new Allocation(5, 256), new Allocation(6, 1024))).isEqualTo(new MemoryReplay(1792, 1792, CHUNK));
    }

    @Test
    void memoryAboveTheLastBlockIsGivenBack() {
        assertThat(replay(new Allocation(1, 256), new Allocation(2, 512), new Free(2), new Allocation(3, 256), new Allocation(4, 256)))
                .isEqualTo(new MemoryReplay(768, 768, CHUNK));
    }

    @Test
    void chunksCountWhileABlockUsesAPartOfThem() {
        // The second block begins in the third chunk and ends in the fourth.
        assertThat(replay(new Allocation(1, 2 * CHUNK + 256), new Allocation(2, CHUNK), new Free(1), new Allocation(3, 3 * CHUNK)))
                .isEqualTo(new MemoryReplay(4 * CHUNK, 6 * CHUNK + 256, 5 * CHUNK));
    }
}
