package kept.distributed;

import java.util.Optional;
import java.util.ServiceLoader;
import kept.distributed.TransportProvider.Launch;

/**
 * The ranks that this process is one of. A launcher such as {@code mpirun} or {@code srun} starts the same program several times and tells each
 * process about it in its environment. Without a launcher, or if it has started a single process, no engine is loaded.
 */
public final class Ranks {
    private static Communicator opened;

    private Ranks() {}

    private record Found(TransportProvider provider, Launch launch) {}

    /**
     * How this process was started; loads nothing.
     *
     * @return what the launcher says; empty if there is none
     * @throws RankException if the process was started in a way that cannot work
     */
    public static Optional<Launch> launch() {
        return find().map(Found::launch);
    }

    /**
     * The communicator of this process, which starts the engine at the first call. Whoever closes it ends the messages of the whole process.
     *
     * @return the communicator with the other processes, or {@link Communicator#single}
     * @throws RankException if the engine between the processes cannot be used, with the reason and the remedy
     */
    public static synchronized Communicator open() {
        if (opened == null) {
            Optional<Found> found = find().filter(process -> process.launch.size() != 1);
            opened = found.isEmpty() ? Communicator.single()
                    : new HostCommunicator(found.get().provider.open(found.get().launch), HostCommunicator.MESSAGE_BYTES);
        }
        return opened;
    }

    private static Optional<Found> find() {
        for (TransportProvider provider : ServiceLoader.load(TransportProvider.class, Ranks.class.getClassLoader())) {
            Optional<Launch> launch = provider.find(System::getenv);
            if (launch.isPresent()) {
                return launch.map(how -> new Found(provider, how));
            }
        }
        return Optional.empty();
    }
}
