package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.NavigableMap;
import java.util.TreeMap;
import kept.backend.MemoryUsage;
import kept.tensor.OutOfMemoryException;

/**
 * Off-heap blocks for tensors, kept for reuse when they are released.
 *
 * <p>Sizes are rounded up to a size class, eight classes to every power of two, so that at most an eighth of a block is waste. Each class has a free
 * list, from which a block is taken in constant time. A large block may come from a slightly larger class. If the lists are empty, a block is
 * allocated:
 *
 * <pre>
 *  class      384    ...    4096   4608   5120   5632   6144   6656   7168   7680 | 8192   9216  ...
 *                             |      |                                                |
 *  free list                [b3]   [b9]                                             [b1]
 *                           [b7]                                                    [b2]
 *
 *  block      one shared arena each      +--------------------------------+------------+
 *                                        | the tensor's elements          | waste, at  |
 *                                        |                                | most 1/8   |
 *                                        +--------------------------------+------------+
 *                                        ^ aligned to 64 bytes: a cache line, a 512-bit vector
 * </pre>
 *
 * <p>Each block has an arena of its own, so that {@link #trim} can free it separately; {@link SystemMemory} allocates it. If memory runs short, free
 * blocks of other classes are freed before an allocation fails. A {@link MemoryLimit} makes it fail before the system ends the process.
 *
 * <p>Work with changing sizes leaves free blocks that no later request uses. Therefore the pool holds at most {@code 3/2 m + 8 MiB}, where m is the
 * peak number of bytes in use: when it allocates a block, it frees those that have been free longest until it is within this bound. Work that repeats
 * itself allocates no blocks after its first round, so it frees none either. All methods may be called by any thread.
 */
final class MemoryPool {
    /** Every block starts at a multiple of this many bytes. */
    static final long ALIGNMENT = 64;
    /**
     * From this size on, blocks begin at different offsets in a page. The system places all large blocks at the same offset; a kernel that reads four
     * or five of them in step then uses few sets of the caches: AdamW took a quarter longer.
     */
    private static final long STAGGERED = 1 << 16;

    private static final long PAGE = 4096;
    /**
     * The distance between the page offsets of consecutive large blocks: nearly a page. A store to one block is then not at an offset that the
     * processor is about to load from in the previous block, which would delay the load.
     */
    private static final long STAGGER = PAGE - 256;

    /** From this size on a block may serve a smaller class, so that gradients can reuse the memory of activations. */
    private static final long SHARED = 1 << 20;

    /** The number of free bytes that are always allowed. */
    private static final long SPARE = 8 << 20;

    private final MemoryLimit limit;
    private final NavigableMap<Long, ArrayDeque<CpuBuffer>> free = new TreeMap<>();
    private long inUse;
    private long peakInUse;
    /** The peak since the beginning. */
    private long mostInUse;
    private long reserved;
    private long obtained;
    private long releases;
    private long staggered;

    /**
     * An empty pool.
     *
     * @param limit the maximum number of bytes it holds
     */
    MemoryPool(MemoryLimit limit) {
        this.limit = limit;
    }

    /**
     * The smallest size class that holds a number of bytes.
     *
     * @param bytes 0 or more
     * @return a multiple of {@link #ALIGNMENT}, at least one of it
     */
    static long sizeClass(long bytes) {
        if (bytes <= 8 * ALIGNMENT) {
            return Math.max(1, Math.ceilDiv(bytes, ALIGNMENT)) * ALIGNMENT;
        }
        long step = Long.highestOneBit(bytes - 1) >> 3;
        return Math.ceilDiv(bytes, step) * step;
    }

    /**
     * Takes a block.
     *
     * @param bytes the required size
     * @return a block of at least that size, with arbitrary contents
     * @throws OutOfMemoryException if there is no room, even without the free blocks
     */
    synchronized CpuBuffer allocate(long bytes) {
        long size = sizeClass(bytes);
        CpuBuffer block = takeFree(size);
        if (block == null) {
            giveBackBeyondBound(size);
            block = reserve(size, bytes);
        }
        inUse += block.byteSize();
        peakInUse = Math.max(peakInUse, inUse);
        mostInUse = Math.max(mostInUse, inUse);
        return block;
    }

    /** A free block of a class or, from 1 MiB, of a class up to half as large again, which is better than more memory. */
    private CpuBuffer takeFree(long size) {
        ArrayDeque<CpuBuffer> own = free.get(size);
        CpuBuffer block = own == null ? null : own.pollLast();
        if (block == null && size >= SHARED) {
            for (ArrayDeque<CpuBuffer> list : free.subMap(size, false, size + size / 2, true).values()) {
                block = list.pollLast();
                if (block != null) {
                    return block;
                }
            }
        }
        return block;
    }

    /**
     * Returns a block to the pool for reuse.
     *
     * @param block a block of this pool that is in use
     */
    synchronized void release(CpuBuffer block) {
        inUse -= block.byteSize();
        block.released = ++releases;
        free.computeIfAbsent(block.byteSize(), _ -> new ArrayDeque<>()).addLast(block);
    }

    /** Returns all free blocks to the operating system. */
    synchronized void trim() {
        for (ArrayDeque<CpuBuffer> list : free.values()) {
            list.forEach(this::giveBack);
        }
        free.clear();
    }

    private void giveBack(CpuBuffer block) {
        reserved -= block.byteSize();
        block.free();
    }

    /** Frees blocks so that a new one stays within the bound. */
    private void giveBackBeyondBound(long size) {
        long most = Math.max(mostInUse, inUse + size);
        while (reserved > inUse && reserved + size > most + most / 2 + SPARE) {
            ArrayDeque<CpuBuffer> oldest = null;
            for (ArrayDeque<CpuBuffer> list : free.values()) {
                // The first block of a class has been free longest, because blocks are taken from the other end.
                if (!list.isEmpty() && (oldest == null || list.peekFirst().released < oldest.peekFirst().released)) {
                    oldest = list;
                }
            }
            giveBack(oldest.pollFirst());
        }
    }

    /**
     * Counts the pool's memory.
     *
     * @return the counts, in bytes of whole blocks
     */
    synchronized MemoryUsage usage() {
        return new MemoryUsage(inUse, peakInUse, reserved, obtained);
    }

    /** Restarts the peak from the bytes in use now. */
    synchronized void resetPeak() {
        peakInUse = inUse;
    }

    private CpuBuffer reserve(long size, long wanted) {
        CpuBuffer block = fits(size) ? tryReserve(size) : null;
        if (block == null) {
            trim();
            block = fits(size) ? tryReserve(size) : null;
        }
        if (block == null) {
            throw new OutOfMemoryException("[allocate] no room on cpu for %d bytes: %d bytes in use, %d reserved, %s"
                    .formatted(wanted, inUse, reserved, limit));
        }
        reserved += size;
        obtained += size;
        return block;
    }

    private boolean fits(long size) {
        return size <= limit.bytes() - reserved;
    }

    private CpuBuffer tryReserve(long size) {
        Arena arena = Arena.ofShared();
        try {
            if (size < STAGGERED) {
                return new CpuBuffer(arena, arena.allocate(size, ALIGNMENT));
            }
            long start = staggered++ * STAGGER % PAGE;
            return new CpuBuffer(arena, SystemMemory.allocate(arena, start + size, ALIGNMENT).asSlice(start, size));
        } catch (OutOfMemoryError _) {
            arena.close();
            return null;
        }
    }
}
