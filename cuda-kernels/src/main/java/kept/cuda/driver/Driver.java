package kept.cuda.driver;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The calls of the CUDA driver API that the backend makes. Handles and device addresses are the driver's, as longs; stream 0 is the default stream.
 * Except {@link #version} and {@link #deviceCount}, methods that take neither a device ordinal nor a context require a current context on the calling
 * thread ({@link #makeCurrent}).
 *
 * <p>Every failure throws a {@link CudaException} that names the call, the status and the sizes. Kernel faults are asynchronous: a later call reports
 * them.
 */
public interface Driver {
    /**
     * Returns the latest CUDA version that the driver supports (cuDriverGetVersion).
     *
     * @return version, such as 12040 for 12.4
     */
    int version();

    /**
     * Returns the number of devices (cuDeviceGetCount).
     *
     * @return number of devices, 0 or more
     */
    int deviceCount();

    /**
     * Returns the name of a device (cuDeviceGetName).
     *
     * @param device device ordinal
     * @return name, such as {@code NVIDIA H200}
     */
    String deviceName(int device);

    /**
     * Returns an attribute of a device (cuDeviceGetAttribute).
     *
     * @param device device ordinal
     * @param attribute attribute
     * @return value of the attribute
     */
    int attribute(int device, DeviceAttribute attribute);

    /**
     * Returns the total memory of a device (cuDeviceTotalMem).
     *
     * @param device device ordinal
     * @return memory in bytes
     */
    long totalMemory(int device);

    /**
     * Returns what tells a device from all others of the world, however they are numbered (cuDeviceGetUuid).
     *
     * @param device device ordinal
     * @return 16 bytes
     */
    byte[] uuid(int device);

    /**
     * Retains the primary context of a device, which all libraries of the process share (cuDevicePrimaryCtxRetain).
     *
     * @param device device ordinal
     * @return context handle
     */
    long retainPrimaryContext(int device);

    /**
     * Releases the primary context (cuDevicePrimaryCtxRelease).
     *
     * @param device device ordinal
     */
    void releasePrimaryContext(int device);

    /**
     * Makes a context current on the calling thread (cuCtxSetCurrent).
     *
     * @param context context handle from {@link #retainPrimaryContext}
     */
    void makeCurrent(long context);

    // Streams and events

    /**
     * Creates a stream that does not synchronize with the default stream (cuStreamCreate).
     *
     * @return stream handle
     */
    long createStream();

    /**
     * Destroys a stream (cuStreamDestroy).
     *
     * @param stream stream handle from {@link #createStream}
     */
    void destroyStream(long stream);

    /**
     * Waits until all queued work of a stream has finished (cuStreamSynchronize).
     *
     * @param stream stream handle
     */
    void synchronize(long stream);

    /**
     * Creates an event that records timestamps (cuEventCreate).
     *
     * @return event handle
     */
    long createEvent();

    /**
     * Records an event after the work queued so far (cuEventRecord).
     *
     * @param event event handle
     * @param stream stream handle
     */
    void record(long event, long stream);

    /**
     * Lets the work that is queued on a stream from now on wait for an event, as it was recorded last (cuStreamWaitEvent).
     *
     * @param stream stream handle, of any stream
     * @param event event handle; one that was never recorded is not waited for
     */
    void awaitEvent(long stream, long event);

    /**
     * Waits until an event has completed (cuEventSynchronize).
     *
     * @param event event handle
     */
    void synchronizeEvent(long event);

    /**
     * Returns whether an event has completed, without waiting (cuEventQuery).
     *
     * @param event event handle
     * @return true if the work that was queued before it has finished
     */
    boolean isReached(long event);

    /**
     * Returns the time between two completed events (cuEventElapsedTime).
     *
     * @param start event at the start
     * @param end event at the end
     * @return elapsed time in milliseconds
     */
    float elapsed(long start, long end);

    /**
     * Destroys an event (cuEventDestroy).
     *
     * @param event event handle from {@link #createEvent}
     */
    void destroyEvent(long event);

    // Memory

    /**
     * Sets the release threshold of the device's memory pool (CU_MEMPOOL_ATTR_RELEASE_THRESHOLD).
     *
     * @param device device ordinal
     * @param bytes bytes of freed memory that the pool keeps at synchronization; {@link Long#MAX_VALUE} keeps all
     */
    void setReleaseThreshold(int device, long bytes);

    /**
     * Releases all unused memory of the device's pool (cuMemPoolTrimTo with 0 bytes).
     *
     * @param device device ordinal
     */
    void trim(int device);

    /**
     * Returns the memory that the device's pool has reserved, in use or not (CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT).
     *
     * @param device device ordinal
     * @return reserved memory in bytes
     */
    long reserved(int device);

    /**
     * Returns the free memory of the current device (cuMemGetInfo). Other processes may use the rest.
     *
     * @return free memory in bytes
     */
    long freeMemory();

    /**
     * Allocates memory from the pool in stream order (cuMemAllocAsync).
     *
     * @param bytes size in bytes, above 0
     * @param stream stream handle
     * @return device address, aligned to at least 256 bytes
     * @throws CudaException with {@link CudaException#isOutOfMemory} if too little memory is free
     */
    long allocate(long bytes, long stream);

    /**
     * Frees memory to the pool in stream order (cuMemFreeAsync).
     *
     * @param address device address from {@link #allocate}
     * @param stream stream handle
     */
    void free(long address, long stream);

    /**
     * Returns the unit of physical memory that is mapped to addresses (cuMemGetAllocationGranularity, the recommended one).
     *
     * @param device device ordinal
     * @return unit in bytes, a power of two
     */
    long granularity(int device);

    /**
     * Reserves a range of addresses without memory (cuMemAddressReserve).
     *
     * @param bytes size in bytes, a multiple of {@link #granularity}
     * @return first address, a multiple of the granularity
     */
    long reserveAddresses(long bytes);

    /**
     * Gives a range of addresses back (cuMemAddressFree). No memory is mapped to it any more.
     *
     * @param address first address from {@link #reserveAddresses}
     * @param bytes its size in bytes
     */
    void freeAddresses(long address, long bytes);

    /**
     * Creates physical memory on a device (cuMemCreate).
     *
     * @param device device ordinal
     * @param bytes size in bytes, a multiple of {@link #granularity}
     * @return handle of the memory
     * @throws CudaException with {@link CudaException#isOutOfMemory} if too little memory is free
     */
    long createMemory(int device, long bytes);

    /**
     * Releases physical memory that is mapped nowhere (cuMemRelease).
     *
     * @param memory handle from {@link #createMemory}
     */
    void releaseMemory(long memory);

    /**
     * Maps physical memory to reserved addresses (cuMemMap). They cannot be accessed before {@link #setAccess}.
     *
     * @param address first address, a multiple of {@link #granularity}
     * @param bytes size of the memory in bytes
     * @param memory handle from {@link #createMemory}
     */
    void map(long address, long bytes, long memory);

    /**
     * Lets a device read and write mapped addresses (cuMemSetAccess).
     *
     * @param address first address
     * @param bytes size in bytes
     * @param device device ordinal
     */
    void setAccess(long address, long bytes, int device);

    /**
     * Ends a mapping (cuMemUnmap). No queued work may access it; the physical memory keeps its contents.
     *
     * @param address first address of one {@link #map}
     * @param bytes its size in bytes
     */
    void unmap(long address, long bytes);

    /**
     * Tells that mapped addresses belong to a new block, in stream order. The driver itself takes no notice.
     *
     * @param address first address of the block
     * @param bytes size in bytes
     * @param stream stream handle
     */
    default void blockAllocated(long address, long bytes, long stream) {
        // Only stand-ins follow the blocks.
    }

    /**
     * Tells that a block of {@link #blockAllocated} is no longer used by work that is queued later.
     *
     * @param address first address of the block
     * @param stream stream handle
     */
    default void blockFreed(long address, long stream) {
        // Only stand-ins follow the blocks.
    }

    /**
     * Allocates pinned host memory (cuMemHostAlloc).
     *
     * @param bytes size in bytes, above 0
     * @return native memory with unbounded lifetime; the caller frees it by {@link #freePinned}
     */
    MemorySegment allocatePinned(long bytes);

    /**
     * Frees pinned host memory (cuMemFreeHost).
     *
     * @param memory native memory from {@link #allocatePinned}
     */
    void freePinned(MemorySegment memory);

    /**
     * Copies pinned memory to other host memory. The caller has waited for the queued copies that fill it.
     *
     * @param from pinned source
     * @param to host target of the same size
     */
    default void readPinned(MemorySegment from, MemorySegment to) {
        to.copyFrom(from);
    }

    /**
     * Copies other host memory to pinned memory. The caller has waited for the queued copies that read it.
     *
     * @param from host source
     * @param to pinned target of the same size
     */
    default void writePinned(MemorySegment from, MemorySegment to) {
        to.copyFrom(from);
    }

    /**
     * Queues a copy from host to device (cuMemcpyHtoDAsync).
     *
     * @param from native source, which must not change before the copy has finished
     * @param to device address of the target
     * @param stream stream handle
     */
    void copyToDevice(MemorySegment from, long to, long stream);

    /**
     * Queues a copy from device to host (cuMemcpyDtoHAsync).
     *
     * @param from device address of the source
     * @param to native target
     * @param stream stream handle
     */
    void copyToHost(long from, MemorySegment to, long stream);

    /**
     * Queues a copy on the device (cuMemcpyDtoDAsync).
     *
     * @param from device address of the source
     * @param to device address of the target; the two ranges do not overlap
     * @param bytes size in bytes
     * @param stream stream handle
     */
    void copyOnDevice(long from, long to, long bytes, long stream);

    /**
     * Queues a memset of bytes (cuMemsetD8Async).
     *
     * @param address device address of the first byte
     * @param value value of every byte
     * @param bytes size in bytes
     * @param stream stream handle
     */
    void set(long address, byte value, long bytes, long stream);

    // Kernels

    /**
     * Loads PTX and compiles it for the device (cuLibraryLoadData).
     *
     * @param name name of the module in messages
     * @param ptx PTX source
     * @return library handle
     * @throws CudaException if the driver cannot compile the PTX; the message contains the compiler's log
     */
    long loadLibrary(String name, String ptx);

    /**
     * Unloads a library and its kernels (cuLibraryUnload).
     *
     * @param library library handle from {@link #loadLibrary}
     */
    void unloadLibrary(long library);

    /**
     * Returns a kernel of a library (cuLibraryGetKernel).
     *
     * @param library library handle from {@link #loadLibrary}
     * @param name name of the PTX entry
     * @return kernel handle
     */
    long kernel(long library, String name);

    /**
     * Returns the layout of a kernel's parameters (cuFuncGetParamInfo, since CUDA 12.4).
     *
     * @param kernel kernel handle from {@link #kernel}
     * @return parameters in order; null if the driver is too old to report them
     */
    List<Parameter> parameters(long kernel);

    /**
     * Opts a kernel in to more than 48 KiB of dynamic shared memory (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES).
     *
     * @param kernel kernel handle from {@link #kernel}
     * @param bytes maximum dynamic shared memory of a launch in bytes
     */
    void allowSharedMemory(long kernel, int bytes);

    /**
     * Queues a kernel launch (cuLaunchKernel).
     *
     * @param kernel kernel handle from {@link #kernel}
     * @param grid blocks and threads
     * @param sharedBytes dynamic shared memory per block in bytes
     * @param stream stream handle
     * @param arguments native memory with the arguments in order, each at its natural alignment; not read after the call
     */
    void launch(long kernel, Grid grid, int sharedBytes, long stream, MemorySegment arguments);
}
