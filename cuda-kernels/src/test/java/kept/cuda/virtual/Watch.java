package kept.cuda.virtual;

import java.util.IdentityHashMap;
import java.util.Map;

/** Records the accesses of one launch to device memory, and the contents of memory before and after it. */
final class Watch {
    private final int granule;
    private final boolean keeps;
    private final Map<Page, BlockRaces> races = new IdentityHashMap<>();
    private final Map<Page, Page> before = new IdentityHashMap<>();
    private final Map<Page, Page> after = new IdentityHashMap<>();
    private Page last;
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

    private BlockRaces races(Page page) {
        if (page != last) {
            last = page;
            lastRaces = races.computeIfAbsent(page, made -> new BlockRaces(made.size, granule));
        }
        return lastRaces;
    }

    void read(Warp warp, int lane, Page page, int at, int count) {
        races(page).read(warp, lane, page, at, count);
    }

    void write(Warp warp, int lane, Page page, int at, int count) {
        remember(page);
        races(page).write(warp, lane, page, at, count);
    }

    void atomic(Warp warp, int lane, Page page, int at, int count) {
        remember(page);
        races(page).atomic(warp, lane, page, at, count);
    }

    private void remember(Page page) {
        if (keeps && !before.containsKey(page)) {
            before.put(page, page.copy());
        }
    }

    /** Restores memory to its contents before the launch, in order to repeat it in another order. */
    void rewind() {
        before.forEach((page, contents) -> {
            after.computeIfAbsent(page, Page::copy);
            page.restore(contents);
        });
        races.clear();
        last = null;
    }

    /** Compares memory with the results of the first run. */
    void compare(KernelLaunch launch) {
        before.forEach((page, contents) -> {
            int at = page.mismatch(after.getOrDefault(page, contents));
            if (at >= 0) {
                throw new KernelFault("kernel %s, %s: byte %,d of %s differs when %s".formatted(launch.kernel().name, launch.kernel().file,
                        page.offset + at, page.allocation, launch.order()));
            }
        });
    }
}
