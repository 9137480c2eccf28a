package kept.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import kept.cuda.bindings.Cuda;
import kept.cuda.library.NativeLibrary;

/** The CUDA driver of this machine, called through the foreign function and memory API. */
public final class FfmDriver implements Driver {
    /** System property; the value {@code launch} makes every launch synchronous, so that a kernel fault is reported with the kernel's name. */
    public static final String CHECK_PROPERTY = "kept.cuda.check";

    /** Handle of cuBLAS products in the launch history. */
    private static final long PRODUCT = -1;
    private static final int LOG_BYTES = 8192;
    private static final int UUID_BYTES = 16;

    private final int version;
    private final boolean checkLaunches;
    private final LaunchHistory history = new LaunchHistory();
    private final Failures failures = new Failures(history);
    private final ThreadLocal<CallMemory> memory = ThreadLocal.withInitial(CallMemory::new);
    private final Map<Long, CompilerLog> logs = new ConcurrentHashMap<>();

    private FfmDriver(boolean checkLaunches) {
        this.checkLaunches = checkLaunches;
        history.name(PRODUCT, "of a matrix product of cuBLAS");
        check(Cuda.cuInit(0), "cuInit");
        CallMemory call = memory.get();
        check(Cuda.cuDriverGetVersion(call.first()), "cuDriverGetVersion");
        version = call.firstInt();
    }

    /**
     * Loads the driver's library and initializes it (cuInit).
     *
     * @return the driver
     * @throws kept.cuda.library.MissingLibraryException if the machine has no CUDA driver
     * @throws CudaException if the driver cannot be initialized or finds no device
     */
    public static FfmDriver open() {
        NativeLibrary.loadDriver();
        return new FfmDriver("launch".equals(System.getProperty(CHECK_PROPERTY)));
    }

    @Override
    public int version() {
        return version;
    }

    @Override
    public int deviceCount() {
        CallMemory call = memory.get();
        check(Cuda.cuDeviceGetCount(call.first()), "cuDeviceGetCount");
        return call.firstInt();
    }

