package kept.distributed.tcp;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.UnaryOperator;
import kept.distributed.RankException;
import kept.distributed.RankTimeout;
import kept.distributed.Transport;
import kept.distributed.TransportProvider;

/**
 * Finds ranks that meet through a file, the system property {@value #PROPERTY}, without an MPI library. Rank and number of ranks are in the
 * environment, as torchrun, srun or the user has set them.
 */
public final class TcpProvider implements TransportProvider {
    /** System property with the file through which the ranks find each other; all ranks name the same one, which need not exist. */
    public static final String PROPERTY = "kept.rendezvous";

    /** Who starts ranks, and where each finds its number and their number. */
    private enum Launcher {
        TORCHRUN("torchrun", "RANK", "WORLD_SIZE"),
        SRUN("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        OPEN_MPI("mpirun of Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        MPICH("mpirun of MPICH", "PMI_RANK", "PMI_SIZE");

        private final String label;
        private final String rank;
        private final String size;

        Launcher(String label, String rank, String size) {
            this.label = label;
            this.rank = rank;
            this.size = size;
        }
    }

    /** Called by {@link java.util.ServiceLoader}. */
    public TcpProvider() {}

    @Override
    public Optional<Launch> find(UnaryOperator<String> environment) {
        return find(environment, System.getProperty(PROPERTY));
    }

    static Optional<Launch> find(UnaryOperator<String> environment, String file) {
        if (file == null || file.isBlank()) {
            return Optional.empty();
        }
        for (Launcher launcher : Launcher.values()) {
            if (environment.apply(launcher.rank) != null && environment.apply(launcher.size) != null) {
                int size = number(environment, launcher.size, 1);
                int rank = number(environment, launcher.rank, 0);
                if (rank >= size) {
                    throw new RankException("[ranks] the environment contradicts itself: %s=%d, %s=%d".formatted(launcher.rank, rank, launcher.size,
                            size));
                }
                return Optional.of(new Launch(launcher.label, rank, size));
            }
        }
        throw new RankException("[ranks] a rendezvous (%s) needs the number of this rank and that of all: start the program by torchrun or srun, "
                .formatted(file) + "or set RANK and WORLD_SIZE");
    }

    private static int number(UnaryOperator<String> environment, String variable, int least) {
        String text = environment.apply(variable);
        try {
            int value = Integer.parseInt(text.strip());
            if (value >= least) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Reported below.
        }
        throw new RankException("[ranks] the environment has %s=%s, which is no number from %d on".formatted(variable, text, least));
    }

    @Override
    public Transport open(Launch launch) {
        return open(Path.of(System.getProperty(PROPERTY)), launch.rank(), launch.size(), RankTimeout.nanoseconds());
    }

    static TcpTransport open(Path file, int rank, int size, long timeoutNanos) {
        return new TcpTransport(new Rendezvous(file, rank, size, timeoutNanos).meet(), timeoutNanos);
    }
}
