package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import kept.backend.MemoryUsage;
import kept.cuda.driver.Grid;
import kept.cuda.virtual.KernelFault;
import kept.cuda.virtual.VirtualGpu;
import kept.tensor.OutOfMemoryException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Blocks in mapped memory: all of the device's memory can be used, whatever the order of allocations and frees. */
class MemoryArenaTest {
    private static final long MIB = 1L << 20;
    private static final long CHUNK = 32 * MIB;
    /** Chunks for blocks, beside the workspace of cuBLAS, which fills one. */
    private static final int CHUNKS = 16;
    private static final long CAPACITY = (CHUNKS + 1) * CHUNK;

    private final VirtualGpu device = VirtualGpu.open(CAPACITY).mappingMemory().deferring();
    private final CudaBackend backend = new CudaBackend(device.driver(), device.blas(), 0);
    private final Gpu gpu = backend.gpu();

    @AfterEach
    void close() {
        if (gpu.memory().blocksInUse() == 1) {
            backend.close();
            assertThat(device.driver().createdMemory()).as("memory after the device is closed").isZero();
        }
    }

    private CudaBuffer allocate(long bytes) {
        return (CudaBuffer) backend.allocate(bytes);
    }

    private byte[] ends(CudaBuffer block) {
        byte[] ends = new byte[2];
        gpu.download(block.address(), MemorySegment.ofArray(ends).asSlice(0, 1));
        gpu.download(block.address() + block.byteSize() - 1, MemorySegment.ofArray(ends).asSlice(1));
        return ends;
    }

    @Test
    void memoryOfHolesMovesToWhereItIsNeeded() {
        List<CudaBuffer> blocks = new ArrayList<>();
        for (int i = 0; i < CHUNKS / 2; i++) {
            blocks.add(allocate(CHUNK));
            blocks.add(allocate(CHUNK));
            gpu.set(blocks.getLast().address(), (byte) i, CHUNK);
        }
        for (int i = 0; i < CHUNKS; i += 2) {
            backend.release(blocks.get(i));
        }
        // Half of the memory is free, in holes of one chunk.
        CudaBuffer large = allocate(CHUNKS / 2 * CHUNK);
        gpu.set(large.address(), (byte) 99, large.byteSize());
        assertThat(device.driver().createdMemory()).isEqualTo(CAPACITY);
        assertThat(ends(large)).containsOnly(99);
        for (int i = 1; i < CHUNKS; i += 2) {
            assertThat(ends(blocks.get(i))).containsOnly(i / 2);
            backend.release(blocks.get(i));
        }
        backend.release(large);
    }

    @Test
    void allButTheMemoryOfPartlyUsedChunksCanBeAllocated() {
        var random = new SplittableRandom(3);
        List<CudaBuffer> blocks = new ArrayList<>(List.of(allocate(1)));
        long start = blocks.getFirst().address();
        int refused = 0;
        for (int turn = 0; turn < 3000; turn++) {
            long bytes = random.nextInt(3) == 0 ? 1 + random.nextLong(3 * CHUNK) : 1 + random.nextLong(MIB);
            long unused = CAPACITY - gpu.memory().usage().inUse();
            if (bytes > unused || !blocks.isEmpty() && random.nextInt(2) == 0) {
                backend.release(blocks.remove(random.nextInt(blocks.size())));
            } else {
                try {
                    blocks.add(allocate(bytes));
                    gpu.set(blocks.getLast().address(), (byte) turn, blocks.getLast().byteSize());
                } catch (OutOfMemoryException e) {
                    Set<Long> used = new HashSet<>();
                    for (CudaBuffer block : blocks) {
                        LongStream.rangeClosed((block.address() - start) / CHUNK, (block.address() + block.byteSize() - 1 - start) / CHUNK)
                                .forEach(used::add);
                    }
                    assertThat(CHUNKS - used.size()).as("unused chunks").isLessThan((int) Math.ceilDiv(bytes, CHUNK) + 1);
                    assertThat(device.driver().createdMemory()).isEqualTo(CAPACITY);
                    refused++;
                }
            }
            assertThat(gpu.memory().usage().reserved()).isEqualTo(device.driver().createdMemory());
        }
        assertThat(refused).isPositive();
        blocks.forEach(backend::release);
        backend.trim();
        assertThat(device.driver().createdMemory()).as("only the workspace is held").isEqualTo(CHUNK);
    }

