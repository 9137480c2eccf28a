package kept.distributed.mpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import kept.distributed.RankException;
import kept.distributed.TransportProvider.Launch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Launchers by their environment, and the search for the library that belongs to one. */
class MpiProviderTest {
    private static final MpiLibrary.Loader NOTHING = library -> {
        throw new MpiLibrary.LoadException(library + ": cannot open shared object file: No such file or directory");
    };

    private static Map<String, String> environment(String text) {
        Map<String, String> variables = new HashMap<>();
        for (String assignment : text.split(" ")) {
            if (!assignment.isEmpty()) {
                variables.put(assignment.substring(0, assignment.indexOf('=')), assignment.substring(assignment.indexOf('=') + 1));
            }
        }
        return variables;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=2 PMIX_RANK=2         | mpirun of Open MPI   | 2 | 4",
        "OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0                     | mpirun of Open MPI   | 0 | 1",
        "PMI_RANK=1 PMI_SIZE=3 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=3         | mpirun of MPICH      | 1 | 3",
        "SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=8 PMI_RANK=5 PMI_SIZE=8       | srun                 | 5 | 8",
        "SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=8 PMIX_RANK=5                 | srun                 | 5 | 8",
        "PMIX_RANK=3                                                       | a launcher with PMIx | 3 | 0",
    })
    void aLauncherIsKnownByItsEnvironment(String variables, String name, int rank, int size) {
        assertThat(new MpiProvider(NOTHING).find(environment(variables)::get, null)).contains(new Launch(name, rank, size));
    }

    @ParameterizedTest
    @CsvSource({"''", "SLURM_JOB_ID=7 SLURM_NTASKS=4", "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1", "SLURM_PROCID=0", "PMI_RANK=0"})
    void withoutALauncherNothingIsLoaded(String variables) {
        assertThat(new MpiProvider(NOTHING).find(environment(variables)::get, null)).isEmpty();
    }

    @Test
    void thePropertyStandsForAnUnknownLauncherOrForNone() {
        assertThat(new MpiProvider(NOTHING).find(_ -> null, "/opt/mpi/libmpi.so")).contains(new Launch("-Dkept.mpi", -1, 0));
        assertThat(new MpiProvider(NOTHING).find(environment("PMI_RANK=1 PMI_SIZE=3")::get, "none")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=8 | srun has started 8 processes that cannot find each other; start them by 'srun --mpi=pmix' or "
                + "'srun --mpi=pmi2' ('srun --mpi=list' names what there is), or give them --rendezvous FILE",
        "PMI_RANK=x PMI_SIZE=3 | the environment has PMI_RANK=x, which is no number from 0 on; start the program by mpirun or srun",
        "PMI_RANK=1 PMI_SIZE=0 | the environment has PMI_SIZE=0, which is no number from 1 on; start the program by mpirun or srun",
        "OMPI_COMM_WORLD_SIZE=2 | the environment has OMPI_COMM_WORLD_RANK=null, which is no number from 0 on; start the program by mpirun or srun",
        "PMI_RANK=3 PMI_SIZE=3 | the environment of mpirun of MPICH contradicts itself: PMI_RANK=3, PMI_SIZE=3",
    })
    void anEnvironmentThatCannotWorkIsRefused(String variables, String message) {
        assertThatThrownBy(() -> new MpiProvider(NOTHING).find(environment(variables)::get, null)).isInstanceOf(RankException.class)
                .hasMessage("[ranks] " + message);
    }

    private static MpiLauncher launcher(String variables) {
        return MpiLauncher.of(environment(variables)::get).orElseThrow();
    }

    private static FakeMpi library(MpiAbi abi) {
        return new FakeMpi(new FakeMpi.World(), abi, 0, 2);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 | libmpi.so.40 libmpi_abi.so.0 libmpi_abi.so.1 libmpi_abi.so",
        "PMI_RANK=0 PMI_SIZE=2 | libmpich.so.12 libmpi.so.12 libmpi_abi.so.0 libmpi_abi.so.1 libmpi_abi.so",
        "SLURM_PROCID=0 PMI_RANK=0 PMI_SIZE=2 | libmpich.so.12 libmpi.so.12 libmpi_abi.so.0 libmpi_abi.so.1 libmpi_abi.so libmpi.so.40",
        "PMIX_RANK=0 | libmpi.so.40 libmpich.so.12 libmpi.so.12 libmpi_abi.so.0 libmpi_abi.so.1 libmpi_abi.so",
    })
    void theLibrariesOfTheLauncherAreLookedFor(String variables, String names) {
        List<String> asked = new ArrayList<>();
        assertThatThrownBy(() -> MpiLibrary.load(launcher(variables), null, name -> {
            asked.add(name);
            return NOTHING.open(name);
        })).isInstanceOf(RankException.class).hasMessage("[ranks] %s has started this process, but its library is not found "
                .formatted(launcher(variables).name()) + "(%s: cannot open shared object file: No such file or directory): looked for %s; "
                .formatted(names.split(" ")[0], names.replace(" ", ", ")) + "name its file by -Dkept.mpi=FILE");
        assertThat(asked).containsExactly(names.split(" "));
    }

    @Test
    void theFirstLibraryOfTheLaunchersFamilyIsTaken() {
        // Intel MPI's name for the interface of MPICH, on a machine where the name of MPICH is missing.
        MpiLibrary found = MpiLibrary.load(launcher("PMI_RANK=0 PMI_SIZE=2"), null,
                name -> name.equals("libmpi.so.12") ? library(MpiAbi.MPICH) : NOTHING.open(name));
        assertThat(found.file()).isEqualTo("libmpi.so.12");
        assertThat(found.abi()).isEqualTo(MpiAbi.MPICH);
        found = MpiLibrary.load(launcher("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0"), null,
                name -> name.equals("libmpi_abi.so.0") ? library(MpiAbi.OPEN_MPI) : NOTHING.open(name));
        assertThat(found.abi()).isEqualTo(MpiAbi.STANDARD);
    }

    @Test
    void aLibraryThatIsThereButDoesNotLoadIsWhatTheMessageNames() {
        assertThatThrownBy(() -> MpiLibrary.load(launcher("PMI_RANK=0 PMI_SIZE=2"), null, name -> {
            if (name.equals("libmpi.so.12")) {
                throw new MpiLibrary.LoadException("libfabric.so.1: cannot open shared object file: No such file or directory");
            }
            return NOTHING.open(name);
        })).isInstanceOf(RankException.class).hasMessageContaining("(libfabric.so.1: cannot open");
    }

    @Test
    void theNamedLibraryIsTheOnlyOne() {
        MpiLauncher launcher = launcher("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0");
        assertThat(MpiLibrary.load(launcher, "/opt/openmpi/libmpi.so", _ -> library(MpiAbi.OPEN_MPI)).abi()).isEqualTo(MpiAbi.OPEN_MPI);
        assertThatThrownBy(() -> MpiLibrary.load(launcher, "/opt/mpich/libmpi.so", _ -> library(MpiAbi.MPICH))).isInstanceOf(RankException.class)
                .hasMessage("[ranks] mpirun of Open MPI has started this process, but -Dkept.mpi=/opt/mpich/libmpi.so is of MPICH; use that "
                        + "library's own mpirun, or leave the option out");
        assertThatThrownBy(() -> MpiLibrary.load(launcher, "libm.so", _ -> SymbolLookup.loaderLookup())).isInstanceOf(RankException.class)
                .hasMessage("[ranks] -Dkept.mpi=libm.so is no MPI library: it has no MPI_Init_thread");
        assertThatThrownBy(() -> MpiLibrary.load(launcher, "no.so", NOTHING)).isInstanceOf(RankException.class)
                .hasMessage("[ranks] -Dkept.mpi=no.so cannot be loaded: no.so: cannot open shared object file: No such file or directory");
    }

    @Test
    void theLinkersMessageIsGiven() {
        assertThatThrownBy(() -> new SystemLoader().open("/no/such/libmpi.so")).isInstanceOf(MpiLibrary.LoadException.class)
                .hasMessageContaining("/no/such/libmpi.so: cannot open shared object file");
    }

    @Test
    void aLibraryThatSeesOtherRanksThanTheLauncherIsRefused() {
        var provider = new MpiProvider(_ -> new FakeMpi(new FakeMpi.World(), MpiAbi.MPICH, 0, 1));
        Launch launch = provider.find(environment("PMI_RANK=1 PMI_SIZE=4")::get, null).orElseThrow();
        assertThatThrownBy(() -> provider.open(launch, null, 1)).isInstanceOf(RankException.class)
                .hasMessage("[ranks] mpirun of MPICH has started 4 processes, but its library libmpich.so.12 (Fake MPI 1.0) sees 1: the two do not "
                        + "belong together; use the library's own mpirun, or name the launcher's library by -Dkept.mpi=FILE");
    }
}
