package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import org.junit.jupiter.api.Test;

/** A training loop that has warmed up lives on what it has. */
class SteadyStepTest {
    private static final int WARM_UP_STEPS = 3;
    /** Enough for the compiler to get to all loops: until then, the Vector API makes an object of every vector. */
    private static final int MOST_STEPS = 600;

    @Test
    void takesNoMemoryFromTheSystemAndNoMoreOfTheHeapForALargerModel() {
        var small = new XkdSteps.Size(32, 2, 2, 96, 128, 32, 2);
        var large = new XkdSteps.Size(128, 2, 2, 384, 1024, 32, 2);
        long bytes = leastHeapBytes(small, 0);
        // What grows are the tasks that rows are divided into.
        long bound = bytes * 5 / 4;
        assertThat(leastHeapBytes(large, bound)).as("heap bytes of a step; a twentieth of the model takes %d", bytes).isLessThanOrEqualTo(bound);
    }

    /** The least that any of many steps allocates; at once when a step keeps to what is enough. No step may take memory from the system. */
    private static long leastHeapBytes(XkdSteps.Size size, long enough) {
        long least = Long.MAX_VALUE;
        try (var steps = new XkdSteps(Device.cpu(), DType.F32, size, WARM_UP_STEPS + MOST_STEPS, false, AdamW.Storage.PLAIN)) {
            for (int i = 0; i < WARM_UP_STEPS; i++) {
                steps.next();
            }
            for (int i = 0; i < MOST_STEPS && least > enough; i++) {
                XkdSteps.Cost cost = steps.next();
                assertThat(cost.nativeBytes()).as("bytes from the system in step %d", WARM_UP_STEPS + i).isZero();
                least = Math.min(least, cost.heapBytes());
            }
        }
        return least;
    }
}
