package kept.cuda;

import java.util.HashSet;
import java.util.Set;
import kept.backend.DeviceMemory;
import kept.backend.MemoryUsage;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.tensor.OutOfMemoryException;

/**
 * The device's memory. Blocks are allocated from the driver's pool and freed in stream order: a later kernel can reuse a freed block without waiting
 * on the host for the last kernel that used it. The pool keeps freed memory, so that a steady training loop reserves no new memory.
 */
final class CudaMemory {
    /** Alignment of the driver's allocations in bytes. Usage is counted in multiples of it; a kernel may use only the requested size. */
    private static final long ALIGNMENT = 256;

    private final Driver driver;
    private final int device;
    private final long stream;
    /** Addresses of the blocks in use, to detect double frees and to count leaks at close. */
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
     * Allocates a block.
     *
     * @param bytes size in bytes, 0 or more
     * @return uninitialized block of that size, or of one byte for size 0
     * @throws OutOfMemoryException if too little memory is free, even after the pool has released its unused memory
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
        inUse += aligned(size);
        peakInUse = Math.max(peakInUse, inUse);
        return new CudaBuffer(address, size);
    }

    private static long aligned(long size) {
        return Math.ceilDiv(size, ALIGNMENT) * ALIGNMENT;
    }

    private long allocateAfterTrim(long size) {
        trim();
        try {
            return driver.allocate(size, stream);
        } catch (CudaException e) {
            if (!e.isOutOfMemory()) {
                throw e;
            }
            throw new OutOfMemoryException(("[allocate] out of memory on cuda: cannot allocate %d bytes; %d bytes are in use by this process, "
                            + "%d of %d bytes of the device are free; "
                            + "use a smaller batch or sequence, activation checkpointing, or close scopes earlier")
                            .formatted(size, inUse, driver.freeMemory(), driver.totalMemory(device)));
        }
    }

    /**
     * Frees a block.
     *
     * @param block block of this memory that is in use
     * @throws IllegalStateException if the block has been freed already
     */
    synchronized void release(CudaBuffer block) {
        if (!blocks.remove(block.address())) {
            throw new IllegalStateException("[release] the block of %d bytes at %#x is not in use".formatted(block.byteSize(), block.address()));
        }
        inUse -= aligned(block.byteSize());
        driver.free(block.address(), stream);
    }

    /** Releases the unused memory of the pool to the system. */
    synchronized void trim() {
        driver.synchronize(stream);
        countObtained();
        driver.trim(device);
        reservedBefore = driver.reserved(device);
    }

    /**
     * Returns the memory usage of this process on the device.
     *
     * @return usage in bytes, blocks rounded up to their alignment
     */
    synchronized MemoryUsage usage() {
        countObtained();
        return new MemoryUsage(inUse, peakInUse, reservedBefore, obtained);
    }

    /**
     * Returns the memory of the device and how much of it is available to new tensors.
     *
     * @return total bytes, and free bytes including the unused memory of the pool
     */
    synchronized DeviceMemory deviceMemory() {
        return new DeviceMemory(driver.totalMemory(device), driver.freeMemory() + Math.max(0, driver.reserved(device) - inUse));
    }

    /** Resets the peak usage to the present usage. */
    synchronized void resetPeak() {
        peakInUse = inUse;
    }

    /**
     * Returns the number of blocks in use.
     *
     * @return number of blocks
     */
    synchronized int blocksInUse() {
        return blocks.size();
    }

    /** The pool reports its present reservation only, so memory obtained from the system is the sum of its growth between calls of this method. */
    private void countObtained() {
        long reserved = driver.reserved(device);
        obtained += Math.max(0, reserved - reservedBefore);
        reservedBefore = reserved;
    }
}
