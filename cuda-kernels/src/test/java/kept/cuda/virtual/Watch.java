package kept.cuda.virtual;

import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.Map;

/** What the blocks of one launch do to device memory: who touched each granule, and what it held before and held after. */
final class Watch {
    /** Contents of an allocation, and which of its bytes are written. */
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
     * Begins to watch.
     *
     * @param kernel what is launched
     * @param keeps whether contents are kept, so that the launch can be repeated
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

    /** The launch is done: makes memory as it was before, for the same launch in another order. */
    void rewind() {
        for (Allocation allocation : before.keySet()) {
            after.putIfAbsent(allocation, Contents.of(allocation));
            before.get(allocation).restore(allocation);
        }
        races.clear();
        last = null;
    }

    /** Compares memory with what the first run left. */
    void compare(KernelLaunch launch) {
        before.forEach((allocation, contents) -> {
            Contents expected = after.getOrDefault(allocation, contents);
            int at = Arrays.mismatch(expected.data(), allocation.data);
            int written = Arrays.mismatch(expected.written(), allocation.written);
            if (at >= 0 || written >= 0) {
                throw new KernelFault("kernel %s, %s: byte %,d of %s is another when %s".formatted(launch.kernel().name, launch.kernel().file,
                        at >= 0 ? at : written, allocation, launch.order()));
            }
        });
    }
}
