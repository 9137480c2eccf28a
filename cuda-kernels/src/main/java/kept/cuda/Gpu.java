package kept.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import kept.backend.Buffer;
import kept.backend.TensorMemory;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;

/**
 * An open GPU: its context, the one stream that all work is queued on, its memory, its loaded kernels and cuBLAS. The stream runs everything in
 * order, so a kernel sees the results of earlier ones, and a freed block can be reused at once.
 */
final class Gpu implements AutoCloseable {
    /** Workspace size that NVIDIA recommends for cuBLAS on Hopper. Setting it keeps cuBLAS from allocating memory itself. */
    private static final long BLAS_WORKSPACE = 32L << 20;
    /** Maximum dynamic shared memory per block without an opt-in, in bytes. */
    private static final int SHARED_WITHOUT_OPT_IN = 48 << 10;
    /** Maximum number of blocks of a grid along y and along z. */
    static final int MAX_BLOCKS_YZ = 65_535;
    /** Size of each of the two pinned staging buffers in bytes. */
    private static final long STAGING = 4L << 20;
    /** The device whose context each thread has made current last: a process may have several devices, a thread has one current context. */
    private static final ThreadLocal<Gpu> CURRENT = new ThreadLocal<>();

    private final Driver driver;
    private final Blas blas;
    private final int ordinal;
    private final long context;
    private final long stream;
    private final CudaMemory memory;
    private final CudaBuffer workspace;
    private final long blasHandle;
    private final MemorySegment staging;
    private final long[] staged;
    private final Map<String, Long> libraries = new ConcurrentHashMap<>();
    private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();
    private final Map<String, CudaBuffer> constants = new ConcurrentHashMap<>();
    private final ThreadLocal<Launch> launches;
    private final int multiprocessors;

    /**
     * Opens a device.
     *
     * @param driver CUDA driver
     * @param blas cuBLAS
     * @param ordinal device ordinal
     */
    Gpu(Driver driver, Blas blas, int ordinal) {
        this.driver = driver;
        this.blas = blas;
        this.ordinal = ordinal;
        context = driver.retainPrimaryContext(ordinal);
        try {
            driver.makeCurrent(context);
            CURRENT.set(this);
            stream = driver.createStream();
            memory = new CudaMemory(driver, ordinal, stream);
            workspace = memory.allocate(BLAS_WORKSPACE);
            blasHandle = blas.create(stream);
            blas.setWorkspace(blasHandle, workspace.address(), workspace.byteSize());
            staging = driver.allocatePinned(2 * STAGING);
            staged = new long[] {driver.createEvent(), driver.createEvent()};
            multiprocessors = driver.attribute(ordinal, DeviceAttribute.MULTIPROCESSORS);
        } catch (RuntimeException e) {
            driver.releasePrimaryContext(ordinal); // Frees everything that was created in the context.
            throw e;
        }
        launches = ThreadLocal.withInitial(() -> new Launch(driver, stream));
    }

    Driver driver() {
        return driver;
    }

    int ordinal() {
        return ordinal;
    }

    CudaMemory memory() {
        bind();
        return memory;
    }

    Blas blas() {
        bind();
        return blas;
    }

    /** The stream of all work, with the context current on the calling thread. */
    long stream() {
        bind();
        return stream;
    }

    long blasHandle() {
        return blasHandle;
    }

    /** Number of streaming multiprocessors. */
    int multiprocessors() {
        return multiprocessors;
    }

    /**
     * Returns the address of a tensor's first element.
     *
     * @param tensor tensor on this device, or null
     * @return device address; 0 for null
     */
    static long address(Tensor tensor) {
        return tensor == null ? 0 : ((CudaBuffer) TensorMemory.buffer(tensor)).address() + tensor.offset() * tensor.dtype().bytes();
    }

    /**
     * Begins a launch.
     *
     * @param module name of the PTX module without extension
     * @param entry name of the kernel
     * @param grid blocks and threads
     * @return launch that takes the arguments
     */
    Launch launch(String module, String entry, Grid grid) {
        return launch(module, entry, grid, 0);
    }

    /**
     * Begins a launch with dynamic shared memory.
     *
     * @param module name of the PTX module without extension
     * @param entry name of the kernel
     * @param grid blocks and threads
     * @param sharedBytes dynamic shared memory per block in bytes
     * @return launch that takes the arguments
     * @throws DeviceException if the grid is larger than a GPU takes
     */
    Launch launch(String module, String entry, Grid grid, int sharedBytes) {
        if (grid.y() > MAX_BLOCKS_YZ || grid.z() > MAX_BLOCKS_YZ) {
            throw new DeviceException("[launch] %s needs %d x %d x %d blocks, and a GPU takes at most %d along y and z: use smaller tensors"
                    .formatted(entry, grid.x(), grid.y(), grid.z(), MAX_BLOCKS_YZ));
        }
        Launch launch = bind();
        Kernel kernel = kernels.computeIfAbsent(entry, _ -> load(module, entry));
        if (sharedBytes > SHARED_WITHOUT_OPT_IN) {
            driver.allowSharedMemory(kernel.handle(), sharedBytes);
        }
        return launch.of(kernel, grid, sharedBytes);
    }

    /** Makes the context current on the calling thread unless it is. */
    private Launch bind() {
        if (CURRENT.get() != this) {
            driver.makeCurrent(context);
            CURRENT.set(this);
        }
        return launches.get();
    }

