package kept.distributed.mpi;

import java.util.Optional;
import java.util.function.UnaryOperator;
import kept.distributed.RankException;
import kept.distributed.RankTimeout;
import kept.distributed.Transport;
import kept.distributed.TransportProvider;

/**
 * Finds the launcher of this process and the MPI library that belongs to it. {@code -Dkept.mpi=FILE} names the library, which then also tells the
 * rank if the launcher is not known; {@code -Dkept.mpi=none} runs the process by itself, whatever has started it.
 */
public final class MpiProvider implements TransportProvider {
    private static final String NONE = "none";

    private final MpiLibrary.Loader loader;
    private MpiLauncher launcher;

    /** For the service look-up. */
    public MpiProvider() {
        this(new SystemLoader());
    }

    MpiProvider(MpiLibrary.Loader loader) {
        this.loader = loader;
    }

    @Override
    public Optional<Launch> find(UnaryOperator<String> environment) {
        return find(environment, System.getProperty(MpiLibrary.PROPERTY));
    }

    Optional<Launch> find(UnaryOperator<String> environment, String named) {
        if (NONE.equals(named)) {
            return Optional.empty();
        }
        launcher = MpiLauncher.of(environment).orElse(null);
        if (launcher != null) {
            return Optional.of(launcher.launch());
        }
        return named == null ? Optional.empty() : Optional.of(new Launch("-D" + MpiLibrary.PROPERTY, -1, 0));
    }

    @Override
    public Transport open(Launch launch) {
        return open(launch, System.getProperty(MpiLibrary.PROPERTY), RankTimeout.nanoseconds());
    }

    Transport open(Launch launch, String named, long timeoutNanos) {
        MpiLibrary library = MpiLibrary.load(launcher, named, loader);
        var transport = new MpiTransport(new MpiCalls(library), timeoutNanos);
        if (launch.size() > 0 && transport.size() != launch.size()) {
            throw new RankException(("[ranks] %s has started %d processes, but its library %s sees %d: the two do not belong together; use the "
                    + "library's own mpirun, or name the launcher's library by -D%s=FILE")
                    .formatted(launch.launcher(), launch.size(), transport.name(), transport.size(), MpiLibrary.PROPERTY));
        }
        return transport;
    }
}
