package kept.cuda.driver;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The calls of the CUDA driver that the backend makes. Handles and device addresses are the driver's own, as longs; a stream of 0 is the default
 * stream. Every method but the first few needs a context current on the calling thread ({@link #makeCurrent}).
 *
 * <p>Every failure is a {@link CudaException} that names the call, the status and the sizes involved. A failed kernel shows at a later call, as it
 * does on the device.
 */
public interface Driver {
    /**
     * The newest CUDA version the driver knows (cuDriverGetVersion).
     *
     * @return such as 12040 for 12.4
     */
    int version();

    /**
     * How many devices there are (cuDeviceGetCount).
     *
     * @return 0 or more
     */
    int deviceCount();

    /**
     * A device's name (cuDeviceGetName).
     *
     * @param device its ordinal
     * @return such as {@code NVIDIA H200}
     */
    String deviceName(int device);

    /**
     * A number that describes a device (cuDeviceGetAttribute).
     *
     * @param device its ordinal
     * @param attribute which
     * @return the value
     */
    int attribute(int device, DeviceAttribute attribute);

    /**
     * A device's memory (cuDeviceTotalMem).
     *
     * @param device its ordinal
     * @return bytes
     */
    long totalMemory(int device);

    /**
     * Takes the device's primary context, which libraries share (cuDevicePrimaryCtxRetain).
     *
     * @param device its ordinal
     * @return the context
     */
    long retainPrimaryContext(int device);

    /**
     * Gives the primary context back (cuDevicePrimaryCtxRelease).
     *
     * @param device its ordinal
     */
    void releasePrimaryContext(int device);

    /**
     * Makes a context the calling thread's (cuCtxSetCurrent).
     *
     * @param context from {@link #retainPrimaryContext}
     */
    void makeCurrent(long context);

    // Streams and events

    /**
     * A queue of work that does not wait for the default stream (cuStreamCreate).
     *
     * @return the stream
     */
    long createStream();

    /**
     * Ends a stream (cuStreamDestroy).
     *
     * @param stream from {@link #createStream}
     */
    void destroyStream(long stream);

    /**
     * Waits until all work queued so far is done (cuStreamSynchronize).
     *
     * @param stream the stream
     */
    void synchronize(long stream);

    /**
     * A point in a stream that can be timed (cuEventCreate).
     *
     * @return the event
     */
    long createEvent();

    /**
     * Marks the stream's present end (cuEventRecord).
     *
     * @param event the event
     * @param stream the stream
     */
    void record(long event, long stream);

    /**
     * Waits until the stream has reached the event (cuEventSynchronize).
     *
     * @param event the event
     */
    void synchronizeEvent(long event);

    /**
     * The time between two events that have been reached (cuEventElapsedTime).
     *
     * @param start the earlier
     * @param end the later
     * @return milliseconds
     */
    float elapsed(long start, long end);

    /**
     * Ends an event (cuEventDestroy).
     *
     * @param event from {@link #createEvent}
     */
    void destroyEvent(long event);

    // Memory

    /**
     * Sets how much freed memory the device's pool holds on to (CU_MEMPOOL_ATTR_RELEASE_THRESHOLD).
     *
     * @param device its ordinal
     * @param bytes the most that synchronising leaves there; {@link Long#MAX_VALUE} to keep all
     */
    void keepFreed(int device, long bytes);

    /**
     * Gives freed memory of the device's pool back to the system (cuMemPoolTrimTo, to nothing).
     *
     * @param device its ordinal
     */
    void trim(int device);

    /**
     * What the device's pool holds from the system, in use or not (CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT).
     *
     * @param device its ordinal
     * @return bytes
     */
    long reserved(int device);

    /**
     * What is free on the current device, whoever uses the rest (cuMemGetInfo).
     *
     * @return bytes
     */
    long freeMemory();

    /**
     * Takes memory from the pool, in the stream's order (cuMemAllocAsync).
     *
     * @param bytes above 0
     * @param stream the stream
     * @return the address, aligned to at least 256 bytes
     * @throws CudaException with {@link CudaException#isOutOfMemory} if there is no room
     */
    long allocate(long bytes, long stream);

    /**
     * Gives memory back to the pool, in the stream's order (cuMemFreeAsync).
     *
     * @param address from {@link #allocate}
     * @param stream the stream
     */
    void free(long address, long stream);

    /**
     * Takes host memory that the device can reach (cuMemHostAlloc).
     *
     * @param bytes above 0
     * @return the memory, without an owner: it lives until {@link #freePinned}
     */
    MemorySegment allocatePinned(long bytes);

    /**
     * Gives such memory back (cuMemFreeHost).
     *
     * @param memory from {@link #allocatePinned}
     */
    void freePinned(MemorySegment memory);

    /**
     * Queues a copy to the device (cuMemcpyHtoDAsync).
     *
     * @param from native memory that is not changed before the copy is done
     * @param to the first address
     * @param stream the stream
     */
    void copyToDevice(MemorySegment from, long to, long stream);

    /**
     * Queues a copy to the host (cuMemcpyDtoHAsync).
     *
     * @param from the first address
     * @param to native memory
     * @param stream the stream
     */
    void copyToHost(long from, MemorySegment to, long stream);

    /**
     * Queues a copy on the device (cuMemcpyDtoDAsync).
     *
     * @param from the first address read
     * @param to the first address written; the two ranges do not overlap
     * @param bytes how many
     * @param stream the stream
     */
    void copyOnDevice(long from, long to, long bytes, long stream);

    /**
     * Queues the setting of bytes to one value (cuMemsetD8Async).
     *
     * @param address the first
     * @param value the value
     * @param bytes how many
     * @param stream the stream
     */
    void set(long address, byte value, long bytes, long stream);

    // Kernels

    /**
     * Loads PTX and compiles it for the device (cuLibraryLoadData).
     *
     * @param name what messages call it
     * @param ptx the text
     * @return the library
     * @throws CudaException if the driver cannot compile it, with its log
     */
    long loadLibrary(String name, String ptx);

    /**
     * Ends a library and its kernels (cuLibraryUnload).
     *
     * @param library from {@link #loadLibrary}
     */
    void unloadLibrary(long library);

    /**
     * A kernel of a library (cuLibraryGetKernel).
     *
     * @param library from {@link #loadLibrary}
     * @param name the entry
     * @return the kernel
     */
    long kernel(long library, String name);

    /**
     * The layout of a kernel's arguments (cuKernelGetParamInfo, from CUDA 12.4).
     *
     * @param kernel from {@link #kernel}
     * @return in order; null where the driver cannot tell
     */
    List<Parameter> parameters(long kernel);

    /**
     * Allows a kernel more than 48 KiB of dynamic shared memory (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES).
     *
     * @param kernel from {@link #kernel}
     * @param bytes the most it will be launched with
     */
    void allowSharedMemory(long kernel, int bytes);

    /**
     * Queues a kernel (cuLaunchKernel).
     *
     * @param kernel from {@link #kernel}
     * @param grid blocks and threads
     * @param sharedBytes dynamic shared memory of each block
     * @param stream the stream
     * @param arguments native memory: the values in order, each at the next multiple of its alignment; not kept after the call
     */
    void launch(long kernel, Grid grid, int sharedBytes, long stream, MemorySegment arguments);
}
