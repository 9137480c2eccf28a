package kept.distributed.mpi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The binary interfaces of MPI libraries: how handles are passed, and the values of constants. Handles are numbers of 32 bits or addresses, here
 * always a long. From {@code mpi.h} of Open MPI 4 and 5, of MPICH 3 and 4, and of the MPI 5.0 standard.
 */
enum MpiAbi {
    /** Open MPI up to version 5: predefined handles are the addresses of exported objects. */
    OPEN_MPI("Open MPI", ValueLayout.JAVA_LONG, new Constants(0, 0, 0, 0, -1, 0, 2, new Sums(0, 0, 0, 1))),
    /** MPICH and what descends from it, such as Intel MPI, MVAPICH and Cray MPICH: handles are numbers of 32 bits. */
    MPICH("MPICH", ValueLayout.JAVA_INT, new Constants(0x44000000, 0x4c00010d, 0x54000001, 0x1c000000, -2, 1, 2,
            new Sums(0x4c00040a, 0x4c00080b, 0x58000003, -1))),
    /** The standard ABI of MPI 5: addresses with fixed small values. */
    STANDARD("the standard ABI of MPI", ValueLayout.JAVA_LONG, new Constants(0x101, 0x247, 0x142, 0x130, -1, 221, 2048,
            new Sums(0x210, 0x214, 0x21, 1)));

    private final String label;
    private final MemoryLayout handle;
    private final Constants fixed;

    /**
     * Values of constants.
     *
     * @param commWorld MPI_COMM_WORLD
     * @param bytes MPI_BYTE
     * @param errorsReturn MPI_ERRORS_RETURN
     * @param noInfo MPI_INFO_NULL
     * @param anySource MPI_ANY_SOURCE
     * @param sharedMemory MPI_COMM_TYPE_SHARED
     * @param serialized MPI_THREAD_SERIALIZED; higher levels have higher values
     * @param sums the constants of sums
     */
    record Constants(long commWorld, long bytes, long errorsReturn, long noInfo, int anySource, int sharedMemory, int serialized, Sums sums) {}

    /**
     * Values of constants for sums.
     *
     * @param floats MPI_FLOAT
     * @param doubles MPI_DOUBLE
     * @param sum MPI_SUM
     * @param inPlace the address MPI_IN_PLACE
     */
    record Sums(long floats, long doubles, long sum, long inPlace) {}

    MpiAbi(String label, MemoryLayout handle, Constants fixed) {
        this.label = label;
        this.handle = handle;
        this.fixed = fixed;
    }

    /**
     * The interface of a library. One with the standard ABI may export its engine's own objects too, so its name, which the standard fixes, decides.
     *
     * @param library the file or name that was loaded
     * @param symbols what it exports
     */
    static MpiAbi of(String library, SymbolLookup symbols) {
        Path file = Path.of(library).getFileName();
        if (file != null && file.toString().startsWith("libmpi_abi.")) {
            return STANDARD;
        }
        return symbols.find("ompi_mpi_comm_world").isPresent() ? OPEN_MPI : MPICH;
    }

    /** The name of the family of libraries, for messages. */
    String label() {
        return label;
    }

    /** How a handle is passed to a function. */
    MemoryLayout handle() {
        return handle;
    }

    /** Reads a handle that a function has written. */
    long read(MemorySegment place) {
        return handle.byteSize() == Integer.BYTES ? place.get(ValueLayout.JAVA_INT, 0) : place.get(ValueLayout.JAVA_LONG, 0);
    }

    /**
     * The constants of a library.
     *
     * @param symbols what it exports
     * @return its constants; empty if it lacks an object that one of them is the address of
     */
    Optional<Constants> constants(SymbolLookup symbols) {
        if (this != OPEN_MPI) {
            return Optional.of(fixed);
        }
        String[] objects = {"ompi_mpi_comm_world", "ompi_mpi_byte", "ompi_mpi_errors_return", "ompi_mpi_info_null", "ompi_mpi_float",
            "ompi_mpi_double", "ompi_mpi_op_sum"};
        long[] addresses = new long[objects.length];
        for (int i = 0; i < objects.length; i++) {
            Optional<MemorySegment> object = symbols.find(objects[i]);
            if (object.isEmpty()) {
                return Optional.empty();
            }
            addresses[i] = object.get().address();
        }
        return Optional.of(new Constants(addresses[0], addresses[1], addresses[2], addresses[3], fixed.anySource, fixed.sharedMemory,
                fixed.serialized, new Sums(addresses[4], addresses[5], addresses[6], fixed.sums.inPlace)));
    }
}