    @Test
    void outOfMemoryTellsWhatWasAskedWhatIsHeldAndWhatIsFree() {
        CudaBuffer held = allocate(15 * CHUNK + 1);
        long inUse = 32 * MIB + 15 * CHUNK + 256;
        assertThatThrownBy(() -> allocate(CHUNK)).isInstanceOf(OutOfMemoryException.class).hasMessage(
                ("[allocate] out of memory on cuda: cannot allocate %d bytes; %d bytes are in use by this process, %d are held for blocks "
                        + "in chunks of %d, of which the largest unused range has 0, 0 of %d bytes of the device are free; use a smaller batch or "
                        + "sequence, activation checkpointing, or close scopes earlier").formatted(CHUNK, inUse, CAPACITY, CHUNK, CAPACITY));
        // The failed allocation leaves everything as it was.
        assertThat(backend.memoryUsage()).extracting(MemoryUsage::inUse).isEqualTo(inUse);
        backend.release(allocate(CHUNK - 256));
        backend.release(held);
    }

    @Test
    void freedMemoryIsUsedAgainAndABlockBeginsUnwritten() {
        CudaBuffer first = allocate(1000);
        gpu.set(first.address(), (byte) 5, 1000);
        backend.release(first);
        long created = device.driver().createdMemory();
        for (int i = 0; i < 100; i++) {
            backend.release(allocate(3 * CHUNK));
        }
        assertThat(device.driver().createdMemory()).isEqualTo(created + 2 * CHUNK);
        CudaBuffer second = allocate(1000);
        assertThat(second.address()).isEqualTo(first.address());
        assertThatThrownBy(() -> ends(second)).isInstanceOf(KernelFault.class).hasMessageContaining("was never written");
    }

    @Test
    void theDriversPoolServesTheBlocksIfAskedFor() {
        System.setProperty(CudaMemory.PROPERTY, "pool");
        try {
            VirtualGpu other = VirtualGpu.open(CAPACITY).mappingMemory();
            CudaBackend pooled = new CudaBackend(other.driver(), other.blas(), 0);
            pooled.release(pooled.allocate(3 * CHUNK));
            assertThat(other.driver().createdMemory()).isZero();
            assertThat(other.driver().reserved(0)).isEqualTo(4 * CHUNK);
            pooled.close();
        } finally {
            System.clearProperty(CudaMemory.PROPERTY);
        }
    }

    /** A queued kernel uses its operands when something waits for it, after they have been freed and their memory is needed elsewhere. */
    @Test
    void memoryMovesOnlyAfterTheWorkThatUsesIt() {
        CudaBuffer operand = allocate(12 * CHUNK);
        CudaBuffer between = allocate(CHUNK);
        CudaBuffer out = allocate(256);
        gpu.set(operand.address(), (byte) 0, operand.byteSize());
        gpu.launch("optimizer", "total_of_chunks_f64", Grid.of(1, 1024)).i64(operand.address()).i64(out.address()).i64(4).run();
        backend.release(operand);
        CudaBuffer large = allocate(14 * CHUNK);
        MemorySegment sum = MemorySegment.ofArray(new double[] {1});
        gpu.download(out.address(), sum);
        assertThat(sum.get(ValueLayout.JAVA_DOUBLE, 0)).isZero();
        List.of(between, out, large).forEach(backend::release);
    }

    @Test
    void releasedMemoryIsNotAccessible() {
        CudaBuffer block = allocate(2 * CHUNK);
        gpu.set(block.address(), (byte) 1, block.byteSize());
        backend.release(block);
        backend.trim();
        gpu.launch("optimizer", "total_of_chunks_f64", Grid.of(1, 1024)).i64(block.address()).i64(block.address()).i64(4).run();
        assertThatThrownBy(gpu::synchronize).isInstanceOf(KernelFault.class)
                .hasMessageContaining("reads 8 bytes at 0x%x".formatted(block.address())).hasMessageContaining("where no memory is mapped");
    }
}
