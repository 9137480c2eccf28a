package kept.cuda;

import java.util.HashSet;
import java.util.Set;
import kept.backend.DeviceMemory;
import kept.backend.MemoryUsage;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.tensor.OutOfMemoryException;

/**
 * The device's memory. Blocks are freed in stream order: a later kernel can reuse a freed block without waiting on the host for the last kernel that
 * used it. Freed memory is kept, so that a steady training loop obtains no new memory. Blocks come from a {@link MemoryArena}, or from the driver's
 * pool where the device cannot map memory to addresses.
 */
final class CudaMemory {
    /** Alignment of the driver's allocations in bytes. Usage is counted in multiples of it; a kernel may use only the requested size. */
    private static final long ALIGNMENT = 256;

    /** System property; with the value {@code pool}, blocks come from the driver's pool, so that compute-sanitizer knows where each ends. */
    static final String PROPERTY = "kept.cuda.memory";

    private final Driver driver;
    private final int device;
    private final DeviceBlocks source;
    /** Addresses of the blocks in use, to detect double frees and to count leaks at close. */
    private final Set<Long> blocks = new HashSet<>();
    private long inUse;
    private long peakInUse;
    private long reservedBefore;
    private long obtained;

    CudaMemory(Driver driver, int device, long stream) {
        this.driver = driver;
        this.device = device;
        boolean maps = driver.attribute(device, DeviceAttribute.VIRTUAL_MEMORY) != 0 && !"pool".equals(System.getProperty(PROPERTY));
        source = maps ? new MemoryArena(driver, device, stream) : new DriverPool(driver, device, stream);
        reservedBefore = source.reserved();
    }

    /**
     * Allocates a block.
     *
     * @param bytes size in bytes, 0 or more
     * @return uninitialized block of that size, or of one byte for size 0
     * @throws OutOfMemoryException if too little memory is free, even after all unused memory has been released
     */
    synchronized CudaBuffer allocate(long bytes) {
        long size = Math.max(1, bytes);
        long address;
        try {
            address = source.allocate(size);
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
            return source.allocate(size);
        } catch (CudaException e) {
            if (!e.isOutOfMemory()) {
                throw e;
            }
            throw new OutOfMemoryException(("[allocate] out of memory on cuda: cannot allocate %d bytes; %d bytes are in use by this process%s, "
                            + "%d of %d bytes of the device are free; "
                            + "use a smaller batch or sequence, activation checkpointing, or close scopes earlier")
                            .formatted(size, inUse, source.unused(), driver.freeMemory(), driver.totalMemory(device)));
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
        source.free(block.address());
    }

    /** Releases unused memory to the system. */
    synchronized void trim() {
        countObtained();
        source.trim();
        reservedBefore = source.reserved();
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
     * @return total bytes, and free bytes including the unused memory that is kept
     */
    synchronized DeviceMemory deviceMemory() {
        return new DeviceMemory(driver.totalMemory(device), driver.freeMemory() + Math.max(0, source.reserved() - inUse));
    }

    /** Resets the peak usage to the present usage. */
    synchronized void resetPeak() {
        peakInUse = inUse;
    }

    /** Releases all memory. */
    synchronized void close() {
        source.close();
    }

    /**
     * Returns the number of blocks in use.
     *
     * @return number of blocks
     */
    synchronized int blocksInUse() {
        return blocks.size();
    }

    /** Only the present reservation is known, so memory obtained from the system is the sum of its growth between calls of this method. */
    private void countObtained() {
        long reserved = source.reserved();
        obtained += Math.max(0, reserved - reservedBefore);
        reservedBefore = reserved;
    }
}