    @Override
    public String deviceName(int device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(256);
            check(Cuda.cuDeviceGetName(name, (int) name.byteSize(), handle(device)), "cuDeviceGetName");
            return name.getString(0);
        }
    }

    @Override
    public byte[] uuid(int device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(UUID_BYTES);
            check(Cuda.cuDeviceGetUuid_v2(bytes, handle(device)), "cuDeviceGetUuid");
            return bytes.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    @Override
    public int attribute(int device, DeviceAttribute attribute) {
        int handle = handle(device);
        CallMemory call = memory.get();
        int status = Cuda.cuDeviceGetAttribute(call.first(), attribute.code(), handle);
        if (status != 0) {
            throw failures.of(status, "cuDeviceGetAttribute of " + attribute);
        }
        return call.firstInt();
    }

    @Override
    public long totalMemory(int device) {
        int handle = handle(device);
        CallMemory call = memory.get();
        check(Cuda.cuDeviceTotalMem_v2(call.first(), handle), "cuDeviceTotalMem");
        return call.firstLong();
    }

    /** Returns the driver's handle of a device (cuDeviceGet). */
    private int handle(int device) {
        CallMemory call = memory.get();
        int status = Cuda.cuDeviceGet(call.first(), device);
        if (status != 0) {
            throw failures.of(status, "cuDeviceGet of device " + device);
        }
        return call.firstInt();
    }

    @Override
    public long retainPrimaryContext(int device) {
        int handle = handle(device);
        CallMemory call = memory.get();
        check(Cuda.cuDevicePrimaryCtxRetain(call.first(), handle), "cuDevicePrimaryCtxRetain");
        return call.firstLong();
    }

    @Override
    public void releasePrimaryContext(int device) {
        check(Cuda.cuDevicePrimaryCtxRelease_v2(handle(device)), "cuDevicePrimaryCtxRelease");
    }

    @Override
    public void makeCurrent(long context) {
        check(Cuda.cuCtxSetCurrent(MemorySegment.ofAddress(context)), "cuCtxSetCurrent");
    }

    // Streams and events

    @Override
    public long createStream() {
        CallMemory call = memory.get();
        check(Cuda.cuStreamCreate(call.first(), Cuda.CU_STREAM_NON_BLOCKING()), "cuStreamCreate");
        return call.firstLong();
    }

    @Override
    public void destroyStream(long stream) {
        check(Cuda.cuStreamDestroy_v2(MemorySegment.ofAddress(stream)), "cuStreamDestroy");
    }

    @Override
    public void synchronize(long stream) {
        check(Cuda.cuStreamSynchronize(MemorySegment.ofAddress(stream)), "cuStreamSynchronize");
        history.finished();
    }

    @Override
    public long createEvent() {
        CallMemory call = memory.get();
        check(Cuda.cuEventCreate(call.first(), Cuda.CU_EVENT_DEFAULT()), "cuEventCreate");
        return call.firstLong();
    }

    @Override
    public void record(long event, long stream) {
        check(Cuda.cuEventRecord(MemorySegment.ofAddress(event), MemorySegment.ofAddress(stream)), "cuEventRecord");
    }

    @Override
    public void awaitEvent(long stream, long event) {
        check(Cuda.cuStreamWaitEvent(MemorySegment.ofAddress(stream), MemorySegment.ofAddress(event), 0), "cuStreamWaitEvent");
    }

    @Override
    public void synchronizeEvent(long event) {
        check(Cuda.cuEventSynchronize(MemorySegment.ofAddress(event)), "cuEventSynchronize");
    }

    @Override
    public boolean isReached(long event) {
        int status = Cuda.cuEventQuery(MemorySegment.ofAddress(event));
        if (status != Cuda.CUDA_ERROR_NOT_READY()) {
            check(status, "cuEventQuery");
        }
        return status == 0;
    }

    @Override
    public float elapsed(long start, long end) {
        MemorySegment milliseconds = memory.get().first();
        MemorySegment from = MemorySegment.ofAddress(start);
        MemorySegment to = MemorySegment.ofAddress(end);
        boolean newer = NativeLibrary.DRIVER.find("cuEventElapsedTime_v2").isPresent();
        check(newer ? Cuda.cuEventElapsedTime_v2(milliseconds, from, to) : Cuda.cuEventElapsedTime(milliseconds, from, to), "cuEventElapsedTime");
        return milliseconds.get(ValueLayout.JAVA_FLOAT, 0);
    }

    @Override
    public void destroyEvent(long event) {
        check(Cuda.cuEventDestroy_v2(MemorySegment.ofAddress(event)), "cuEventDestroy");
    }

    // Memory

    @Override
    public void setReleaseThreshold(int device, long bytes) {
        MemorySegment pool = pool(device);
        MemorySegment value = memory.get().first();
        value.set(ValueLayout.JAVA_LONG, 0, bytes);
        int status = Cuda.cuMemPoolSetAttribute(pool, Cuda.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD(), value);
        if (status != 0) {
            throw failures.of(status, "cuMemPoolSetAttribute of a release threshold of %d bytes".formatted(bytes));
        }
    }

    @Override
    public void trim(int device) {
        check(Cuda.cuMemPoolTrimTo(pool(device), 0), "cuMemPoolTrimTo");
    }

    @Override
    public long reserved(int device) {
        MemorySegment pool = pool(device);
        CallMemory call = memory.get();
        check(Cuda.cuMemPoolGetAttribute(pool, Cuda.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT(), call.first()), "cuMemPoolGetAttribute");
        return call.firstLong();
    }

    /** Returns the pool that cuMemAllocAsync allocates from (cuDeviceGetDefaultMemPool). */
    private MemorySegment pool(int device) {
        int handle = handle(device);
        CallMemory call = memory.get();
        check(Cuda.cuDeviceGetDefaultMemPool(call.first(), handle), "cuDeviceGetDefaultMemPool");
        return MemorySegment.ofAddress(call.firstLong());
    }

    @Override
    public long freeMemory() {
        CallMemory call = memory.get();
        check(Cuda.cuMemGetInfo_v2(call.first(), call.second()), "cuMemGetInfo");
        return call.firstLong();
    }

    @Override
    public long allocate(long bytes, long stream) {
        CallMemory call = memory.get();
        int status = Cuda.cuMemAllocAsync(call.first(), bytes, MemorySegment.ofAddress(stream));
        if (status != 0) {
            throw failures.of(status, "cuMemAllocAsync of %d bytes".formatted(bytes));
        }
        return call.firstLong();
    }

    @Override
    public void free(long address, long stream) {
        int status = Cuda.cuMemFreeAsync(address, MemorySegment.ofAddress(stream));
        if (status != 0) {
            throw failures.of(status, "cuMemFreeAsync of %#x".formatted(address));
        }
    }

    @Override
    public long granularity(int device) {
        try (Arena arena = Arena.ofConfined()) {
            CallMemory call = memory.get();
            check(Cuda.cuMemGetAllocationGranularity(call.first(), MemoryProperties.allocation(arena, handle(device)),
                    Cuda.CU_MEM_ALLOC_GRANULARITY_RECOMMENDED()), "cuMemGetAllocationGranularity");
            return call.firstLong();
        }
    }

    @Override
    public long reserveAddresses(long bytes) {
        CallMemory call = memory.get();
        int status = Cuda.cuMemAddressReserve(call.first(), bytes, 0, 0, 0);
        if (status != 0) {
            throw failures.of(status, "cuMemAddressReserve of %d bytes".formatted(bytes));
        }
        return call.firstLong();
    }

    @Override
    public void freeAddresses(long address, long bytes) {
        int status = Cuda.cuMemAddressFree(address, bytes);
        if (status != 0) {
            throw failures.of(status, "cuMemAddressFree of %d bytes at %#x".formatted(bytes, address));
        }
    }

    @Override
    public long createMemory(int device, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment properties = MemoryProperties.allocation(arena, handle(device));
            CallMemory call = memory.get();
            int status = Cuda.cuMemCreate(call.first(), bytes, properties, 0);
            if (status != 0) {
                throw failures.of(status, "cuMemCreate of %d bytes".formatted(bytes));
            }
            return call.firstLong();
        }
    }

    @Override
    public void releaseMemory(long physical) {
        check(Cuda.cuMemRelease(physical), "cuMemRelease");
    }

    @Override
    public void map(long address, long bytes, long physical) {
        int status = Cuda.cuMemMap(address, bytes, 0, physical, 0);
        if (status != 0) {
            throw failures.of(status, "cuMemMap of %d bytes at %#x".formatted(bytes, address));
        }
    }

    @Override
    public void setAccess(long address, long bytes, int device) {
        try (Arena arena = Arena.ofConfined()) {
            int status = Cuda.cuMemSetAccess(address, bytes, MemoryProperties.access(arena, handle(device)), 1);
            if (status != 0) {
                throw failures.of(status, "cuMemSetAccess of %d bytes at %#x".formatted(bytes, address));
            }
        }
    }

    @Override
    public void unmap(long address, long bytes) {
        int status = Cuda.cuMemUnmap(address, bytes);
        if (status != 0) {
            throw failures.of(status, "cuMemUnmap of %d bytes at %#x".formatted(bytes, address));
        }
    }

    @Override
    @SuppressWarnings("restricted")
    public MemorySegment allocatePinned(long bytes) {
        CallMemory call = memory.get();
        int status = Cuda.cuMemHostAlloc(call.first(), bytes, 0);
        if (status != 0) {
            throw failures.of(status, "cuMemHostAlloc of %d bytes".formatted(bytes));
        }
        return MemorySegment.ofAddress(call.firstLong()).reinterpret(bytes);
    }

    @Override
    public void freePinned(MemorySegment pinned) {
        check(Cuda.cuMemFreeHost(pinned), "cuMemFreeHost");
    }

    @Override
    public void copyToDevice(MemorySegment from, long to, long stream) {
        int status = Cuda.cuMemcpyHtoDAsync_v2(to, from, from.byteSize(), MemorySegment.ofAddress(stream));
        if (status != 0) {
            throw failures.of(status, "cuMemcpyHtoDAsync of %d bytes to %#x".formatted(from.byteSize(), to));
        }
    }

    @Override
    public void copyToHost(long from, MemorySegment to, long stream) {
        int status = Cuda.cuMemcpyDtoHAsync_v2(to, from, to.byteSize(), MemorySegment.ofAddress(stream));
        if (status != 0) {
            throw failures.of(status, "cuMemcpyDtoHAsync of %d bytes from %#x".formatted(to.byteSize(), from));
        }
    }

    @Override
    public void copyOnDevice(long from, long to, long bytes, long stream) {
        int status = Cuda.cuMemcpyDtoDAsync_v2(to, from, bytes, MemorySegment.ofAddress(stream));
        if (status != 0) {
            throw failures.of(status, "cuMemcpyDtoDAsync of %d bytes from %#x to %#x".formatted(bytes, from, to));
        }
    }

    @Override
    public void set(long address, byte value, long bytes, long stream) {
        int status = Cuda.cuMemsetD8Async(address, value, bytes, MemorySegment.ofAddress(stream));
        if (status != 0) {
            throw failures.of(status, "cuMemsetD8Async of %d bytes at %#x".formatted(bytes, address));
        }
    }

    // Kernels

    /** Log buffer of the JIT compiler. It lives as long as its library, because the driver may compile a kernel lazily at its first use. */
    private record CompilerLog(String name, Arena arena, MemorySegment text) {
        @Override
        public String toString() {
            String log = text.getString(0).strip();
            return log.isEmpty() ? name : "%s (%s)".formatted(name, log);
        }
    }

    @Override
    public long loadLibrary(String name, String ptx) {
        Arena arena = Arena.ofShared();
        CompilerLog log = new CompilerLog(name, arena, arena.allocate(LOG_BYTES));
        try (Arena callArena = Arena.ofConfined()) {
            // The driver may compile a kernel, and write to these, later: they live as long as the log.
            MemorySegment options = arena.allocateFrom(ValueLayout.JAVA_INT, Cuda.CU_JIT_ERROR_LOG_BUFFER(),
                    Cuda.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES());
            // Option values are void pointers: the size is passed in 8 bytes too.
            MemorySegment values = arena.allocateFrom(ValueLayout.JAVA_LONG, log.text().address(), LOG_BYTES);
            CallMemory call = memory.get();
            int status = Cuda.cuLibraryLoadData(call.first(), callArena.allocateFrom(ptx), options, values, 2, MemorySegment.NULL, MemorySegment.NULL,
                    0);
            if (status != 0) {
                CudaException failure = failures.of(status, "cuLibraryLoadData of " + log);
                arena.close();
                throw failure;
            }
            logs.put(call.firstLong(), log);
            return call.firstLong();
        }
    }

    @Override
    public void unloadLibrary(long library) {
        check(Cuda.cuLibraryUnload(MemorySegment.ofAddress(library)), "cuLibraryUnload");
        logs.remove(library).arena().close();
    }

    @Override
    public long kernel(long library, String name) {
        CallMemory call = memory.get();
        try (Arena arena = Arena.ofConfined()) {
            int status = Cuda.cuLibraryGetKernel(call.first(), MemorySegment.ofAddress(library), arena.allocateFrom(name));
            if (status != 0) {
                throw failures.of(status, "cuLibraryGetKernel of %s in %s".formatted(name, logs.get(library)));
            }
        }
        int status = Cuda.cuKernelGetFunction(call.first(), MemorySegment.ofAddress(call.firstLong()));
        if (status != 0) {
            throw failures.of(status, "cuKernelGetFunction of %s in %s".formatted(name, logs.get(library)));
        }
        history.name(call.firstLong(), name);
        return call.firstLong();
    }

    @Override
    public List<Parameter> parameters(long kernel) {
        if (NativeLibrary.DRIVER.find("cuFuncGetParamInfo").isEmpty()) {
            return null;
        }
        CallMemory call = memory.get();
        List<Parameter> parameters = new ArrayList<>();
        while (true) {
            int status = Cuda.cuFuncGetParamInfo(MemorySegment.ofAddress(kernel), parameters.size(), call.first(), call.second());
            if (status == Cuda.CUDA_ERROR_INVALID_VALUE()) {
                return List.copyOf(parameters);
            }
            check(status, "cuFuncGetParamInfo");
            parameters.add(new Parameter(call.firstLong(), call.secondLong()));
        }
    }

    /** {@inheritDoc} Static shared memory counts against the same limit; if both exceed it, the dynamic limit is lowered by the static size. */
    @Override
    public void allowSharedMemory(long kernel, int bytes) {
        MemorySegment function = MemorySegment.ofAddress(kernel);
        int attribute = Cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES();
        int status = Cuda.cuFuncSetAttribute(function, attribute, bytes);
        if (status == Cuda.CUDA_ERROR_INVALID_VALUE()) {
            CallMemory call = memory.get();
            check(Cuda.cuFuncGetAttribute(call.first(), Cuda.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES(), function), "cuFuncGetAttribute");
            status = Cuda.cuFuncSetAttribute(function, attribute, bytes - call.firstInt());
        }
        if (status != 0) {
            throw failures.of(status, "cuFuncSetAttribute of %d bytes of shared memory for %s".formatted(bytes, history.name(kernel)));
        }
    }

    @Override
    public void launch(long kernel, Grid grid, int sharedBytes, long stream, MemorySegment arguments) {
        int status = Cuda.cuLaunchKernel(MemorySegment.ofAddress(kernel), grid.x(), grid.y(), grid.z(), grid.threadsX(), grid.threadsY(), 1,
                sharedBytes, MemorySegment.ofAddress(stream), MemorySegment.NULL, memory.get().launch(arguments));
        Reference.reachabilityFence(arguments);
        if (status != 0) {
            throw failures.of(status, "cuLaunchKernel of " + describe(kernel, grid, sharedBytes));
        }
        history.launched(kernel);
        if (checkLaunches) {
            int outcome = Cuda.cuStreamSynchronize(MemorySegment.ofAddress(stream));
            if (outcome != 0) {
                throw failures.ofKernel(outcome, describe(kernel, grid, sharedBytes));
            }
        }
    }

    private String describe(long kernel, Grid grid, int sharedBytes) {
        return "%s (%d x %d x %d blocks of %d x %d threads, %d bytes of shared memory)".formatted(history.name(kernel), grid.x(), grid.y(), grid.z(),
                grid.threadsX(), grid.threadsY(), sharedBytes);
    }

    /**
     * Records a product queued by cuBLAS in the launch history, since its kernel may fail like any other.
     *
     * @param stream stream handle
     * @param m rows of the result
     * @param n columns of the result
     * @param k inner dimension
     */
    public void productQueued(long stream, int m, int n, int k) {
        history.launched(PRODUCT);
        if (checkLaunches) {
            int outcome = Cuda.cuStreamSynchronize(MemorySegment.ofAddress(stream));
            if (outcome != 0) {
                throw failures.ofKernel(outcome, "of a matrix product of cuBLAS (m %d, n %d, k %d)".formatted(m, n, k));
            }
        }
    }

    private void check(int status, String call) {
        if (status != 0) {
            throw failures.of(status, call);
        }
    }
}
