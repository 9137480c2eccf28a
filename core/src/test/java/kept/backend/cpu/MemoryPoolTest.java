package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import kept.backend.MemoryUsage;
import kept.tensor.OutOfMemoryException;
import org.junit.jupiter.api.Test;

class MemoryPoolTest {
    private final MemoryPool pool = new MemoryPool(MemoryLimit.of(Long.MAX_VALUE));

    @Test
    void blocksAreAlignedAndLargeEnoughWithAtMostAnEighthOfWaste() {
        for (long bytes = 0; bytes < 100_000; bytes += 1 + bytes / 40) {
            CpuBuffer block = pool.allocate(bytes);
            assertThat(block.segment().address() % MemoryPool.ALIGNMENT).isZero();
            assertThat(block.byteSize()).isGreaterThanOrEqualTo(bytes);
            assertThat(block.byteSize() - bytes).as("waste of %d bytes", bytes).isLessThanOrEqualTo(Math.max(MemoryPool.ALIGNMENT, bytes / 8));
        }
        for (long bytes = 1 << 20; bytes > 0; bytes = bytes * 3 / 2 + 1) {
            long size = MemoryPool.sizeClass(bytes);
            assertThat(size).isBetween(bytes, bytes + bytes / 8);
            assertThat(MemoryPool.sizeClass(size)).isEqualTo(size);
            if (bytes > 1L << 60) {
                break;
            }
        }
        pool.trim();
    }

    @Test
    void releasedBlocksAreTheNextOnesGivenOut() {
        CpuBuffer first = pool.allocate(1000);
        pool.release(first);
        assertThat(pool.allocate(1024)).isSameAs(first);
        assertThat(pool.allocate(1000)).isNotSameAs(first);
        assertThat(pool.usage()).isEqualTo(new MemoryUsage(2048, 2048, 2048, 2048));
    }

    @Test
    void aLargeFreeBlockServesASizeLittleBelow() {
        CpuBuffer large = pool.allocate(12 << 20);
        pool.release(large);
        assertThat(pool.allocate(7 << 20)).isNotSameAs(large);
        assertThat(pool.allocate(8 << 20)).isSameAs(large);
        assertThat(pool.usage().inUse()).isEqualTo(19 << 20);
        pool.release(large);
        assertThat(pool.allocate(12 << 20)).isSameAs(large);
        assertThat(pool.usage().obtained()).isEqualTo(19 << 20);
    }

