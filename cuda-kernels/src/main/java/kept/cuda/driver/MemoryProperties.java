package kept.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import kept.cuda.bindings.Cuda;

/** The structs that describe physical memory to the driver. */
final class MemoryProperties {
    /** Size of CUmemAllocationProp: type, handle types, location, a pointer for Windows, and flags. */
    private static final long ALLOCATION_BYTES = 32;
    private static final long ALLOCATION_LOCATION = 8;
    /** Size of CUmemAccessDesc: location and flags. */
    private static final long ACCESS_BYTES = 12;
    private static final long ACCESS_FLAGS = 8;

    private MemoryProperties() {}

    /** Returns a CUmemAllocationProp of memory on a device; all that is not set is 0. */
    static MemorySegment allocation(Arena arena, int deviceHandle) {
        MemorySegment properties = arena.allocate(ALLOCATION_BYTES, Long.BYTES);
        properties.set(ValueLayout.JAVA_INT, 0, Cuda.CU_MEM_ALLOCATION_TYPE_PINNED());
        setLocation(properties, ALLOCATION_LOCATION, deviceHandle);
        return properties;
    }

    /** Returns a CUmemAccessDesc for reading and writing by a device. */
    static MemorySegment access(Arena arena, int deviceHandle) {
        MemorySegment access = arena.allocate(ACCESS_BYTES, Integer.BYTES);
        setLocation(access, 0, deviceHandle);
        access.set(ValueLayout.JAVA_INT, ACCESS_FLAGS, Cuda.CU_MEM_ACCESS_FLAGS_PROT_READWRITE());
        return access;
    }

    /** A CUmemLocation has a type and a device. */
    private static void setLocation(MemorySegment struct, long at, int deviceHandle) {
        struct.set(ValueLayout.JAVA_INT, at, Cuda.CU_MEM_LOCATION_TYPE_DEVICE());
        struct.set(ValueLayout.JAVA_INT, at + Integer.BYTES, deviceHandle);
    }
}
