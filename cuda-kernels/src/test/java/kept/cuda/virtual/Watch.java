package kept.cuda.virtual;

import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.Map;

/** Records the accesses of one launch to device memory, and the contents of memory before and after it. */
final class Watch {
    /** A copy of the contents of an allocation, and of its written bytes. */
    private record Contents(byte[] data, byte[] written) {
        static Contents of(Allocation allocation) {
            return new Contents(allocation.data.clone(), allocation.written.clone());
        }

        void restore(Allocation allocation) {
            System.arraycopy(data, 0, allocation.data, 0, data.length);
            System.arraycopy(written, 0, allocation.written, 0, written.length);
        }
    }

    private final int granule;
    private final boolean keeps;
    private final Map<Allocation, BlockRaces> races = new IdentityHashMap<>();
    private final Map<Allocation, Contents> before = new IdentityHashMap<>();
    private final Map<Allocation, Contents> after = new IdentityHashMap<>();
    private Allocation last;
    private BlockRaces lastRaces;

    /**
     * Starts recording.
     *
     * @param kernel launched kernel
     * @param keeps whether to copy the contents of memory, so that the launch can be repeated
     */
    Watch(Kernel kernel, boolean keeps) {
        this.granule = kernel.deviceGranule;
        this.keeps = keeps;
    }

    private BlockRaces races(Allocation allocation) {
        if (allocation != last) {
            last = allocation;
            lastRaces = races.computeIfAbsent(allocation, a -> new BlockRaces(a.size, granule));
        }
        return lastRaces;
    }

    void read(Warp warp, int lane, Allocation allocation, int at, int count) {
        races(allocation).read(warp, lane, allocation, at, count);
    }

    void write(Warp warp, int lane, Allocation allocation, int at, int count) {
        remember(allocation);
        races(allocation).write(warp, lane, allocation, at, count);
    }

    void atomic(Warp warp, int lane, Allocation allocation, int at, int count) {
        remember(allocation);
        races(allocation).atomic(warp, lane, allocation, at, count);
    }

    private void remember(Allocation allocation) {
        if (keeps && !before.containsKey(allocation)) {
            before.put(allocation, Contents.of(allocation));
        }
    }

    /** Restores memory to its contents before the launch, in order to repeat it in another order. */
    void rewind() {
        for (Allocation allocation : before.keySet()) {
            after.putIfAbsent(allocation, Contents.of(allocation));
            before.get(allocation).restore(allocation);
        }
        races.clear();
        last = null;
    }

    /** Compares memory with the results of the first run. */
    void compare(KernelLaunch launch) {
        before.forEach((allocation, contents) -> {
            Contents expected = after.getOrDefault(allocation, contents);
            int at = Arrays.mismatch(expected.data(), allocation.data);
            int written = Arrays.mismatch(expected.written(), allocation.written);
            if (at >= 0 || written >= 0) {
                throw new KernelFault("kernel %s, %s: byte %,d of %s differs when %s".formatted(launch.kernel().name, launch.kernel().file,
                        at >= 0 ? at : written, allocation, launch.order()));
            }
        });
    }
}
