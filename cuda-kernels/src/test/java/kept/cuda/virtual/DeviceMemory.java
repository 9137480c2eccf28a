package kept.cuda.virtual;

import java.util.Map;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * The address space of device memory. No address is ever reused, and the gap between two allocations is larger than either, so that accesses out of
 * bounds or after a free never hit another allocation.
 */
final class DeviceMemory {
    private static final long FIRST = 0x7f00_0000_0000L;
    private static final long GRANULE = 1 << 12;

    private final long capacity;
    private final ConcurrentNavigableMap<Long, Allocation> allocations = new ConcurrentSkipListMap<>();
    private long nextAddress = FIRST;
    private long used;
    private long released;
    private long count;

    DeviceMemory(long capacity) {
        this.capacity = capacity;
    }

    long capacity() {
        return capacity;
    }

    synchronized long used() {
        return used;
    }

    /** Allocates memory of a size above 0; returns null if too little is free. */
    synchronized Allocation allocate(String name, long bytes) {
        if (bytes > capacity - used) {
            return null;
        }
        var allocation = new Allocation(name + " " + ++count, nextAddress, bytes);
        nextAddress += (2 * bytes / GRANULE + 16) * GRANULE;
        allocations.put(allocation.base, allocation);
        used += bytes;
        return allocation;
    }

    /** Reserves addresses, to which memory can be mapped. */
    synchronized ReservedRange reserve(long bytes) {
        long unit = ReservedRange.GRANULARITY;
        var range = new ReservedRange("reserved range " + ++count, (nextAddress + unit - 1) / unit * unit, bytes);
        nextAddress = range.base + bytes + 16 * unit;
        allocations.put(range.base, range);
        return range;
    }

    /** Takes memory without addresses; returns false if too little is free. */
    synchronized boolean obtain(long bytes) {
        boolean free = bytes <= capacity - used;
        used += free ? bytes : 0;
        return free;
    }

    /** Gives memory without addresses back. */
    synchronized void giveBack(long bytes) {
        used -= bytes;
    }

    /** Frees the allocation at an address for new allocations; returns an error message or null. Kernels queued before may still use the memory. */
    synchronized String release(long address) {
        Allocation allocation = allocations.get(address);
        if (allocation == null || allocation.isReleased()) {
            return describe(address);
        }
        used -= allocation.bytes;
        released += allocation.bytes;
        allocation.release();
        return null;
    }

    /** Ends the life of a freed allocation: from now on every access is a fault. */
    synchronized void discard(long address) {
        Allocation allocation = allocations.get(address);
        released -= allocation.bytes;
        allocation.free();
    }

    /** Returns the freed bytes that queued work may still use. */
    synchronized long released() {
        return released;
    }

    /** Returns the allocation that contains a range; null for none. */
    Allocation find(long address, long bytes) {
        Map.Entry<Long, Allocation> entry = allocations.floorEntry(address);
        if (entry == null) {
            return null;
        }
        Allocation allocation = entry.getValue();
        return allocation.contains(address, bytes) ? allocation : null;
    }

    /** Describes the location of an address for messages. */
    String describe(long address) {
        Map.Entry<Long, Allocation> below = allocations.floorEntry(address);
        if (below != null) {
            Allocation allocation = below.getValue();
            long offset = address - allocation.base;
            if (offset < allocation.bytes) {
                return "byte %,d of %s%s".formatted(offset, allocation, allocation.state(offset));
            }
            if (offset < 2 * allocation.bytes + GRANULE) {
                String state = allocation.isReleased() ? ", which was freed" : "";
                return "%,d bytes past the end of %s%s".formatted(offset - allocation.bytes, allocation, state);
            }
        }
        Map.Entry<Long, Allocation> above = allocations.higherEntry(address);
        if (above != null && above.getKey() - address <= GRANULE) {
            return "%,d bytes before %s".formatted(above.getKey() - address, above.getValue());
        }
        return "in no allocation";
    }
}
