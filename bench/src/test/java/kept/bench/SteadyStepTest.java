package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Device;
import org.junit.jupiter.api.Test;

/** A warmed-up training loop reuses the pool's memory, and its heap allocation does not depend on the size of the model. */
class SteadyStepTest {
    private static final int WARM_UP_STEPS = 3;
    /** Enough for all loops to be compiled: until then, the Vector API allocates an object per vector. */
    private static final int MAX_STEPS = 3000;

    @Test
    void takesNoMemoryFromTheSystemAndNoMoreHeapForALargerModel() {
        var small = new XkdSteps.Size(32, 2, 2, 96, 128, 32, 2);
        var large = new XkdSteps.Size(128, 2, 2, 384, 1024, 32, 2);
        long bytes = leastHeapBytes(small, 0);
        // A larger model is divided into more parallel tasks.
        long bound = bytes * 5 / 4;
        assertThat(leastHeapBytes(large, bound)).as("heap bytes of a step; a model 20 times smaller takes %d", bytes).isLessThanOrEqualTo(bound);
    }

    /** The smallest heap allocation of a step; returns early once it is at most {@code enough}. No step may take memory from the system. */
    private static long leastHeapBytes(XkdSteps.Size size, long enough) {
        long least = Long.MAX_VALUE;
        try (var steps = new XkdSteps(Device.cpu(), DType.F32, size, WARM_UP_STEPS + MAX_STEPS, false, AdamW.Storage.PLAIN)) {
            for (int i = 0; i < WARM_UP_STEPS; i++) {
                steps.next();
            }
            for (int i = 0; i < MAX_STEPS && least > enough; i++) {
                XkdSteps.Cost cost = steps.next();
                assertThat(cost.nativeBytes()).as("bytes from the system in step %d", WARM_UP_STEPS + i).isZero();
                least = Math.min(least, cost.heapBytes());
            }
        }
        return least;
    }
}
