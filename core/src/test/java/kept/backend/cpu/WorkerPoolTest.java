package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerPoolTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void everyTaskRunsExactlyOnceInEveryKernel(int threads) {
        try (WorkerPool pool = new WorkerPool(threads)) {
            assertThat(pool.threads()).isEqualTo(threads);
            for (int tasks : new int[] {0, 1, 2, 7, 1000}) {
                for (int repeat = 0; repeat < 200; repeat++) {
                    AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
                    pool.run(tasks, runs::incrementAndGet);
                    for (int i = 0; i < tasks; i++) {
                        assertThat(runs.get(i)).isEqualTo(1);
                    }
                }
            }
        }
    }

    @Test
    void workersThatSleepAreWoken() throws InterruptedException {
        try (WorkerPool pool = new WorkerPool(2)) {
            for (int repeat = 0; repeat < 20; repeat++) {
                LockSupport.parkNanos(2_000_000);
                CountDownLatch both = new CountDownLatch(2);
                pool.run(2, task -> {
                    both.countDown();
                    try {
                        both.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
                assertThat(both.getCount()).isZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void exceptionOfATaskReachesTheCallerAndThePoolGoesOn(int threads) {
        try (WorkerPool pool = new WorkerPool(threads)) {
            for (int failing = 0; failing < 50; failing++) {
                int bad = failing;
                assertThatThrownBy(() -> pool.run(50, task -> {
                    if (task == bad) {
                        throw new IllegalStateException("task " + task);
                    }
                })).isInstanceOf(IllegalStateException.class).hasMessage("task " + bad);
            }
            assertThatThrownBy(() -> pool.run(4, task -> {
                throw new AssertionError("error");
            })).isInstanceOf(AssertionError.class);
            AtomicInteger sum = new AtomicInteger();
            pool.run(10, sum::addAndGet);
            assertThat(sum).hasValue(45);
        }
    }

    @Test
    void kernelInsideATaskRunsInThatTask() {
        try (WorkerPool pool = new WorkerPool(3)) {
            AtomicInteger inner = new AtomicInteger();
            pool.run(20, task -> {
                Thread outer = Thread.currentThread();
                pool.run(10, nested -> {
                    assertThat(Thread.currentThread()).isSameAs(outer);
                    inner.incrementAndGet();
                });
            });
            assertThat(inner).hasValue(200);
        }
    }

    @Test
    void severalThreadsMaySubmitAtOnce() throws InterruptedException {
        try (WorkerPool pool = new WorkerPool(3)) {
            AtomicInteger total = new AtomicInteger();
            AtomicReference<Throwable> failure = new AtomicReference<>();
            List<Thread> callers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                callers.add(Thread.ofPlatform().uncaughtExceptionHandler((thread, e) -> failure.set(e)).start(() -> {
                    for (int repeat = 0; repeat < 300; repeat++) {
                        pool.run(11, task -> total.incrementAndGet());
                    }
                }));
            }
            for (Thread caller : callers) {
                caller.join();
            }
            assertThat(failure.get()).isNull();
            assertThat(total).hasValue(4 * 300 * 11);
        }
    }

    @Test
    void anInterruptedCallerGetsItsKernelDoneAndStaysInterrupted() {
        try (WorkerPool pool = new WorkerPool(2)) {
            AtomicIntegerArray runs = new AtomicIntegerArray(8);
            Thread.currentThread().interrupt();
            pool.run(8, task -> {
                LockSupport.parkNanos(3_000_000);
                runs.incrementAndGet(task);
            });
            assertThat(Thread.interrupted()).isTrue();
            for (int task = 0; task < runs.length(); task++) {
                assertThat(runs.get(task)).isEqualTo(1);
            }
        }
    }

    @Test
    void theFailureOfOneCallersKernelDoesNotReachAnother() throws InterruptedException {
        try (WorkerPool pool = new WorkerPool(3)) {
            AtomicInteger failures = new AtomicInteger();
            Thread failing = Thread.ofPlatform().start(() -> {
                for (int repeat = 0; repeat < 300; repeat++) {
                    try {
                        pool.run(7, _ -> {
                            throw new IllegalStateException("meant to fail");
                        });
                    } catch (IllegalStateException e) {
                        failures.incrementAndGet();
                    }
                }
            });
            AtomicInteger total = new AtomicInteger();
            for (int repeat = 0; repeat < 300; repeat++) {
                pool.run(7, _ -> total.incrementAndGet());
            }
            failing.join();
            assertThat(total).hasValue(300 * 7);
            assertThat(failures).hasValue(300);
        }
    }

    /** Whichever task fails, in a worker or in the caller, with an exception or an error: the kernel ends,
            and the next one has all its tasks done once. */
    @Test
    void afterATaskFailedThePoolWorksAsBefore() {
        try (WorkerPool pool = new WorkerPool(3)) {
            for (int round = 0; round < 200; round++) {
                int bad = round % 40;
                boolean isError = round % 3 == 0;
                AtomicInteger others = new AtomicInteger();
                assertThatThrownBy(() -> pool.run(40, task -> {
                    if (task == bad) {
                        if (isError) {
                            throw new AssertionError("meant to fail");
                        }
                        throw new IllegalStateException("meant to fail");
                    }
                    others.incrementAndGet();
                })).isInstanceOf(isError ? AssertionError.class : IllegalStateException.class).hasMessage("meant to fail");
                assertThat(others.get()).as("tasks beside the one that failed").isLessThan(40);
                AtomicIntegerArray runs = new AtomicIntegerArray(50);
                pool.run(50, runs::incrementAndGet);
                for (int task = 0; task < runs.length(); task++) {
                    assertThat(runs.get(task)).as("round %d, task %d", round, task).isEqualTo(1);
                }
            }
        }
    }

    @Test
    void whatIsNotYetClaimedIsDroppedWhenATaskFails() {
        for (int threads : new int[] {1, 3}) {
            try (WorkerPool pool = new WorkerPool(threads)) {
                AtomicInteger done = new AtomicInteger();
                assertThatThrownBy(() -> pool.run(1_000_000, _ -> {
                    if (done.incrementAndGet() == 10) {
                        throw new IllegalStateException("the tenth fails");
                    }
                })).isInstanceOf(IllegalStateException.class);
                assertThat(done.get()).as("%d threads", threads).isLessThan(1_000_000);
            }
        }
    }

    @Test
    void aPoolThatIsClosedWhileItIsInUseLosesNoTask() throws InterruptedException {
        for (int repeat = 0; repeat < 50; repeat++) {
            WorkerPool pool = new WorkerPool(3);
            AtomicInteger total = new AtomicInteger();
            Thread caller = Thread.ofPlatform().start(() -> {
                for (int kernel = 0; kernel < 100; kernel++) {
                    pool.run(5, _ -> total.incrementAndGet());
                }
            });
            pool.close();
            caller.join();
            assertThat(total).hasValue(500);
        }
    }

    @Test
    void rangesDependOnCountAndGrainOnly() {
        for (int threads : new int[] {1, 4}) {
            try (WorkerPool pool = new WorkerPool(threads)) {
                var ends = new ConcurrentHashMap<Long, Long>();
                pool.forRanges(1003, 100, ends::put);
                assertThat(ends).hasSize(11).containsEntry(0L, 100L).containsEntry(900L, 1000L).containsEntry(1000L, 1003L);
                pool.forRanges(0, 100, (first, end) -> {
                    throw new IllegalStateException("no elements, no ranges");
                });
                AtomicInteger ranges = new AtomicInteger();
                pool.forRanges(1L << 40, 1, (first, end) -> ranges.incrementAndGet());
                assertThat(ranges).hasValue(1 << 20);
            }
        }
    }

    @Test
    void poolNeedsAThread() {
        assertThatThrownBy(() -> new WorkerPool(0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("[worker pool] needs at least one thread, not 0");
    }

    /** Daemons, so that a program can end; asleep while there is no kernel; gone when the pool is closed. */
    @Test
    void workersSleepBetweenKernelsAndEndWithThePool() throws InterruptedException {
        var pool = new WorkerPool(3);
        var threads = ConcurrentHashMap.<Thread>newKeySet();
        CountDownLatch all = new CountDownLatch(3);
        pool.run(3, _ -> {
            threads.add(Thread.currentThread());
            all.countDown();
            try {
                all.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        threads.remove(Thread.currentThread());
        assertThat(threads).extracting(Thread::getName).containsExactlyInAnyOrder("kept-worker-1", "kept-worker-2");
        for (Thread worker : threads) {
            assertThat(worker.isDaemon()).isTrue();
            for (int wait = 0; wait < 10_000 && worker.getState() != Thread.State.WAITING; wait++) {
                LockSupport.parkNanos(1_000_000);
            }
            assertThat(worker.getState()).as(worker.getName()).isEqualTo(Thread.State.WAITING);
        }
        pool.close();
        for (Thread worker : threads) {
            assertThat(worker.join(Duration.ofSeconds(10))).as(worker.getName()).isTrue();
        }
    }
}
