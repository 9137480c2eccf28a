package kept.bench.recording;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.DeviceAttribute;
import kept.cuda.driver.Driver;
import kept.cuda.driver.Grid;
import kept.cuda.driver.Parameter;

/**
 * A driver that records its calls. There is no memory behind its addresses, so models of any size can be recorded. No address is given out twice.
 *
 * <p>A copy to the host gives what the host last wrote there by a memset, a fill kernel or a small copy, and zeros otherwise. With these values the
 * backend's checks of indices, labels and divisors find no error, and losses and norms are zero.
 */
final class RecordingDriver implements Driver {
    private static final int VERSION = 12040;
    private static final int NOT_FOUND = 500;
    private static final long FIRST_ADDRESS = 1L << 40;
    private static final long GRANULARITY = 2L << 20;
    /** Largest copy to the device whose bytes are kept. */
    private static final long MAX_KEPT = 4096;
    private static final byte[] ZERO = {0};
    private static final Pattern ENTRY = Pattern.compile("\\.entry\\s+(\\w+)");

    private final GpuModel model;
    private final Recording recording;
    private final Map<Long, List<String>> libraries = new HashMap<>();
    private final Map<Long, String> kernels = new HashMap<>();
    /** What the host has written, by its first address. */
    private final TreeMap<Long, Written> written = new TreeMap<>();
    private long nextHandle = 1;
    private long nextAddress = FIRST_ADDRESS;

    /** A repeated pattern. */
    private record Written(byte[] pattern, long bytes) {}

    RecordingDriver(GpuModel model, Recording recording) {
        this.model = model;
        this.recording = recording;
    }

    @Override
    public int version() {
        return VERSION;
    }

    @Override
    public int deviceCount() {
        return 1;
    }

    @Override
    public String deviceName(int device) {
        return "a recorded " + model.title();
    }

    @Override
    public int attribute(int device, DeviceAttribute attribute) {
        return switch (attribute) {
            case MULTIPROCESSORS -> model.multiprocessors();
            case L2_CACHE -> Math.toIntExact(model.l2Bytes());
            case CAPABILITY_MAJOR -> model.capability() / 10;
            case CAPABILITY_MINOR -> model.capability() % 10;
            case SHARED_MEMORY_OPT_IN -> model.sharedBytesPerBlock();
            case VIRTUAL_MEMORY -> 1;
            case MEMORY_POOLS -> 1;
        };
    }

    @Override
    public long totalMemory(int device) {
        return model.memoryBytes();
    }

    @Override
    public byte[] uuid(int device) {
        return new byte[16];
    }

    @Override
    public long retainPrimaryContext(int device) {
        return 1;
    }

    @Override
    public void releasePrimaryContext(int device) {
        // A context owns nothing here.
    }

    @Override
    public void makeCurrent(long context) {
        // Every thread may call.
    }

    private synchronized long handle() {
        return nextHandle++;
    }

    @Override
    public long createStream() {
        return handle();
    }

    @Override
    public void destroyStream(long stream) {
        // A stream owns nothing here.
    }

    @Override
    public void synchronize(long stream) {
        recording.add(new Recording.Wait());
    }

    @Override
    public long createEvent() {
        return handle();
    }

    @Override
    public void record(long event, long stream) {
        // Events order nothing here.
    }

    @Override
    public void awaitEvent(long stream, long event) {
        // Nothing to wait for.
    }

    /** {@inheritDoc} The backend waits here for a staging buffer that is used in turns, so the event has usually completed: not a wait. */
    @Override
    public void synchronizeEvent(long event) {
        // Nothing to wait for.
    }

    @Override
    public boolean isReached(long event) {
        return true;
    }

    @Override
    public float elapsed(long start, long end) {
        return 0;
    }

    @Override
    public void destroyEvent(long event) {
        // An event owns nothing here.
    }

    @Override
    public void setReleaseThreshold(int device, long bytes) {
        // There is no pool.
    }

    @Override
    public void trim(int device) {
        // There is no pool.
    }

    @Override
    public long reserved(int device) {
        return 0;
    }

    @Override
    public long freeMemory() {
        return model.memoryBytes();
    }

    /** {@inheritDoc} The backend maps memory instead. */
    @Override
    public long allocate(long bytes, long stream) {
        long address = reserveAddresses(bytes);
        blockAllocated(address, bytes, stream);
        return address;
    }

    @Override
    public void free(long address, long stream) {
        blockFreed(address, stream);
    }

    @Override
    public long granularity(int device) {
        return GRANULARITY;
    }

    @Override
    public synchronized long reserveAddresses(long bytes) {
        long address = nextAddress;
        nextAddress += Math.ceilDiv(bytes, GRANULARITY) * GRANULARITY;
        return address;
    }

    @Override
    public void freeAddresses(long address, long bytes) {
        // Addresses cost nothing.
    }

