package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import kept.backend.cpu.Workspace.Slot;
import org.junit.jupiter.api.Test;

class WorkspaceTest {
    private final Workspace workspace = Workspace.ofThread();

    @Test
    void memoryIsLongEnoughAndUsedAgainWhereItIs() {
        float[] floats = workspace.floats(Slot.ROW, 5000);
        double[] doubles = workspace.doubles(Slot.ROW, 5000);
        MemorySegment segment = workspace.segment(Slot.ROW, 5000);
        assertThat(floats.length).isGreaterThanOrEqualTo(5000);
        assertThat(doubles.length).isGreaterThanOrEqualTo(5000);
        assertThat(segment.byteSize()).isGreaterThanOrEqualTo(20_000);
        assertThat(segment.address() % MemoryPool.ALIGNMENT).isZero();
        for (int count : new int[] {1, 4999, 5000}) {
            assertThat(workspace.floats(Slot.ROW, count)).isSameAs(floats);
            assertThat(workspace.doubles(Slot.ROW, count)).isSameAs(doubles);
            assertThat(workspace.segment(Slot.ROW, count)).isSameAs(segment);
        }
        int longer = (int) (segment.byteSize() / Float.BYTES) + 1;
        assertThat(workspace.segment(Slot.ROW, longer).byteSize()).isGreaterThanOrEqualTo(4L * longer);
        assertThat(workspace.doubles(Slot.ROW, doubles.length + 1).length).isGreaterThan(doubles.length);
    }

    @Test
    void whatGrowsLittleByLittleNeedsNewMemorySeldom() {
        float[] array = workspace.floats(Slot.KEYS, 10_000);
        int grown = 0;
        int most = array.length / 10 * 12;
        for (int count = array.length; count < most; count++) {
            float[] now = workspace.floats(Slot.KEYS, count);
            grown += now == array ? 0 : 1;
            assertThat(now.length).isBetween(count, 2 * count);
            array = now;
        }
        assertThat(grown).isOne();
    }

    @Test
    void slotsPartsAndThreadsDoNotShare() throws InterruptedException {
        assertThat(workspace.floats(Slot.ROW, 10)).isNotSameAs(workspace.floats(Slot.TILE, 10));
        assertThat(workspace.floats(Slot.RUNS, 0, 10)).isNotSameAs(workspace.floats(Slot.RUNS, 1, 10));
        assertThat(workspace.segment(Slot.RUNS, 0, 10)).isNotSameAs(workspace.segment(Slot.RUNS, 1, 10));
        assertThat(workspace.doubles(Slot.ROW, 10)).isNotSameAs(workspace.doubles(Slot.TILE, 10));
        var other = new AtomicReference<Workspace>();
        Thread thread = Thread.ofPlatform().start(() -> other.set(Workspace.ofThread()));
        thread.join();
        assertThat(other.get()).isNotSameAs(workspace);
    }
}
