package kept.cuda;

import java.util.HashSet;
import java.util.Set;
import kept.backend.DeviceMemory;
import kept.backend.MemoryUsage;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.tensor.OutOfMemoryException;

/**
 * The device's memory. Blocks come from the driver's pool in the stream's order: one that is given back serves the next kernel without waiting for
 * the last one that used it. The pool keeps what is freed, so that a steady loop takes nothing from the system.
 */
final class CudaMemory {
    /** What the driver hands out begins at a multiple of this many bytes, so blocks are counted in them; a kernel has only what was asked for. */
    private static final long GRANULE = 256;

    private final Driver driver;
    private final int device;
    private final long stream;
    /** Those that are out, so that a block given back twice is told and those left at the end are counted. */
    private final Set<Long> blocks = new HashSet<>();
    private long inUse;
    private long peakInUse;
    private long reservedBefore;
    private long obtained;

    CudaMemory(Driver driver, int device, long stream) {
        this.driver = driver;
        this.device = device;
        this.stream = stream;
        driver.setReleaseThreshold(device, Long.MAX_VALUE);
        reservedBefore = driver.reserved(device);
    }

    /**
     * Takes a block.
     *
     * @param bytes 0 or more
     * @return a block of that size, or of one byte for none, with arbitrary contents
     * @throws OutOfMemoryException if there is no room, even without what the pool keeps
     */
    synchronized CudaBuffer allocate(long bytes) {
        long size = Math.max(1, bytes);
        long address;
        try {
            address = driver.allocate(size, stream);
        } catch (CudaException e) {
            if (!e.isOutOfMemory()) {
                throw e;
            }
            address = allocateAfterTrim(size);
        }
        blocks.add(address);
        inUse += counted(size);
        peakInUse = Math.max(peakInUse, inUse);
        return new CudaBuffer(address, size);
    }

    private static long counted(long size) {
        return Math.ceilDiv(size, GRANULE) * GRANULE;
    }

    private long allocateAfterTrim(long wanted) {
        trim();
        try {
            return driver.allocate(wanted, stream);
        } catch (CudaException e) {
            if (!e.isOutOfMemory()) {
                throw e;
            }
            throw new OutOfMemoryException(("[allocate] no room on cuda for %d bytes: %d bytes in use here, %d of %d bytes of the device free; "
                            + "use a smaller batch or sequence, activation checkpointing, or close scopes earlier")
                            .formatted(wanted, inUse, driver.freeMemory(), driver.totalMemory(device)));
        }
    }

    /**
     * Gives a block back.
     *
     * @param block a block of this memory that is in use
     */
    synchronized void release(CudaBuffer block) {
        if (!blocks.remove(block.address())) {
            throw new IllegalStateException("[release] the block of %d bytes at %#x is not in use".formatted(block.byteSize(), block.address()));
        }
        inUse -= counted(block.byteSize());
        driver.free(block.address(), stream);
    }

    /** Gives what the pool keeps back to the system. */
    synchronized void trim() {
        driver.synchronize(stream);
        countObtained();
        driver.trim(device);
        reservedBefore = driver.reserved(device);
    }

    /**
     * Counts what the device holds for this process.
     *
     * @return the counts, in bytes of whole blocks
     */
    synchronized MemoryUsage usage() {
        countObtained();
        return new MemoryUsage(inUse, peakInUse, reservedBefore, obtained);
    }

    /**
     * What the device has and what tensors could still have of it.
     *
     * @return total and free bytes
     */
    synchronized DeviceMemory room() {
        return new DeviceMemory(driver.totalMemory(device), driver.freeMemory() + Math.max(0, driver.reserved(device) - inUse));
    }

    /** Begins to count the peak afresh. */
    synchronized void resetPeak() {
        peakInUse = inUse;
    }

    /**
     * The blocks that are out.
     *
     * @return how many
     */
    synchronized int blocksInUse() {
        return blocks.size();
    }

    /** The pool tells what it holds and not what it ever took: growth between two looks is what is counted. */
    private void countObtained() {
        long reserved = driver.reserved(device);
        obtained += Math.max(0, reserved - reservedBefore);
        reservedBefore = reserved;
    }
}
