package kept.cuda.virtual;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.cuda.driver.LaunchCounter;
import kept.cuda.driver.LaunchCounts;
import kept.cuda.driver.Parameter;

/** The driver of a virtual GPU. Streams run in order, either within the call or, on a deferring device, when something waits for them. */
public final class VirtualDriver implements Driver, LaunchCounter {
    private static final int INVALID_VALUE = 1;
    private static final int OUT_OF_MEMORY = 2;
    private static final int INVALID_PTX = 218;
    private static final int INVALID_CONTEXT = 201;
    private static final int INVALID_HANDLE = 400;
    private static final int NOT_FOUND = 500;
    private static final int NOT_READY = 600;
    private static final int LAUNCH_FAILED = 719;
    /** Limit of freed memory in bytes, which stays on the heap while queued work may use it; beyond it the queued work runs. */
    private static final long MAX_RELEASED = 64L << 20;

    /** A loaded module, whose kernels are decoded at their first use, and its variables. */
    private record Library(PtxModule module, Map<String, Allocation> variables) {}

    private final VirtualGpu gpu;
    private final AtomicLong handles = new AtomicLong(0x1000);
    private final Map<Long, Library> libraries = new ConcurrentHashMap<>();
    private final Map<Long, LoadedKernel> kernels = new ConcurrentHashMap<>();
    private final PinnedMemory pinned = new PinnedMemory();
    private final AddressSpace addresses;
    private final Map<Long, StreamEvent> events = new ConcurrentHashMap<>();
    private final Set<Long> streams = new HashSet<>();
    private final ThreadLocal<Long> current = new ThreadLocal<>();
    private final Set<Long> contexts = new HashSet<>();
    private long reserved;
    private boolean keepsFreed;
    private volatile KernelFault fault;

    VirtualDriver(VirtualGpu gpu) {
        this.gpu = gpu;
        this.addresses = new AddressSpace(gpu.memory());
    }

    static CudaException failure(int status, String name, String call, String text) {
        return new CudaException(status, "[driver] %s: %s (%d): %s".formatted(call, name, status, text));
    }

