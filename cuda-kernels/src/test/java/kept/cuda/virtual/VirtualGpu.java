package kept.cuda.virtual;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A GPU that is a program: {@code VirtualGpu.open()} gives the driver and the cuBLAS to build a backend on. Whatever a kernel must not do is a {@link
 * KernelFault} at its launch.
 *
 * <p>What can be set is set before the first launch: how much memory the device has, whether threads that race in device memory are a
 * fault too, whether a fault shows as silicon shows it, by its status at a later call, and whether queued work is done at once.
 */
public final class VirtualGpu {
    /** Memory where nothing else is said. */
    public static final long DEFAULT_MEMORY = 1L << 30;

    private static final long MOST_INSTRUCTIONS = 1L << 32;
    private static final int MOST_THREADS = 8;

    /** A launch of fewer blocks is over before another thread has begun. */
    private static final int BLOCKS_OF_A_THREAD = 4;

    private final DeviceMemory memory;
    private final VirtualDriver driver;
    private final VirtualBlas blas;
    private final AtomicInteger launches = new AtomicInteger();
    private final Set<String> kernels = ConcurrentHashMap.newKeySet();
    private Streams streams = new Streams(false);
    private boolean watches;
    private int reordered;
    private final Map<String, Integer> timesReordered = new ConcurrentHashMap<>();
    private boolean faultsLater;
    private long mostInstructions = MOST_INSTRUCTIONS;
    private int threads = Math.min(MOST_THREADS, Integer.getInteger("kept.threads", Runtime.getRuntime().availableProcessors()));
    private long laneInstructions;

    private VirtualGpu(long bytes) {
        this.memory = new DeviceMemory(bytes);
        this.driver = new VirtualDriver(this);
        this.blas = new VirtualBlas(this);
    }

    /** A device with a gibibyte of memory. */
    public static VirtualGpu open() {
        return open(DEFAULT_MEMORY);
    }

    /** A device with so much memory. */
    public static VirtualGpu open(long bytes) {
        return new VirtualGpu(bytes);
    }

    /** Makes threads that touch the same byte of device memory a fault, unless by atomics or with a barrier between; slower. */
    public VirtualGpu watchingBlocks() {
        watches = true;
        return this;
    }

    /**
     * Watches the first launches of each kernel, and runs them again, with blocks and warps in reversed and in random order: other bits are a fault.
     *
     * @param launches how many of each kernel
     */
    public VirtualGpu reordering(int launches) {
        reordered = launches;
        return this;
    }

    /** Makes a fault the status of later calls, as silicon does it, with the message in theirs. */
    public VirtualGpu faultingLater() {
        faultsLater = true;
        return this;
    }

    /** Does queued work only when something waits for it, and watches the host's use of pinned memory meanwhile. */
    public VirtualGpu deferring() {
        streams = new Streams(true);
        return this;
    }

    /** Ends kernels of which a warp runs more instructions, as one that waits for what never comes. */
    public VirtualGpu atMostInstructions(long instructions) {
        mostInstructions = instructions;
        return this;
    }

    /** Runs the blocks of a launch on so many threads, where their order cannot matter; as many as there are processors where nothing is said. */
    public VirtualGpu threads(int count) {
        threads = count;
        return this;
    }

    /** The driver of this device. */
    public VirtualDriver driver() {
        return driver;
    }

    /** cuBLAS on this device. */
    public VirtualBlas blas() {
        return blas;
    }

    /** How many kernels were launched. */
    public int launches() {
        return launches.get();
    }

    /** The names of the kernels that were launched so far. */
    public Set<String> kernels() {
        return Set.copyOf(kernels);
    }

    /** Instructions that all kernels so far have run, counting each lane. */
    public synchronized long laneInstructions() {
        return laneInstructions;
    }

    DeviceMemory memory() {
        return memory;
    }

    Streams streams() {
        return streams;
    }

    /** A kernel was queued. */
    void queued(String kernel) {
        kernels.add(kernel);
    }

    boolean faultsLater() {
        return faultsLater;
    }

    int nextLaunch() {
        return launches.incrementAndGet();
    }

    /** Runs all blocks of a launch, several times where orders are compared. */
    void run(KernelLaunch launch) {
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

    /** One thread after the other, or on several threads if no block can learn of another. */
    private void runOnce(KernelLaunch launch) {
        boolean inOrder = launch.kernel().ordersBlocks || launch.watch() != null;
        int workers = inOrder ? 1 : Math.clamp(launch.blocks() / BLOCKS_OF_A_THREAD, 1, threads);
        long sum = new Blocks(launch, mostInstructions, workers).run();
        synchronized (this) {
            laneInstructions += sum;
        }
    }
}