    private Kernel load(String module, String entry) {
        long library = libraries.computeIfAbsent(module, _ -> driver.loadLibrary(module, ptx(module)));
        long kernel = driver.kernel(library, entry);
        return new Kernel(entry, kernel, driver.parameters(kernel));
    }

    private static String ptx(String module) {
        try (InputStream in = Gpu.class.getResourceAsStream(module + ".ptx")) {
            if (in == null) {
                throw new IllegalArgumentException("[kernel] no PTX module " + module);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Copies host memory to the device through two pinned staging buffers: one is filled while the other is transferred. The source may change once
     * this method returns.
     *
     * @param from source on the host or the Java heap; all of it is copied
     * @param to device address of the target
     */
    synchronized void upload(MemorySegment from, long to) {
        bind();
        int half = 0;
        for (long done = 0; done < from.byteSize(); done += STAGING) {
            long bytes = Math.min(STAGING, from.byteSize() - done);
            MemorySegment part = staging.asSlice(half * STAGING, bytes);
            driver.synchronizeEvent(staged[half]);
            driver.writePinned(from.asSlice(done, bytes), part);
            driver.copyToDevice(part, to + done, stream);
            driver.record(staged[half], stream);
            half ^= 1;
        }
    }

    /**
     * Copies device memory to the host after all work queued before.
     *
     * @param from device address of the source
     * @param to target on the host or the Java heap; all of it is filled
     */
    synchronized void download(long from, MemorySegment to) {
        bind();
        long total = to.byteSize();
        for (long done = 0; done < total; done += STAGING) {
            long bytes = Math.min(STAGING, total - done);
            driver.copyToHost(from + done, staging.asSlice(0, bytes), stream);
            driver.synchronize(stream);
            driver.readPinned(staging.asSlice(0, bytes), to.asSlice(done, bytes));
        }
    }

    /**
     * Queues a copy on the device.
     *
     * @param from device address of the source
     * @param to device address of the target; the two ranges are equal or do not overlap
     * @param bytes size in bytes, 0 or more
     */
    void copy(long from, long to, long bytes) {
        bind();
        if (bytes > 0 && from != to) {
            driver.copyOnDevice(from, to, bytes, stream);
        }
    }

    /**
     * Queues a memset to zero.
     *
     * @param address device address of the first byte
     * @param bytes size in bytes, 0 or more
     */
    void clear(long address, long bytes) {
        set(address, (byte) 0, bytes);
    }

    /**
     * Queues a memset of bytes.
     *
     * @param address device address of the first byte
     * @param value value of every byte
     * @param bytes size in bytes, 0 or more
     */
    void set(long address, byte value, long bytes) {
        bind();
        if (bytes > 0) {
            driver.set(address, value, bytes, stream);
        }
    }

    /**
     * Reads one 64-bit word after all work queued before.
     *
     * @param address device address of the word
     * @return value of the word
     */
    long readLong(long address) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(ValueLayout.JAVA_LONG);
            download(address, word);
            return word.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    /**
     * Allocates temporary memory for one operation.
     *
     * @param bytes size in bytes, 0 or more
     * @return memory to close once the operation is queued
     */
    Scratch scratch(long bytes) {
        return new Scratch(memory(), memory.allocate(bytes));
    }

    /**
     * Returns the device address of constants, which are uploaded at the first request and kept until the device is closed.
     *
     * @param name name of the constants
     * @param words their values
     * @return address of the first byte
     */
    long constant(String name, Supplier<MemorySegment> words) {
        return constants.computeIfAbsent(name, _ -> {
            MemorySegment from = words.get();
            CudaBuffer buffer = memory().allocate(from.byteSize());
            upload(from, buffer.address());
            return buffer;
        }).address();
    }

    /** Waits until all queued work has finished. */
    void synchronize() {
        bind();
        driver.synchronize(stream);
    }

    /**
     * Closes the device.
     *
     * @throws IllegalStateException if tensors still live on the device; it is closed nevertheless
     */
    @Override
    public void close() {
        bind();
        int alive;
        long bytes;
        try {
            driver.synchronize(stream);
            memory.release(workspace);
            constants.values().forEach(memory::release);
            alive = memory.blocksInUse();
            bytes = memory.usage().inUse();
            blas.destroy(blasHandle);
            driver.freePinned(staging);
            driver.destroyEvent(staged[0]);
            driver.destroyEvent(staged[1]);
            libraries.values().forEach(driver::unloadLibrary);
            memory.close();
            driver.destroyStream(stream);
        } finally {
            driver.releasePrimaryContext(ordinal);
        }
        if (alive > 0) {
            throw new IllegalStateException(
                    "[close] %d tensors of %d bytes still live on the device: close their scopes first".formatted(alive, bytes));
        }
    }

    /**
     * Temporary device memory of one operation. It is freed in stream order, so it may be closed as soon as its kernels are queued.
     *
     * @param memory memory that the block belongs to
     * @param buffer block of device memory
     */
    record Scratch(CudaMemory memory, Buffer buffer) implements AutoCloseable {
        /** Returns the device address of the first byte. */
        long address() {
            return ((CudaBuffer) buffer).address();
        }

        @Override
        public void close() {
            memory.release((CudaBuffer) buffer);
        }
    }
}
