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
import kept.backend.Buffer;
import kept.cuda.cublas.Blas;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.tensor.Tensor;

/**
 * One GPU in use: its context, the one stream that all work is queued on, its memory, its kernels and cuBLAS. What is queued runs in order, so one
 * kernel sees what the last one wrote, and memory that is given back is safe to hand out again.
 */
final class Gpu implements AutoCloseable {
    /** What cuBLAS asks for on Hopper; given once, so that it takes no memory by itself. */
    private static final long BLAS_WORKSPACE = 32L << 20;
    /** A block may have so much dynamic shared memory without asking. */
    private static final int SHARED_UNASKED = 48 << 10;
    /** Host memory of each half of the staging area. */
    private static final long STAGING = 4L << 20;

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
    private final ThreadLocal<Launch> launches;
    private final int multiprocessors;

    /**
     * Takes a device into use.
     *
     * @param driver the driver
     * @param blas cuBLAS
     * @param ordinal the device's number
     */
    Gpu(Driver driver, Blas blas, int ordinal) {
        this.driver = driver;
        this.blas = blas;
        this.ordinal = ordinal;
        context = driver.retainPrimaryContext(ordinal);
        try {
            driver.makeCurrent(context);
            stream = driver.createStream();
            memory = new CudaMemory(driver, ordinal, stream);
            workspace = memory.allocate(BLAS_WORKSPACE);
            blasHandle = blas.create(stream);
            blas.setWorkspace(blasHandle, workspace.address(), workspace.byteSize());
            staging = driver.allocatePinned(2 * STAGING);
            staged = new long[] {driver.createEvent(), driver.createEvent()};
            multiprocessors = driver.attribute(ordinal, DeviceAttribute.MULTIPROCESSORS);
        } catch (RuntimeException e) {
            driver.releasePrimaryContext(ordinal); // And with it all that was taken in it.
            throw e;
        }
        launches = ThreadLocal.withInitial(() -> {
            driver.makeCurrent(context);
            return new Launch(driver, stream);
        });
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

    long blasHandle() {
        return blasHandle;
    }

    /** Streaming multiprocessors: about how many blocks it takes to fill the device. */
    int multiprocessors() {
        return multiprocessors;
    }

    /**
     * The address of a tensor's first element.
     *
     * @param tensor a tensor of this device, or null
     * @return the address; 0 for null
     */
    static long address(Tensor tensor) {
        return tensor == null ? 0 : ((CudaBuffer) tensor.buffer()).address() + tensor.offset() * tensor.dtype().bytes();
    }

    /**
     * Begins a launch.
     *
     * @param module the name of the PTX, without its ending
     * @param entry the kernel's name in it
     * @param grid blocks and threads
     * @return to add arguments to, and to run
     */
    Launch launch(String module, String entry, Grid grid) {
        return launch(module, entry, grid, 0);
    }

    /**
     * Begins a launch with dynamic shared memory.
     *
     * @param module the name of the PTX, without its ending
     * @param entry the kernel's name in it
     * @param grid blocks and threads
     * @param sharedBytes dynamic shared memory of each block
     * @return to add arguments to, and to run
     */
    Launch launch(String module, String entry, Grid grid, int sharedBytes) {
        Launch launch = bind();
        Kernel kernel = kernels.computeIfAbsent(entry, _ -> load(module, entry));
        if (sharedBytes > SHARED_UNASKED) {
            driver.allowSharedMemory(kernel.handle(), sharedBytes);
        }
        return launch.of(kernel, grid, sharedBytes);
    }

    /** Makes the context the calling thread's, once for each thread. */
    private Launch bind() {
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
                throw new IllegalArgumentException("[kernel] no PTX called " + module);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Copies from any host memory, through pinned memory in two halves: one is filled while the other travels. When this returns, the source may
     * change.
     *
     * @param from the source; all of it is copied
     * @param to the first address
     */
    synchronized void upload(MemorySegment from, long to) {
        bind();
        int half = 0;
        for (long done = 0; done < from.byteSize(); done += STAGING) {
            long bytes = Math.min(STAGING, from.byteSize() - done);
            MemorySegment part = staging.asSlice(half * STAGING, bytes);
            driver.synchronizeEvent(staged[half]);
            MemorySegment.copy(from, done, part, 0, bytes);
            driver.copyToDevice(part, to + done, stream);
            driver.record(staged[half], stream);
            half ^= 1;
        }
    }

    /**
     * Copies to any host memory, after everything queued before.
     *
     * @param from the first address
     * @param to the target; all of it is filled
     */
    synchronized void download(long from, MemorySegment to) {
        bind();
        long total = to.byteSize();
        for (long done = 0; done < total; done += STAGING) {
            long bytes = Math.min(STAGING, total - done);
            driver.copyToHost(from + done, staging.asSlice(0, bytes), stream);
            driver.synchronize(stream);
            MemorySegment.copy(staging, 0, to, done, bytes);
        }
    }

    /**
     * Queues a copy on the device.
     *
     * @param from the first address read
     * @param to the first address written; the two ranges do not overlap, or are the same
     * @param bytes 0 or more
     */
    void copy(long from, long to, long bytes) {
        bind();
        if (bytes > 0 && from != to) {
            driver.copyOnDevice(from, to, bytes, stream);
        }
    }

    /**
     * Queues the setting of memory to zero.
     *
     * @param address the first byte
     * @param bytes 0 or more
     */
    void clear(long address, long bytes) {
        set(address, (byte) 0, bytes);
    }

    /**
     * Queues the setting of bytes to one value.
     *
     * @param address the first
     * @param value the value
     * @param bytes how many, 0 or more
     */
    void set(long address, byte value, long bytes) {
        bind();
        if (bytes > 0) {
            driver.set(address, value, bytes, stream);
        }
    }

    /**
     * Reads one 64-bit word, after everything queued before.
     *
     * @param address where it lies
     * @return the word
     */
    long readLong(long address) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(ValueLayout.JAVA_LONG);
            download(address, word);
            return word.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    /**
     * Takes memory for the time of one operation.
     *
     * @param bytes 0 or more
     * @return the memory, to be closed once the operation is queued
     */
    Scratch scratch(long bytes) {
        return new Scratch(memory(), memory.allocate(bytes));
    }

    /** Waits until everything queued so far is done. */
    void synchronize() {
        bind();
        driver.synchronize(stream);
    }

    /**
     * Gives the device back.
     *
     * @throws IllegalStateException if tensors still live on it; the device is given back nevertheless
     */
    @Override
    public void close() {
        bind();
        int alive;
        long bytes;
        try {
            driver.synchronize(stream);
            memory.release(workspace);
            alive = memory.blocksInUse();
            bytes = memory.usage().inUse();
            blas.destroy(blasHandle);
            driver.freePinned(staging);
            driver.destroyEvent(staged[0]);
            driver.destroyEvent(staged[1]);
            libraries.values().forEach(driver::unloadLibrary);
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
     * Device memory of one operation: given back in the stream's order, so that it may be closed as soon as its kernels are queued.
     *
     * @param memory where it came from
     * @param buffer the block
     */
    record Scratch(CudaMemory memory, Buffer buffer) implements AutoCloseable {
        /** The first byte. */
        long address() {
            return ((CudaBuffer) buffer).address();
        }

        @Override
        public void close() {
            memory.release((CudaBuffer) buffer);
        }
    }
}