    @Test
    void countsFollowEveryStep() {
        CpuBuffer a = pool.allocate(64);
        CpuBuffer b = pool.allocate(6400);
        assertThat(pool.usage()).isEqualTo(new MemoryUsage(6720, 6720, 6720, 6720));
        pool.release(b);
        assertThat(pool.usage()).isEqualTo(new MemoryUsage(64, 6720, 6720, 6720));
        pool.trim();
        assertThat(pool.usage()).isEqualTo(new MemoryUsage(64, 6720, 64, 6720));
        pool.release(a);
        pool.trim();
        assertThat(pool.usage()).isEqualTo(new MemoryUsage(0, 6720, 0, 6720));
        assertThatThrownBy(() -> a.segment().fill((byte) 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void thePeakCanBeCountedAfresh() {
        CpuBuffer a = pool.allocate(64);
        pool.release(pool.allocate(6400));
        pool.resetPeak();
        assertThat(pool.usage().peakInUse()).isEqualTo(64);
        pool.release(pool.allocate(640));
        assertThat(pool.usage().peakInUse()).isEqualTo(704);
        pool.release(a);
    }

    @Test
    void aSteadyLoopTakesNothingFromTheSystem() {
        long obtained = 0;
        for (int step = 1; step <= 1000; step++) {
            List<CpuBuffer> blocks = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                blocks.add(pool.allocate(100L << i % 10));
            }
            blocks.forEach(pool::release);
            if (step == 10) {
                obtained = pool.usage().obtained();
            }
        }
        assertThat(pool.usage().obtained()).isEqualTo(obtained);
        assertThat(pool.usage().inUse()).isZero();
    }

    /** Rounds of ever other sizes, as texts of other lengths make them: small and large blocks, some of which stay for several rounds. */
    @Test
    void whatMixedSizesLeaveBehindIsBounded() {
        for (long scale : new long[] {100, 10_000, 1_000_000}) {
            var mixed = new MemoryPool(MemoryLimit.of(Long.MAX_VALUE));
            var random = new Random(scale);
            List<CpuBuffer> held = new ArrayList<>();
            double worst = 0;
            for (int round = 0; round < 300; round++) {
                for (int i = 0; i < 12; i++) {
                    held.add(mixed.allocate((long) (scale * Math.exp(3 * random.nextDouble()))));
                    MemoryUsage usage = mixed.usage();
                    assertThat(usage.reserved()).isBetween(usage.inUse(), usage.peakInUse() * 3 / 2 + (8 << 20));
                    worst = Math.max(worst, usage.reserved() / (double) usage.peakInUse());
                }
                while (held.size() > random.nextInt(6)) {
                    mixed.release(held.remove(random.nextInt(held.size())));
                }
            }
            held.forEach(mixed::release);
            MemoryUsage usage = mixed.usage();
            assertThat(usage.inUse()).isZero();
            assertThat(usage.reserved()).isPositive().isLessThanOrEqualTo(usage.peakInUse() * 3 / 2 + (8 << 20));
            assertThat(worst).as("much more than is in use does lie free").isGreaterThan(1.3);
            mixed.trim();
            assertThat(mixed.usage().reserved()).isZero();
        }
    }

    @Test
    void whatHasLainFreeLongestIsGivenBackFirst() {
        CpuBuffer old = pool.allocate(40 << 20);
        pool.release(old);
        CpuBuffer young = pool.allocate(20 << 20);
        pool.release(young);
        CpuBuffer other = pool.allocate(10 << 20);
        assertThat(pool.usage().reserved()).isEqualTo(30 << 20);
        assertThatThrownBy(() -> old.segment().fill((byte) 0)).isInstanceOf(IllegalStateException.class);
        assertThat(pool.allocate(20 << 20)).isSameAs(young);
        pool.release(young);
        pool.release(other);
    }

    /** Two tasks in turn, each of which alone is what the other leaves free. */
    @Test
    void workThatRepeatsItselfWithinTheBoundTakesNothingFromTheSystem() {
        long obtained = 0;
        for (int step = 1; step <= 50; step++) {
            List<CpuBuffer> first = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                first.add(pool.allocate(3 << 20));
            }
            first.forEach(pool::release);
            List<CpuBuffer> second = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                second.add(pool.allocate(5 << 20));
            }
            second.forEach(pool::release);
            if (step == 1) {
                obtained = pool.usage().obtained();
            }
        }
        assertThat(pool.usage().obtained()).isEqualTo(obtained);
    }

    @Test
    void freeBlocksMakeRoomBeforeAnAllocationFails() {
        var limited = new MemoryPool(MemoryLimit.of(10_240));
        CpuBuffer a = limited.allocate(8192);
        limited.release(a);
        CpuBuffer b = limited.allocate(4096);
        assertThat(limited.usage()).isEqualTo(new MemoryUsage(4096, 8192, 4096, 12_288));
        assertThatThrownBy(() -> limited.allocate(6200))
                .isInstanceOf(OutOfMemoryException.class)
                .hasMessageContainingAll("6200 bytes", "4096 bytes in use", "4096 reserved", "limit 10240 bytes", "-Dkept.cpu.memory");
        limited.release(b);
        assertThat(limited.allocate(6200).byteSize()).isEqualTo(6656);
    }

