package kept.cuda.virtual;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Reserved addresses and the physical memory that is mapped to them. A wrong call throws an {@link IllegalArgumentException}, whose text goes into
 * the driver's error.
 */
final class AddressSpace {
    private static final long FIRST_HANDLE = 0xe000;

    /** Physical memory, and the address that it is mapped to; 0 for none. */
    private static final class Physical {
        final long bytes;
        long address;

        Physical(long bytes) {
            this.bytes = bytes;
        }
    }

    private final DeviceMemory memory;
    private final Map<Long, Physical> physical = new HashMap<>();
    /** Handles of the mapped memory by address. */
    private final TreeMap<Long, Long> mappings = new TreeMap<>();
    private final TreeMap<Long, ReservedRange> ranges = new TreeMap<>();
    private long nextHandle = FIRST_HANDLE;

    AddressSpace(DeviceMemory memory) {
        this.memory = memory;
    }

    private static void requireUnits(String what, long value) {
        if (value <= 0 || value % ReservedRange.GRANULARITY != 0) {
            throw new IllegalArgumentException("%s %d is no multiple of %d".formatted(what, value, ReservedRange.GRANULARITY));
        }
    }

    synchronized long reserve(long bytes) {
        requireUnits("size", bytes);
        ReservedRange range = memory.reserve(bytes);
        ranges.put(range.base, range);
        return range.base;
    }

    synchronized void free(long address, long bytes) {
        ReservedRange range = ranges.get(address);
        if (range == null || range.bytes != bytes) {
            throw new IllegalArgumentException("%d bytes at 0x%x are no reserved range".formatted(bytes, address));
        }
        if (!range.isEmpty()) {
            throw new IllegalArgumentException("memory is still mapped to " + range);
        }
        ranges.remove(address);
        range.release();
        range.free();
    }

    /** Creates physical memory; returns 0 if too little is free. */
    synchronized long create(long bytes) {
        requireUnits("size", bytes);
        if (!memory.obtain(bytes)) {
            return 0;
        }
        physical.put(++nextHandle, new Physical(bytes));
        return nextHandle;
    }

    /** Returns the physical memory that has not been released, in bytes. */
    synchronized long created() {
        return physical.values().stream().mapToLong(each -> each.bytes).sum();
    }

    private Physical physical(long handle) {
        Physical of = physical.get(handle);
        if (of == null) {
            throw new IllegalArgumentException("no physical memory 0x%x".formatted(handle));
        }
        return of;
    }

    /** Releases physical memory. The driver would wait until it is unmapped; here that is an error, because nothing would unmap it. */
    synchronized void release(long handle) {
        Physical of = physical(handle);
        if (of.address != 0) {
            throw new IllegalArgumentException("physical memory 0x%x is still mapped to 0x%x".formatted(handle, of.address));
        }
        physical.remove(handle);
        memory.giveBack(of.bytes);
    }

    private ReservedRange range(long address, long bytes) {
        requireUnits("address", address);
        requireUnits("size", bytes);
        Map.Entry<Long, ReservedRange> entry = ranges.floorEntry(address);
        if (entry == null || address + bytes > entry.getKey() + entry.getValue().bytes) {
            throw new IllegalArgumentException("%d bytes at 0x%x are not reserved".formatted(bytes, address));
        }
        return entry.getValue();
    }

    synchronized void map(long address, long bytes, long handle) {
        ReservedRange range = range(address, bytes);
        Physical of = physical(handle);
        if (of.bytes != bytes) {
            throw new IllegalArgumentException("physical memory 0x%x has %d bytes, not %d".formatted(handle, of.bytes, bytes));
        }
        if (of.address != 0) {
            throw new IllegalArgumentException("physical memory 0x%x is already mapped to 0x%x".formatted(handle, of.address));
        }
        if (range.isMapped(address - range.base, bytes)) {
            throw new IllegalArgumentException("memory is already mapped to 0x%x".formatted(address));
        }
        range.map(address - range.base, bytes);
        of.address = address;
        mappings.put(address, handle);
    }

    synchronized void setAccess(long address, long bytes) {
        ReservedRange range = range(address, bytes);
        if (!range.setAccess(address - range.base, bytes)) {
            throw new IllegalArgumentException("no memory is mapped to a part of %d bytes at 0x%x".formatted(bytes, address));
        }
    }

    synchronized void unmap(long address, long bytes) {
        ReservedRange range = range(address, bytes);
        Long handle = mappings.get(address);
        if (handle == null || physical(handle).bytes != bytes) {
            throw new IllegalArgumentException("%d bytes at 0x%x are no mapping".formatted(bytes, address));
        }
        mappings.remove(address);
        physical(handle).address = 0;
        range.unmap(address - range.base, bytes);
    }

    /** Makes the contents of a range unwritten, as those of a new block are. */
    synchronized void forget(long address, long bytes) {
        ReservedRange range = ranges.floorEntry(address).getValue();
        range.forget(address - range.base, bytes);
    }
}
