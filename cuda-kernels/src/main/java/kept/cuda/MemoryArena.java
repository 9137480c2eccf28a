package kept.cuda;

import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.NavigableMap;
import java.util.TreeMap;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;

/**
 * Blocks in one reserved range of addresses, of which chunks are backed by physical memory (cuMemAddressReserve, cuMemCreate, cuMemMap).
 *
 * <p>All work runs on one stream, so a freed block may be used for other blocks at once. If the device has no memory left for a chunk, the chunks of
 * holes move to where they are needed. So no hole keeps more than a part of two chunks from other blocks, however blocks of different sizes and lives
 * interleave; the driver's pool, on the other hand, is known to fail with a third of its memory unused.
 */
final class MemoryArena implements DeviceBlocks {
    /** Alignment of blocks in bytes. */
    static final long ALIGNMENT = 256;
    /** Minimum size of a chunk in bytes. */
    private static final long CHUNK = 32L << 20;

    private final Driver driver;
    private final int device;
    private final long stream;
    private final long chunk;
    private final long range;
    private final long start;
    private final BestFit places;
    /** Physical memory by the index of the chunk that it is mapped to. */
    private final NavigableMap<Integer, Long> mapped = new TreeMap<>();
    /** Chunks that blocks can use: those with memory that the device may access. */
    private final BitSet backed = new BitSet();
    /** Physical memory that is mapped to no chunk: while it moves, and after a call that failed. */
    private final Deque<Long> unmapped = new ArrayDeque<>();

    /**
     * Reserves addresses. Physical memory is obtained when blocks need it.
     *
     * @param driver CUDA driver
     * @param device device ordinal
     * @param stream stream of all work
     */
    MemoryArena(Driver driver, int device, long stream) {
        this.driver = driver;
        this.device = device;
        this.stream = stream;
        long granularity = driver.granularity(device);
        chunk = Math.ceilDiv(CHUNK, granularity) * granularity;
        // Addresses cost nothing. While holes are open, the range is longer than the memory.
        range = Math.ceilDiv(8 * driver.totalMemory(device), chunk) * chunk;
        start = driver.reserveAddresses(range);
        places = new BestFit(range);
    }

    @Override
    public long allocate(long bytes) {
        long size = Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
        long at = places.allocate(size);
        if (at < 0) {
            throw new CudaException(CudaException.OUT_OF_MEMORY, "[arena] no %d adjacent addresses of %d are unused".formatted(size, range));
        }
        try {
            back((int) (at / chunk), (int) ((at + size - 1) / chunk));
        } catch (RuntimeException e) {
            places.free(at);
            throw e;
        }
        driver.blockAllocated(start + at, bytes, stream);
        return start + at;
    }

    /** Backs the chunks of a range that are not backed yet. If a call fails, memory stays where it is, and the next call continues. */
    private void back(int first, int last) {
        Deque<Integer> unused = null;
        for (int index = backed.nextClearBit(first); index <= last; index = backed.nextClearBit(index + 1)) {
            if (!mapped.containsKey(index)) {
                if (unmapped.isEmpty()) {
                    unused = obtain(unused);
                }
                driver.map(address(index), chunk, unmapped.element());
                mapped.put(index, unmapped.remove());
            }
            driver.setAccess(address(index), chunk, device);
            backed.set(index);
        }
    }

    /**
     * Obtains memory for a chunk, from the device or else from an unused chunk.
     *
     * @param known unused chunks; null if they are not known yet
     * @return unused chunks that are left; null if they are not known yet
     */
    private Deque<Integer> obtain(Deque<Integer> known) {
        Deque<Integer> unused = known;
        try {
            unmapped.add(driver.createMemory(device, chunk));
        } catch (CudaException e) {
            if (!e.isOutOfMemory()) {
                throw e;
            }
            if (unused == null) {
                // Queued work may still use freed blocks.
                driver.synchronize(stream);
                unused = unusedChunks();
            }
            if (unused.isEmpty()) {
                throw e;
            }
            unmap(unused.remove());
        }
        return unused;
    }

    /** Returns the chunks with memory that no block uses, the highest first. */
    private Deque<Integer> unusedChunks() {
        Deque<Integer> unused = new ArrayDeque<>();
        for (int index : mapped.descendingKeySet()) {
            if (places.isUnused(index * chunk, (index + 1) * chunk)) {
                unused.add(index);
            }
        }
        return unused;
    }

    /** Unmaps the memory of a chunk. */
    private void unmap(int index) {
        driver.unmap(address(index), chunk);
        backed.clear(index);
        unmapped.add(mapped.remove(index));
    }

    /** Releases the memory that is mapped to no chunk. */
    private void releaseUnmapped() {
        while (!unmapped.isEmpty()) {
            driver.releaseMemory(unmapped.element());
            unmapped.remove();
        }
    }

    private long address(int index) {
        return start + index * chunk;
    }

    @Override
    public void free(long address) {
        places.free(address - start);
        driver.blockFreed(address, stream);
    }

    @Override
    public void trim() {
        driver.synchronize(stream);
        releaseUnmapped();
        for (int index : unusedChunks()) {
            unmap(index);
            releaseUnmapped();
        }
    }

    @Override
    public long reserved() {
        return (mapped.size() + unmapped.size()) * chunk;
    }

    @Override
    public String unused() {
        return ", %d are held for blocks in chunks of %d, of which the largest unused range has %d"
                .formatted(reserved(), chunk, places.largestHole());
    }

    @Override
    public void close() {
        driver.synchronize(stream);
        releaseUnmapped();
        while (!mapped.isEmpty()) {
            unmap(mapped.firstKey());
            releaseUnmapped();
        }
        driver.freeAddresses(start, range);
    }
}
