package kept.distributed.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The tables of handles, with the values of the headers: mpi.h of Open MPI 4.1.4, of MPICH 4.0.2 and of the MPI 5.0 standard. */
class MpiAbiTest {
    private static final SymbolLookup OPEN_MPI = name -> {
        int index = List.of("ompi_mpi_comm_world", "ompi_mpi_byte", "ompi_mpi_errors_return", "ompi_mpi_info_null", "ompi_mpi_float",
                "ompi_mpi_double", "ompi_mpi_op_sum").indexOf(name);
        return index < 0 ? Optional.empty() : Optional.of(MemorySegment.ofAddress(0x7000_0000_0000L + index));
    };
    private static final SymbolLookup OTHER = _ -> Optional.empty();

    @Test
    void handlesOfOpenMpiAreAddressesOfItsObjects() {
        assertThat(MpiAbi.OPEN_MPI.constants(OPEN_MPI)).contains(
                new MpiAbi.Constants(0x7000_0000_0000L, 0x7000_0000_0001L, 0x7000_0000_0002L, 0x7000_0000_0003L, -1, 0, 2,
                        new MpiAbi.Sums(0x7000_0000_0004L, 0x7000_0000_0005L, 0x7000_0000_0006L, 1)));
        assertThat(MpiAbi.OPEN_MPI.constants(OTHER)).isEmpty();
    }

    @Test
    void handlesOfMpichAreNumbers() {
        assertThat(MpiAbi.MPICH.constants(OTHER)).contains(new MpiAbi.Constants(1140850688, 1275068685, 1409286145, 469762048, -2, 1, 2,
                new MpiAbi.Sums(1275069450, 1275070475, 1476395011, -1)));
    }

    @Test
    void handlesOfTheStandardAreSmallAddresses() {
        assertThat(MpiAbi.STANDARD.constants(OTHER)).contains(new MpiAbi.Constants(257, 583, 322, 304, -1, 221, 2048,
                new MpiAbi.Sums(528, 532, 33, 1)));
    }

    @ParameterizedTest
    @CsvSource({
        "libmpi.so.40, true, OPEN_MPI", "/opt/openmpi-5/lib/libmpi.so, true, OPEN_MPI", "libmpich.so.12, false, MPICH",
        "/opt/intel/mpi/lib/libmpi.so.12, false, MPICH", "libmpi_abi.so.0, false, STANDARD", "/opt/openmpi-6/lib/libmpi_abi.so.0, true, STANDARD",
        // Not the standard's name.
        "/opt/libmpi_abi/libmpi.so, false, MPICH",
    })
    void aLibraryIsKnownByItsNameAndItsObjects(String library, boolean hasObjects, MpiAbi expected) {
        assertThat(MpiAbi.of(library, hasObjects ? OPEN_MPI : OTHER)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"OPEN_MPI, 8, 0x1122334455667788", "MPICH, 4, 0x55667788", "STANDARD, 8, 0x1122334455667788"})
    void aHandleIsReadInItsWidth(MpiAbi abi, long width, String expected) {
        MemorySegment place = MemorySegment.ofArray(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(0x1122334455667788L).array());
        assertThat(abi.handle().byteSize()).isEqualTo(width);
        assertThat(abi.read(MemorySegment.ofBuffer(ByteBuffer.allocateDirect(8)).copyFrom(place))).isEqualTo(Long.decode(expected));
    }
}
