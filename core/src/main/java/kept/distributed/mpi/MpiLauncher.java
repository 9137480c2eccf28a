package kept.distributed.mpi;

import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import kept.distributed.RankException;
import kept.distributed.TransportProvider.Launch;

/**
 * The launchers that start ranks, and what they write into the environment of each.
 *
 * @param name for messages
 * @param families the interfaces of the libraries that understand it, the likeliest first
 * @param launch the process's rank and size
 */
record MpiLauncher(String name, List<MpiAbi> families, Launch launch) {
    private static final List<MpiAbi> ALL = List.of(MpiAbi.OPEN_MPI, MpiAbi.MPICH, MpiAbi.STANDARD);

    /**
     * The launcher that has started this process.
     *
     * @param environment the value of an environment variable, or null
     * @return the launcher; empty if there is none
     * @throws RankException if the environment contradicts itself, or ranks were started without a way to find each other
     */
    static Optional<MpiLauncher> of(UnaryOperator<String> environment) {
        if (environment.apply("OMPI_COMM_WORLD_SIZE") != null) {
            return Optional.of(launcher("mpirun of Open MPI", List.of(MpiAbi.OPEN_MPI, MpiAbi.STANDARD), environment, "OMPI_COMM_WORLD_RANK",
                    "OMPI_COMM_WORLD_SIZE"));
        }
        boolean slurm = environment.apply("SLURM_PROCID") != null;
        if (environment.apply("PMI_RANK") != null && environment.apply("PMI_SIZE") != null) {
            return Optional.of(launcher(slurm ? "srun" : "mpirun of MPICH",
                    slurm ? List.of(MpiAbi.MPICH, MpiAbi.STANDARD, MpiAbi.OPEN_MPI) : List.of(MpiAbi.MPICH, MpiAbi.STANDARD), environment,
                    "PMI_RANK", "PMI_SIZE"));
        }
        if (environment.apply("PMIX_RANK") != null) {
            return Optional.of(slurm && environment.apply("SLURM_STEP_NUM_TASKS") != null
                    ? launcher("srun", ALL, environment, "PMIX_RANK", "SLURM_STEP_NUM_TASKS")
                    : launcher("a launcher with PMIx", ALL, environment, "PMIX_RANK", null));
        }
        if (slurm && environment.apply("SLURM_STEP_NUM_TASKS") != null && number(environment, "SLURM_STEP_NUM_TASKS", 1) > 1) {
            throw new RankException(("[ranks] srun has started %s processes that cannot find each other; start them by 'srun --mpi=pmix' or "
                    + "'srun --mpi=pmi2' ('srun --mpi=list' names what there is), or give them --rendezvous FILE")
                            .formatted(environment.apply("SLURM_STEP_NUM_TASKS")));
        }
        return Optional.empty();
    }

    private static MpiLauncher launcher(String name, List<MpiAbi> families, UnaryOperator<String> environment, String rank, String size) {
        int processes = size == null ? 0 : number(environment, size, 1);
        int number = number(environment, rank, 0);
        if (processes > 0 && number >= processes) {
            throw new RankException("[ranks] the environment of %s contradicts itself: %s=%d, %s=%d".formatted(name, rank, number, size, processes));
        }
        return new MpiLauncher(name, families, new Launch(name, number, processes));
    }

    private static int number(UnaryOperator<String> environment, String variable, int least) {
        String text = environment.apply(variable);
        try {
            int value = Integer.parseInt(String.valueOf(text).strip());
            if (value >= least) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Reported below.
        }
        throw new RankException("[ranks] the environment has %s=%s, which is no number from %d on; start the program by mpirun or srun"
                .formatted(variable, text, least));
    }
}
