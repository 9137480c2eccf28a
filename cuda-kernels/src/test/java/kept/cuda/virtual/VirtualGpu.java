package kept.cuda.virtual;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import kept.cuda.driver.LaunchCounts;

/**
 * An emulated GPU: {@code VirtualGpu.open()} supplies a driver and cuBLAS for a backend. Undefined or invalid behaviour of a kernel throws a
 * {@link KernelFault} at its launch.
 *
 * <p>Settings must be made before the first launch: the size of memory, whether data races in device memory are faults, whether a fault is reported
 * by the status of a later call as on hardware, and whether queued work is deferred.
 */
public final class VirtualGpu {
    /** Default size of memory in bytes. */
    public static final long DEFAULT_MEMORY = 1L << 30;

    private static final int MULTIPROCESSORS = 4;
    private static final long MAX_INSTRUCTIONS = 1L << 32;
    private static final int MAX_THREADS = 8;

    private static final int UUID_BYTES = 16;

    /** Minimum number of blocks to run on several threads; a smaller launch finishes before another thread starts. */
    private static final int BLOCKS_OF_A_THREAD = 4;

    private static final AtomicInteger OPENED = new AtomicInteger();

    private final int number = OPENED.incrementAndGet();
    private final DeviceMemory memory;
    private final VirtualDriver driver;
    private final VirtualBlas blas;
    private final AtomicInteger launches = new AtomicInteger();
    private final Set<String> kernels = ConcurrentHashMap.newKeySet();
    private Streams streams = new Streams(false);
    private boolean watches;
    private boolean variesProducts;
    private int sharedMemory = 227 << 10;
    private int reordered;
    private final Map<String, Integer> timesReordered = new ConcurrentHashMap<>();
    private boolean faultsLater;
    private int multiprocessors = MULTIPROCESSORS;
    private BlockSample sample;
    private boolean mapsMemory;
    private long mostInstructions = MAX_INSTRUCTIONS;
    private int threads = Math.min(MAX_THREADS, Integer.getInteger("kept.threads", Runtime.getRuntime().availableProcessors()));
    private long laneInstructions;
    private volatile boolean counts;
    private final List<LaunchCounts> counted = new ArrayList<>();
    private final Map<Kernel, Kernel> countedKernels = new ConcurrentHashMap<>();

    private VirtualGpu(long bytes) {
        this.memory = new DeviceMemory(bytes);
        this.driver = new VirtualDriver(this);
        this.blas = new VirtualBlas(this);
    }

    /** Opens a device with 1 GiB of memory. */
    public static VirtualGpu open() {
        return open(DEFAULT_MEMORY);
    }

    /** Opens a device with a size of memory in bytes. */
    public static VirtualGpu open(long bytes) {
        return new VirtualGpu(bytes);
    }

    /** Makes data races in device memory faults: accesses of several threads to one byte without atomics or a barrier. This is slower. */
    public VirtualGpu watchingBlocks() {
        watches = true;
        return this;
    }

    /**
     * Watches the first launches of each kernel and repeats them with blocks and warps in reversed and in random order; different results are a
     * fault.
     *
     * @param launches number of launches per kernel
     */
    public VirtualGpu reordering(int launches) {
        reordered = launches;
        return this;
    }

    /** Reports a fault by the status of later calls, as hardware does; their messages contain that of the fault. */
    public VirtualGpu faultingLater() {
        faultsLater = true;
        return this;
    }

    /** Defers queued work until something waits for it, and checks the host's accesses to pinned memory until then. */
    public VirtualGpu deferring() {
        streams = new Streams(true);
        return this;
    }

    /** Sets the most shared memory of a block in bytes, such as the 99 KiB of compute capability 8.6 and 8.9; the default is the 227 KiB of 9.0. */
    public VirtualGpu sharedMemory(int bytes) {
        sharedMemory = bytes;
        return this;
    }

    int sharedMemory() {
        return sharedMemory;
    }

    /** Lets cuBLAS choose the order of additions of a product by its shape, as the real one does; without, it is that of ascending k. */
    public VirtualGpu varyingProducts() {
        variesProducts = true;
        return this;
    }

    boolean variesProducts() {
        return variesProducts;
    }

    /** Sets the number of multiprocessors that the device reports, 4 by default. The blocks of some launches are a multiple of it. */
    public VirtualGpu multiprocessors(int count) {
        multiprocessors = count;
        return this;
    }

    /** Lets the backend map memory to reserved addresses. Accesses past the end of a block are then faults only where no other block follows. */
    public VirtualGpu mappingMemory() {
        mapsMemory = true;
        return this;
    }

    boolean mapsMemory() {
        return mapsMemory;
    }

    int multiprocessors() {
        return multiprocessors;
    }

