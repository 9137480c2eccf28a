package kept.cuda.virtual;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Pinned host memory, which asynchronous copies read and write while the host continues. Between the queueing of a copy and its completion the host
 * must not write its source nor access its target. Accesses that bypass these checks find poison values.
 */
final class PinnedMemory {
    private static final byte POISON = (byte) 0x7b;

    /** An allocation of pinned memory. */
    private static final class Area {
        final Arena arena;
        final MemorySegment memory;
        final List<Transfer> transfers = new ArrayList<>();

        Area(Arena arena, MemorySegment memory) {
            this.arena = arena;
            this.memory = memory;
        }
    }

    /** A queued copy that has not completed. */
    final class Transfer {
        private final Area area;
        private final MemorySegment host;
        private final boolean toDevice;
        private final byte[] before;

        private Transfer(Area area, MemorySegment host, boolean toDevice) {
            this.area = area;
            this.host = host;
            this.toDevice = toDevice;
            boolean alone = overlapping(area, host).isEmpty();
            if (!toDevice && alone) {
                host.fill(POISON);
            }
            this.before = toDevice || alone ? host.toArray(ValueLayout.JAVA_BYTE) : null;
        }

        /** Takes the bytes for the device and poisons the host's. */
        byte[] send() {
            end();
            if (overlapping(area, host).stream().noneMatch(other -> other.toDevice)) {
                host.fill(POISON);
            }
            return before;
        }

        /** Stores the device's bytes in host memory. */
        void receive(byte[] bytes) {
            end();
            host.copyFrom(MemorySegment.ofArray(bytes));
        }

        private void end() {
            synchronized (PinnedMemory.this) {
                area.transfers.remove(this);
            }
            long changed = before == null ? -1 : host.mismatch(MemorySegment.ofArray(before));
            if (changed >= 0) {
                throw new KernelFault("byte %,d of %s was written by the host before the copy was done: nothing waited for it"
                        .formatted(changed, this));
            }
        }

        @Override
        public String toString() {
            return "pinned memory 0x%x, %,d bytes of which a queued copy %s".formatted(host.address(), host.byteSize(),
                    toDevice ? "to the device reads" : "from the device fills");
        }
    }

    private final TreeMap<Long, Area> areas = new TreeMap<>();

    synchronized MemorySegment allocate(long bytes) {
        Arena arena = Arena.ofShared();
        MemorySegment memory = arena.allocate(bytes, 4096);
        areas.put(memory.address(), new Area(arena, memory));
        return memory;
    }

    /** Frees an area; returns an error message or null. */
    synchronized String free(MemorySegment memory) {
        Area area = areas.get(memory.address());
        if (area == null) {
            return "0x%x is no pinned memory".formatted(memory.address());
        }
        if (!area.transfers.isEmpty()) {
            return "%s, and nothing waited for it".formatted(area.transfers.getFirst());
        }
        areas.remove(memory.address());
        area.arena.close();
        return null;
    }

    /** Starts a copy; returns null for memory that is not pinned. */
    synchronized Transfer begin(MemorySegment host, boolean toDevice) {
        Area area = find(host);
        if (area == null) {
            return null;
        }
        if (toDevice) {
            requireIdle(host, false, "copies to the device");
        }
        var transfer = new Transfer(area, host, toDevice);
        area.transfers.add(transfer);
        return transfer;
    }

    /** Checks that the host may read. */
    synchronized void read(MemorySegment host) {
        requireIdle(host, false, "reads");
    }

    /** Checks that the host may write. */
    synchronized void write(MemorySegment host) {
        requireIdle(host, true, "writes");
    }

    /** The host may read the source of a queued copy; any other access to memory of a queued copy is a fault. Copies of one stream are ordered. */
    private void requireIdle(MemorySegment host, boolean writes, String what) {
        Area area = find(host);
        for (Transfer transfer : area == null ? List.<Transfer>of() : overlapping(area, host)) {
            if (writes || !transfer.toDevice) {
                throw new KernelFault("the host %s %,d bytes at 0x%x of %s: nothing waited for it"
                        .formatted(what, host.byteSize(), host.address(), transfer));
            }
        }
    }

    private synchronized List<Transfer> overlapping(Area area, MemorySegment host) {
        return area.transfers.stream().filter(other -> host.address() < other.host.address() + other.host.byteSize()
                && other.host.address() < host.address() + host.byteSize()).toList();
    }

    private Area find(MemorySegment host) {
        if (!host.isNative()) {
            return null;
        }
        Map.Entry<Long, Area> entry = areas.floorEntry(host.address());
        return entry == null || host.address() + host.byteSize() > entry.getKey() + entry.getValue().memory.byteSize() ? null : entry.getValue();
    }
}
