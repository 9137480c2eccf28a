package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskGroupsTest {
    private final int threads = WorkerPool.shared().threads();

    @AfterEach
    void restoreThreads() {
        WorkerPool.shareThreads(threads);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void everyTaskOfEveryGroupRunsOnceBesideEmptyGroups(int count) {
        WorkerPool.shareThreads(count);
        int[] sizes = {0, 3, 0, 0, 100, 1, 0};
        for (int repeat = 0; repeat < 100; repeat++) {
            AtomicIntegerArray runs = new AtomicIntegerArray(700);
            new TaskGroups(sizes).run(true, (group, task) -> runs.incrementAndGet(100 * group + task));
            for (int i = 0; i < 700; i++) {
                assertThat(runs.get(i)).isEqualTo(i % 100 < sizes[i / 100] ? 1 : 0);
            }
        }
    }

    @Test
    void callerRunsTasksInOrderWithoutThreads() {
        List<String> order = new ArrayList<>();
        TaskGroups groups = new TaskGroups(2, 0, 3);
        groups.run(false, (group, task) -> {
            assertThat(group == 0 || groups.await(0)).isTrue();
            order.add(group + "." + task);
        });
        assertThat(order).containsExactly("0.0", "0.1", "2.0", "2.1", "2.2");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5})
    void taskWaitsForAllTasksOfAnEarlierGroup(int count) {
        WorkerPool.shareThreads(count);
        for (int repeat = 0; repeat < 50; repeat++) {
            AtomicInteger first = new AtomicInteger();
            AtomicInteger early = new AtomicInteger();
            TaskGroups groups = new TaskGroups(7, 20);
            groups.run(true, (group, task) -> {
                if (group == 0) {
                    LockSupport.parkNanos(task == 6 ? 1_000_000 : 1000);
                    first.incrementAndGet();
                } else if (!groups.await(0) || first.get() != 7) {
                    early.incrementAndGet();
                }
            });
            assertThat(early).hasValue(0);
        }
    }

    @Test
    void failureEndsWaitingAndReachesTheCaller() {
        WorkerPool.shareThreads(3);
        for (int repeat = 0; repeat < 50; repeat++) {
            AtomicInteger completed = new AtomicInteger();
            TaskGroups groups = new TaskGroups(2, 20);
            assertThatThrownBy(() -> groups.run(true, (group, task) -> {
                if (group == 0 && task == 1) {
                    LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
                    throw new IllegalStateException("a task fails");
                }
                if (group == 1 && groups.await(0)) {
                    completed.incrementAndGet();
                }
            })).isInstanceOf(IllegalStateException.class).hasMessage("a task fails");
            assertThat(completed).hasValue(0);
        }
    }
}