    /**
     * Runs only some blocks of later launches of 64 blocks or more, for operands that are too large to compute all: the first two, the last two, and
     * three around each of some places.
     *
     * @param shares places in the grid, each as a share of all blocks, from 0 to 1; the number of a block counts along x, then y, then z
     */
    public void sampleBlocks(double... shares) {
        streams.awaitAll();
        sample = new BlockSample(shares);
    }

    /** Runs only the last block of later launches of 64 blocks or more. */
    public void runLastBlock() {
        streams.awaitAll();
        sample = new BlockSample();
    }

    /** Runs all blocks of later launches. */
    public void runAllBlocks() {
        streams.awaitAll();
        sample = null;
    }

    /**
     * Gives an allocation contents that are computed where they are accessed, so that it may be larger than the memory of this process.
     *
     * @param address first byte of the allocation
     * @param contents computes the contents
     */
    public void setContents(long address, InitialContents contents) {
        streams.awaitAll();
        memory.find(address, 1).setContents(contents);
    }

    /**
     * Returns what has been written of an allocation; where it had contents from {@link #setContents}, what has changed.
     *
     * @param address first byte of the allocation
     * @return ranges in ascending order
     */
    public List<MemoryRange> changes(long address) {
        streams.awaitAll();
        return memory.find(address, 1).changes();
    }

    /** Limits the instructions of a warp, so that an endless loop becomes a fault. */
    public VirtualGpu atMostInstructions(long instructions) {
        mostInstructions = instructions;
        return this;
    }

    /** Sets the number of threads for launches whose blocks are independent; the default is the number of processors. */
    public VirtualGpu threads(int count) {
        threads = count;
        return this;
    }

    /** Returns the driver of this device. */
    public VirtualDriver driver() {
        return driver;
    }

    /** Returns cuBLAS on this device. */
    public VirtualBlas blas() {
        return blas;
    }

    /** Returns the number of launches. */
    public int launches() {
        return launches.get();
    }

    /** Returns the names of the kernels that have been launched. */
    public Set<String> kernels() {
        return Set.copyOf(kernels);
    }

    /** Forgets the names of the kernels that have been launched. */
    public void forgetKernels() {
        kernels.clear();
    }

    /** Returns the number of instructions that all kernels have executed, counting each lane. */
    public synchronized long laneInstructions() {
        return laneInstructions;
    }

    /**
     * Returns a comparison of memory before and after work that is queued next.
     *
     * @param work name for messages
     * @return comparison, to which operands are added
     */
    public MemoryCheck check(String work) {
        return new MemoryCheck(this, work);
    }

    /** What tells this device from all others of the process. */
    byte[] uuid() {
        return ByteBuffer.allocate(UUID_BYTES).putInt(number).array();
    }

    DeviceMemory memory() {
        return memory;
    }

    Streams streams() {
        return streams;
    }

    /** Records that a kernel was queued. */
    void queued(String kernel) {
        kernels.add(kernel);
    }

    boolean faultsLater() {
        return faultsLater;
    }

    int nextLaunch() {
        return launches.incrementAndGet();
    }

    /** Switches the counting of launches on or off. */
    void count(boolean wanted) {
        counts = wanted;
    }

    /** Returns the counts of the launches since the last call. */
    List<LaunchCounts> takeCounts() {
        synchronized (counted) {
            List<LaunchCounts> taken = List.copyOf(counted);
            counted.clear();
            return taken;
        }
    }

    /** Runs the blocks of a launch, repeatedly if orders are compared. */
    void run(KernelLaunch launch) {
        if (counts) {
            var sum = new Counts(0);
            runOnce(launch.counted(countedKernels.computeIfAbsent(launch.kernel(), Counted::of), sum));
            synchronized (counted) {
                counted.add(sum.of(launch));
            }
            return;
        }
        boolean again = reordered > 0 && timesReordered.merge(launch.kernel().name, 1, Integer::sum) <= reordered;
        if (!again) {
            runOnce(watches ? launch.with(new Watch(launch.kernel(), false), Order.ASCENDING) : launch);
            return;
        }
        var watch = new Watch(launch.kernel(), true);
        runOnce(launch.with(watch, Order.ASCENDING));
        for (Order order : List.of(Order.REVERSED, Order.random(launch.serial()))) {
            watch.rewind();
            KernelLaunch other = launch.with(watch, order);
            runOnce(other);
            watch.compare(other);
        }
    }

    /** Runs the blocks one after the other, or on several threads if they cannot communicate. */
    private void runOnce(KernelLaunch launch) {
        boolean inOrder = launch.kernel().ordersBlocks || launch.watch() != null;
        long[] chosen = sample == null ? null : sample.of(launch.blocks());
        long blocks = chosen == null ? launch.blocks() : chosen.length;
        int workers = inOrder ? 1 : Math.clamp(blocks / BLOCKS_OF_A_THREAD, 1, threads);
        long sum = new Blocks(launch, mostInstructions, workers, chosen).run();
        synchronized (this) {
            laneInstructions += sum;
        }
    }
}