    @Test
    void theHostsMemoryIsSharedWithTheHeapAndOtherProcesses() {
        var heap = new AtomicLong(20_000);
        long share = 45_000;
        var shared = new MemoryPool(MemoryLimit.of(OptionalLong.of(2 * share), 2, heap::get));
        CpuBuffer a = shared.allocate(16_384);
        assertThatThrownBy(() -> shared.allocate(10_240)).isInstanceOf(OutOfMemoryException.class)
                .hasMessage(("[allocate] no room on cpu for 10240 bytes: 16384 bytes in use, 16384 reserved, limit %d bytes (nine tenths of the "
                        + "memory of the machine, divided by 2 processes, without Java's heap); use a smaller batch or sequence, close scopes "
                        + "earlier, or raise -Dkept.cpu.memory").formatted(share - 20_000));
        heap.set(15_000);
        CpuBuffer b = shared.allocate(10_240);
        shared.release(a);
        heap.set(share - 10_240 - 64);
        shared.allocate(64);
        assertThat(shared.usage().reserved()).as("the free block is given back first").isEqualTo(10_240 + 64);
        heap.set(Long.MAX_VALUE);
        assertThatThrownBy(() -> shared.allocate(1)).isInstanceOf(OutOfMemoryException.class).hasMessageContaining("limit 0 bytes");
        shared.release(b);
    }

    @Test
    void javasHeapCountsAsWhatItMayExpectToTake() {
        Runtime java = Runtime.getRuntime();
        assertThat(MemoryLimit.heap()).isGreaterThanOrEqualTo(Math.min(512 << 20, java.maxMemory())).isLessThanOrEqualTo(java.maxMemory());
    }

    @Test
    void theLimitItselfMayBeReached() {
        var limited = new MemoryPool(MemoryLimit.of(2 << 20));
        limited.release(limited.allocate(2 << 20));
        limited.trim();
        limited.release(limited.allocate(1 << 20));
        assertThat(limited.allocate(2 << 20).byteSize()).isEqualTo(2 << 20);
        assertThat(limited.usage().reserved()).isEqualTo(2 << 20);
        var roomy = new MemoryPool(MemoryLimit.of(3 << 20));
        roomy.release(roomy.allocate(1 << 20));
        roomy.allocate(2 << 20);
        assertThat(roomy.usage().reserved()).as("the free block need not go").isEqualTo(3 << 20);
    }

    /** The new peak counts: 3/2 of 64 MiB and 8 MiB are just what both blocks take. */
    @Test
    void aFreeBlockStaysUpToTheBound() {
        pool.release(pool.allocate(40 << 20));
        pool.release(pool.allocate(64 << 20));
        assertThat(pool.usage().reserved()).isEqualTo(104 << 20);
        pool.allocate(112 << 20);
        assertThat(pool.usage().reserved()).as("beyond the bound the older block is given back").isEqualTo((64 << 20) + (112 << 20));
        pool.trim();
    }

    @Test
    void aBlockOfAMebibyteSharesAndASmallerOneDoesNot() {
        CpuBuffer large = pool.allocate(5 << 18);
        pool.release(large);
        assertThat(pool.allocate((1 << 20) - (1 << 17))).isNotSameAs(large);
        assertThat(pool.allocate(1 << 20)).isSameAs(large);
    }

    @Test
    void whatTheSystemCannotGiveIsATypedError() {
        CpuBuffer held = pool.allocate(64);
        assertThatThrownBy(() -> pool.allocate(1L << 60))
                .isInstanceOf(OutOfMemoryException.class)
                .hasMessageContainingAll("no room on cpu for " + (1L << 60) + " bytes", "64 bytes in use", "smaller batch");
        assertThat(pool.usage()).isEqualTo(new MemoryUsage(64, 64, 64, 64));
        pool.release(held);
    }

    @Test
    void threadsShareThePool() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            threads.add(Thread.ofPlatform().start(() -> {
                for (int i = 0; i < 2000; i++) {
                    CpuBuffer a = pool.allocate(64L * (i % 7));
                    CpuBuffer b = pool.allocate(640);
                    a.segment().fill((byte) 1);
                    pool.release(a);
                    pool.release(b);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(pool.usage().inUse()).isZero();
        pool.trim();
        assertThat(pool.usage().reserved()).isZero();
    }
}