    /** {@inheritDoc} There is as much as is asked for. */
    @Override
    public long createMemory(int device, long bytes) {
        return handle();
    }

    @Override
    public void releaseMemory(long memory) {
        // There is no memory.
    }

    @Override
    public void map(long address, long bytes, long memory) {
        // There is no memory.
    }

    @Override
    public void setAccess(long address, long bytes, int device) {
        // Nothing is accessed.
    }

    @Override
    public void unmap(long address, long bytes) {
        // There is no memory.
    }

    @Override
    public synchronized void blockAllocated(long address, long bytes, long stream) {
        written.subMap(address, address + bytes).clear();
        recording.add(new Recording.Allocation(address, bytes));
    }

    @Override
    public synchronized void blockFreed(long address, long stream) {
        written.remove(address);
        recording.add(new Recording.Free(address));
    }

    @Override
    public MemorySegment allocatePinned(long bytes) {
        return Arena.ofAuto().allocate(bytes);
    }

    @Override
    public void freePinned(MemorySegment memory) {
        // The garbage collector frees it.
    }

    @Override
    public synchronized void copyToDevice(MemorySegment from, long to, long stream) {
        if (from.byteSize() > 0 && from.byteSize() <= MAX_KEPT) {
            written.put(to, new Written(from.toArray(ValueLayout.JAVA_BYTE), from.byteSize()));
        }
        recording.add(new Recording.Copy(Recording.Direction.TO_DEVICE, from.byteSize()));
    }

    @Override
    public synchronized void copyToHost(long from, MemorySegment to, long stream) {
        Map.Entry<Long, Written> last = written.floorEntry(from);
        boolean inside = last != null && from + to.byteSize() <= last.getKey() + last.getValue().bytes();
        for (long i = 0; i < to.byteSize(); i++) {
            byte[] pattern = inside ? last.getValue().pattern() : ZERO;
            long offset = inside ? from - last.getKey() : 0;
            to.set(ValueLayout.JAVA_BYTE, i, pattern[(int) ((offset + i) % pattern.length)]);
        }
        recording.add(new Recording.Copy(Recording.Direction.TO_HOST, to.byteSize()));
    }

    @Override
    public void copyOnDevice(long from, long to, long bytes, long stream) {
        recording.add(new Recording.Copy(Recording.Direction.ON_DEVICE, bytes));
    }

    @Override
    public synchronized void set(long address, byte value, long bytes, long stream) {
        written.put(address, new Written(new byte[] {value}, bytes));
        recording.add(new Recording.Fill(bytes));
    }

    @Override
    public synchronized long loadLibrary(String name, String ptx) {
        long library = handle();
        libraries.put(library, ENTRY.matcher(ptx).results().map((MatchResult entry) -> entry.group(1)).toList());
        return library;
    }

    @Override
    public synchronized void unloadLibrary(long library) {
        libraries.remove(library);
    }

    @Override
    public synchronized long kernel(long library, String name) {
        if (!libraries.get(library).contains(name)) {
            throw new CudaException(NOT_FOUND, "[driver] cuLibraryGetKernel: CUDA_ERROR_NOT_FOUND (500): no kernel " + name);
        }
        long kernel = handle();
        kernels.put(kernel, name);
        return kernel;
    }

    /** {@inheritDoc} The layout is unknown here; the virtual GPU checks it. */
    @Override
    public List<Parameter> parameters(long kernel) {
        return null;
    }

    @Override
    public void allowSharedMemory(long kernel, int bytes) {
        if (bytes > model.sharedBytesPerBlock()) {
            throw new CudaException(1, "[driver] cuFuncSetAttribute: CUDA_ERROR_INVALID_VALUE (1): %d bytes of shared memory; %s allows %d"
                    .formatted(bytes, model.title(), model.sharedBytesPerBlock()));
        }
    }

    @Override
    public void launch(long kernel, Grid grid, int sharedBytes, long stream, MemorySegment arguments) {
        String name;
        synchronized (this) {
            name = kernels.get(kernel);
            if (name.startsWith("fill_b")) {
                fill(Integer.parseInt(name.substring("fill_b".length())), arguments);
            }
        }
        recording.add(new Recording.Launch(name, grid, sharedBytes, Arguments.copyOf(arguments)));
    }

    /** Keeps the pattern of a fill of contiguous memory: address, pattern, number of units, number of axes. */
    private void fill(int unitBytes, MemorySegment arguments) {
        if (arguments.get(ValueLayout.JAVA_LONG, 3 * Long.BYTES) == 0) {
            byte[] pattern = arguments.asSlice(Long.BYTES, Long.BYTES).toArray(ValueLayout.JAVA_BYTE);
            written.put(arguments.get(ValueLayout.JAVA_LONG, 0), new Written(pattern,
                    unitBytes * arguments.get(ValueLayout.JAVA_LONG, 2 * Long.BYTES)));
        }
    }
}