    static CudaException invalid(String call, String text) {
        return failure(INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", call, text);
    }

    /** Checks that a context is current and that no kernel has faulted. */
    private void begin(String call) {
        if (current.get() == null) {
            throw failure(INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", call, "no context is current on this thread");
        }
        if (fault != null) {
            throw failure(LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", call, fault.getMessage());
        }
    }

    private void begin(String call, long stream) {
        begin(call);
        synchronized (streams) {
            if (stream != 0 && !streams.contains(stream)) {
                throw failure(INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", call, "no stream 0x%x".formatted(stream));
            }
        }
    }

    /** Waits for a stream and reports its faults. */
    private void await(String call, long stream) {
        gpu.streams().await(stream);
        begin(call);
    }

    private static void device(String call, int device) {
        if (device != 0) {
            throw failure(101, "CUDA_ERROR_INVALID_DEVICE", call, "no device " + device + ", there is one");
        }
    }

    @Override
    public int version() {
        return 12040;
    }

    @Override
    public int deviceCount() {
        return 1;
    }

    @Override
    public String deviceName(int device) {
        device("cuDeviceGetName", device);
        return "virtual GPU";
    }

    @Override
    public byte[] uuid(int device) {
        device("cuDeviceGetUuid", device);
        return gpu.uuid();
    }

    @Override
    public int attribute(int device, DeviceAttribute attribute) {
        device("cuDeviceGetAttribute", device);
        return switch (attribute) {
            case MULTIPROCESSORS -> gpu.multiprocessors();
            case VIRTUAL_MEMORY -> gpu.mapsMemory() ? 1 : 0;
            case L2_CACHE -> 1 << 22;
            case CAPABILITY_MAJOR -> 8;
            case CAPABILITY_MINOR -> 0;
            case SHARED_MEMORY_OPT_IN -> gpu.sharedMemory();
            case MEMORY_POOLS -> 1;
        };
    }

    @Override
    public long totalMemory(int device) {
        device("cuDeviceTotalMem", device);
        return gpu.memory().capacity();
    }

    @Override
    public synchronized long retainPrimaryContext(int device) {
        device("cuDevicePrimaryCtxRetain", device);
        long context = handles.incrementAndGet();
        contexts.add(context);
        return context;
    }

    @Override
    public synchronized void releasePrimaryContext(int device) {
        device("cuDevicePrimaryCtxRelease", device);
        contexts.clear();
    }

    @Override
    public synchronized void makeCurrent(long context) {
        if (!contexts.contains(context)) {
            throw failure(INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "cuCtxSetCurrent", "no context 0x%x".formatted(context));
        }
        current.set(context);
    }

    @Override
    public long createStream() {
        begin("cuStreamCreate");
        long stream = handles.incrementAndGet();
        synchronized (streams) {
            streams.add(stream);
        }
        return stream;
    }

    @Override
    public void destroyStream(long stream) {
        begin("cuStreamDestroy", stream);
        gpu.streams().await(stream);
        synchronized (streams) {
            streams.remove(stream);
        }
    }

    @Override
    public void synchronize(long stream) {
        begin("cuStreamSynchronize", stream);
        await("cuStreamSynchronize", stream);
    }

    @Override
    public long createEvent() {
        begin("cuEventCreate");
        long event = handles.incrementAndGet();
        events.put(event, new StreamEvent());
        return event;
    }

    @Override
    public void record(long event, long stream) {
        begin("cuEventRecord", stream);
        StreamEvent recorded = event("cuEventRecord", event);
        recorded.stream = stream;
        recorded.reached = false;
        long time = ++recorded.recorded;
        gpu.streams().addAlways(stream, () -> {
            recorded.reached |= time == recorded.recorded;
            recorded.passed = time;
            recorded.nanos = System.nanoTime();
        });
    }

    /** {@inheritDoc} The other stream is as far as it can be when this one waits for it. */
    @Override
    public void awaitEvent(long stream, long event) {
        begin("cuStreamWaitEvent", stream);
        StreamEvent awaited = event("cuStreamWaitEvent", event);
        long time = awaited.recorded;
        long other = awaited.stream;
        gpu.streams().addTried(stream, () -> {
            if (awaited.passed < time) {
                gpu.streams().advance(other);
            }
            return awaited.passed >= time;
        });
    }

    /** {@inheritDoc} All later work of the stream runs as well, which hardware may do at any time, too. */
    @Override
    public void synchronizeEvent(long event) {
        begin("cuEventSynchronize");
        StreamEvent awaited = event("cuEventSynchronize", event);
        if (!awaited.reached) {
            await("cuEventSynchronize", awaited.stream);
        }
    }

    /** {@inheritDoc} A query is a time at which the work may have been done: all that can be done now is. */
    @Override
    public boolean isReached(long event) {
        begin("cuEventQuery");
        StreamEvent queried = event("cuEventQuery", event);
        if (!queried.reached) {
            gpu.streams().advance(queried.stream);
            begin("cuEventQuery");
        }
        return queried.reached;
    }

    @Override
    public float elapsed(long start, long end) {
        StreamEvent first = event("cuEventElapsedTime", start);
        StreamEvent last = event("cuEventElapsedTime", end);
        if (!first.reached || !last.reached) {
            throw failure(NOT_READY, "CUDA_ERROR_NOT_READY", "cuEventElapsedTime", "an event has not completed");
        }
        return (last.nanos - first.nanos) / 1e6f;
    }

    @Override
    public void destroyEvent(long event) {
        event("cuEventDestroy", event);
        events.remove(event);
    }

    private StreamEvent event(String call, long event) {
        StreamEvent found = events.get(event);
        if (found == null) {
            throw failure(INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", call, "no event 0x%x".formatted(event));
        }
        return found;
    }

    @Override
    public void setReleaseThreshold(int device, long bytes) {
        device("cuMemPoolSetAttribute", device);
        keepsFreed = bytes > 0;
    }

    @Override
    public synchronized void trim(int device) {
        device("cuMemPoolTrimTo", device);
        reserved = gpu.memory().used();
    }

    @Override
    public synchronized long reserved(int device) {
        device("cuMemPoolGetAttribute", device);
        return reserved;
    }

    @Override
    public synchronized long freeMemory() {
        begin("cuMemGetInfo");
        return gpu.memory().capacity() - Math.max(reserved, gpu.memory().used());
    }

    @Override
    public synchronized long allocate(long bytes, long stream) {
        begin("cuMemAllocAsync", stream);
        if (bytes <= 0) {
            throw invalid("cuMemAllocAsync", bytes + " bytes");
        }
        Allocation allocation = gpu.memory().allocate("allocation", bytes);
        if (allocation == null) {
            throw failure(OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "cuMemAllocAsync", "%d bytes, with %d of %d bytes free"
                    .formatted(bytes, gpu.memory().capacity() - gpu.memory().used(), gpu.memory().capacity()));
        }
        reserved = Math.max(reserved, gpu.memory().used());
        return allocation.base;
    }

    /** {@inheritDoc} From now on calls must not use the memory; kernels queued before still may. */
    @Override
    public synchronized void free(long address, long stream) {
        begin("cuMemFreeAsync", stream);
        String wrong = gpu.memory().release(address);
        if (wrong != null) {
            throw invalid("cuMemFreeAsync", "0x%x is the beginning of no allocation in use: %s".formatted(address, wrong));
        }
        gpu.streams().addAlways(stream, () -> gpu.memory().discard(address));
        if (gpu.memory().released() > MAX_RELEASED) {
            gpu.streams().await(stream);
        }
        if (!keepsFreed) {
            reserved = gpu.memory().used();
        }
    }

    private <T> T managed(String call, Supplier<T> work) {
        begin(call);
        try {
            return work.get();
        } catch (IllegalArgumentException e) {
            throw invalid(call, e.getMessage());
        }
    }

    private void managed(String call, Runnable work) {
        managed(call, () -> {
            work.run();
            return null;
        });
    }

    @Override
    public long granularity(int device) {
        device("cuMemGetAllocationGranularity", device);
        return ReservedRange.GRANULARITY;
    }

    @Override
    public long reserveAddresses(long bytes) {
        return managed("cuMemAddressReserve", () -> addresses.reserve(bytes));
    }

    @Override
    public void freeAddresses(long address, long bytes) {
        managed("cuMemAddressFree", () -> addresses.free(address, bytes));
    }

    @Override
    public long createMemory(int device, long bytes) {
        device("cuMemCreate", device);
        long handle = managed("cuMemCreate", () -> addresses.create(bytes));
        if (handle == 0) {
            throw failure(OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "cuMemCreate", "%d bytes, with %d of %d bytes free"
                    .formatted(bytes, gpu.memory().capacity() - gpu.memory().used(), gpu.memory().capacity()));
        }
        return handle;
    }

    /** Returns the physical memory that has been created and not released, in bytes. */
    public long createdMemory() {
        return addresses.created();
    }

    @Override
    public void releaseMemory(long memory) {
        managed("cuMemRelease", () -> addresses.release(memory));
    }

    @Override
    public void map(long address, long bytes, long memory) {
        managed("cuMemMap", () -> addresses.map(address, bytes, memory));
    }

    @Override
    public void setAccess(long address, long bytes, int device) {
        device("cuMemSetAccess", device);
        managed("cuMemSetAccess", () -> addresses.setAccess(address, bytes));
    }

    @Override
    public void unmap(long address, long bytes) {
        managed("cuMemUnmap", () -> addresses.unmap(address, bytes));
    }

    /** {@inheritDoc} Here its contents are unwritten. */
    @Override
    public void blockAllocated(long address, long bytes, long stream) {
        gpu.streams().addAlways(stream, () -> addresses.forget(address, bytes));
    }

    @Override
    public MemorySegment allocatePinned(long bytes) {
        begin("cuMemHostAlloc");
        return pinned.allocate(bytes);
    }

    @Override
    public void freePinned(MemorySegment memory) {
        begin("cuMemFreeHost");
        String wrong = pinned.free(memory);
        if (wrong != null) {
            throw invalid("cuMemFreeHost", wrong);
        }
    }

    @Override
    public void readPinned(MemorySegment from, MemorySegment to) {
        pinned.read(from);
        Driver.super.readPinned(from, to);
    }

    @Override
    public void writePinned(MemorySegment from, MemorySegment to) {
        pinned.write(to);
        Driver.super.writePinned(from, to);
    }

    /** Returns the allocation that contains a range; throws if there is none. */
    private Allocation require(String call, long address, long bytes) {
        Allocation allocation = gpu.memory().find(address, bytes);
        if (allocation == null || allocation.isReleased()) {
            throw invalid(call, "%d bytes at 0x%x, %s".formatted(bytes, address, gpu.memory().describe(address)));
        }
        return allocation;
    }

    /** {@inheritDoc} Pageable memory is read before this returns, pinned memory when the copy runs. */
    @Override
    public void copyToDevice(MemorySegment from, long to, long stream) {
        begin("cuMemcpyHtoDAsync", stream);
        if (from.byteSize() > 0) {
            Allocation allocation = require("cuMemcpyHtoDAsync", to, from.byteSize());
            PinnedMemory.Transfer transfer = gpu.streams().defers() ? pinned.begin(from, true) : null;
            byte[] pageable = transfer == null ? from.toArray(ValueLayout.JAVA_BYTE) : null;
            gpu.streams().addAlways(stream, () -> {
                byte[] bytes = transfer == null ? pageable : transfer.send();
                allocation.write(to - allocation.base, bytes);
            });
        }
    }

    /** {@inheritDoc} Pageable memory is filled before this returns, pinned memory when the copy runs. */
    @Override
    public void copyToHost(long from, MemorySegment to, long stream) {
        begin("cuMemcpyDtoHAsync", stream);
        if (to.byteSize() > 0) {
            Allocation allocation = require("cuMemcpyDtoHAsync", from, to.byteSize());
            PinnedMemory.Transfer transfer = gpu.streams().defers() ? pinned.begin(to, false) : null;
            gpu.streams().addAlways(stream, () -> {
                long at = from - allocation.base;
                long unwritten = allocation.firstUnwritten(at, to.byteSize());
                if (unwritten >= 0) {
                    throw new KernelFault("copies %d bytes to the host from 0x%x, of which byte %,d of %s was never written"
                            .formatted(to.byteSize(), from, unwritten, allocation));
                }
                byte[] bytes = allocation.read(at, Math.toIntExact(to.byteSize()));
                if (transfer == null) {
                    to.copyFrom(MemorySegment.ofArray(bytes));
                } else {
                    transfer.receive(bytes);
                }
            });
            if (transfer == null) {
                await("cuMemcpyDtoHAsync", stream);
            }
        }
    }

    @Override
    public void copyOnDevice(long from, long to, long bytes, long stream) {
        begin("cuMemcpyDtoDAsync", stream);
        if (bytes <= 0) {
            return;
        }
        Allocation source = require("cuMemcpyDtoDAsync", from, bytes);
        Allocation target = require("cuMemcpyDtoDAsync", to, bytes);
        if (from < to + bytes && to < from + bytes) {
            throw invalid("cuMemcpyDtoDAsync", "%d bytes from 0x%x to 0x%x overlap".formatted(bytes, from, to));
        }
        gpu.streams().add(stream, () -> source.copy(from - source.base, bytes, target, to - target.base));
    }

    @Override
    public void set(long address, byte value, long bytes, long stream) {
        begin("cuMemsetD8Async", stream);
        if (bytes > 0) {
            Allocation allocation = require("cuMemsetD8Async", address, bytes);
            gpu.streams().add(stream, () -> allocation.set(address - allocation.base, bytes, value));
        }
    }

    @Override
    public long loadLibrary(String name, String ptx) {
        begin("cuLibraryLoadData");
        try {
            PtxModule module = PtxParser.parse(name + ".ptx", ptx);
            long handle = handles.incrementAndGet();
            libraries.put(handle, new Library(module, DeviceVariables.allocate(module, gpu.memory())));
            return handle;
        } catch (PtxException e) {
            throw failure(INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "cuLibraryLoadData", e.getMessage());
        }
    }

    @Override
    public void unloadLibrary(long library) {
        begin("cuLibraryUnload");
        Library removed = libraries.remove(library);
        if (removed == null) {
            throw failure(INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "cuLibraryUnload", "no library 0x%x".formatted(library));
        }
        gpu.streams().awaitAll();
        removed.variables().values().forEach(variable -> {
            gpu.memory().release(variable.base);
            gpu.memory().discard(variable.base);
        });
        kernels.values().removeIf(loaded -> loaded.library == library);
    }

    /** {@inheritDoc} An unsupported instruction throws a {@link PtxException} that names it. */
    @Override
    public long kernel(long library, String name) {
        begin("cuLibraryGetKernel");
        Library from = libraries.get(library);
        if (from == null || !from.module().functions().containsKey(name)) {
            throw failure(NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "cuLibraryGetKernel", "no kernel " + name);
        }
        long handle = handles.incrementAndGet();
        kernels.put(handle, new LoadedKernel(Decoder.decode(from.module(), name, from.variables()::get), library));
        return handle;
    }

    @Override
    public void count(boolean counting) {
        gpu.streams().awaitAll();
        gpu.count(counting);
    }

    @Override
    public List<LaunchCounts> takeCounts() {
        gpu.streams().awaitAll();
        return gpu.takeCounts();
    }

    private LoadedKernel loaded(String call, long kernel) {
        LoadedKernel loaded = kernels.get(kernel);
        if (loaded == null) {
            throw failure(INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", call, "no kernel 0x%x".formatted(kernel));
        }
        return loaded;
    }

    @Override
    public List<Parameter> parameters(long kernel) {
        return loaded("cuKernelGetParamInfo", kernel).kernel.parameters;
    }

    @Override
    public void allowSharedMemory(long kernel, int bytes) {
        LoadedKernel loaded = loaded("cuFuncSetAttribute", kernel);
        if (bytes < 0 || bytes + loaded.kernel.sharedBytes > gpu.sharedMemory()) {
            throw invalid("cuFuncSetAttribute", "%d bytes of dynamic shared memory for %s, which has %d of its own; %d are the most"
                    .formatted(bytes, loaded.kernel.name, loaded.kernel.sharedBytes, gpu.sharedMemory()));
        }
        loaded.sharedAllowed = Math.max(bytes + loaded.kernel.sharedBytes, LoadedKernel.SHARED_DEFAULT);
    }

    @Override
    public void launch(long kernel, Grid grid, int sharedBytes, long stream, MemorySegment arguments) {
        begin("cuLaunchKernel", stream);
        LoadedKernel loaded = loaded("cuLaunchKernel", kernel);
        Kernel of = loaded.kernel;
        LaunchLimits.check(loaded, grid, sharedBytes, arguments.byteSize());
        var launch = new KernelLaunch(gpu.nextLaunch(), of, grid.x(), grid.y(), grid.z(), grid.threadsX(), grid.threadsY(), 1, sharedBytes,
                arguments.toArray(ValueLayout.JAVA_BYTE), gpu.memory(), null, Order.ASCENDING, null);
        gpu.queued(of.name);
        gpu.streams().add(stream, () -> {
            try {
                if (fault == null) {
                    gpu.run(launch);
                }
            } catch (KernelFault e) {
                if (!gpu.faultsLater()) {
                    throw e;
                }
                fault = e;
            }
        });
    }
}
