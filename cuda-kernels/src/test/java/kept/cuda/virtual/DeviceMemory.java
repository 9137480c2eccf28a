package kept.cuda.virtual;

import java.util.Map;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * Device memory with addresses of its own. No address is ever used twice and between two allocations there is more room than either takes, so that
 * whoever runs past an end, or uses what was freed, meets nothing.
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

    /** Memory for a size above 0, or null if there is no room. */
    synchronized Allocation allocate(String name, long bytes) {
        if (bytes > capacity - used) {
            return null;
        }
        if (bytes > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("[virtual gpu] an allocation of " + bytes + " bytes; 2 GiB are the most in one piece");
        }
        var allocation = new Allocation(name + " " + ++count, nextAddress, (int) bytes);
        nextAddress += (2 * bytes / GRANULE + 16) * GRANULE;
        allocations.put(allocation.base, allocation);
        used += bytes;
        return allocation;
    }

    /** Gives back what begins at this address, for allocations to come; says what was wrong, or null. Kernels queued before may still use it. */
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

    /** Ends what was given back: nothing may use it any more. */
    synchronized void discard(long address) {
        Allocation allocation = allocations.get(address);
        released -= allocation.bytes;
        allocation.free();
    }

    /** Bytes that were given back while queued work may still use them. */
    synchronized long released() {
        return released;
    }

    /** The allocation that holds all of a range, or null. */
    Allocation find(long address, long bytes) {
        Map.Entry<Long, Allocation> entry = allocations.floorEntry(address);
        if (entry == null) {
            return null;
        }
        Allocation allocation = entry.getValue();
        return address - allocation.base <= allocation.size - bytes ? allocation : null;
    }

    /** Where an address lies, in words. */
    String describe(long address) {
        Map.Entry<Long, Allocation> below = allocations.floorEntry(address);
        if (below != null) {
            Allocation allocation = below.getValue();
            long offset = address - allocation.base;
            if (allocation.isReleased() && offset < allocation.bytes) {
                return "byte %,d of %s, which was freed".formatted(offset, allocation);
            }
            if (offset < allocation.bytes) {
                return "byte %,d of %s".formatted(offset, allocation);
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
