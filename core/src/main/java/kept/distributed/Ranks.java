package kept.distributed;

import java.util.Optional;
import java.util.ServiceLoader;
import kept.distributed.TransportProvider.Launch;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

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

    /**
     * A communicator over the same ranks that carries the tensors of a device directly, by a link between the ranks' devices such as NCCL; all ranks
     * call this, each with its own device. Where no module on the module path links devices of this kind, tensors go on through the host's memory.
     *
     * @param ranks what {@link #open} has returned, or the communicator of a rank of {@link ThreadRanks}
     * @param device this rank's device
     * @return the communicator to use from now on, and to close instead of the other
     * @throws RankException if the devices of some ranks can be linked and those of others cannot
     * @throws kept.tensor.TensorException if the devices cannot be linked, with the reason and the remedy
     */
    public static Communicator linked(Communicator ranks, Device device) {
        if (ranks.size() == 1 || !(ranks instanceof HostCommunicator hosts)) {
            return ranks;
        }
        Optional<DeviceLinkProvider> provider = ServiceLoader.load(DeviceLinkProvider.class, Ranks.class.getClassLoader()).stream()
                .map(ServiceLoader.Provider::get).filter(found -> found.reaches(device)).findFirst();
        requireAll(hosts, provider.isPresent());
        return provider.isEmpty() ? ranks : new LinkedCommunicator(hosts, device, provider.get().open(device, hosts, hosts::check, false),
                () -> provider.get().open(device, hosts, hosts::check, true));
    }

    private static void requireAll(Communicator hosts, boolean reaches) {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor all = Tensor.empty(DType.I64, Shape.of(hosts.size()));
            hosts.allGather(Tensor.of(new long[] {reaches ? 1 : 0}), all);
            long[] kinds = all.toLongArray();
            for (int rank = 1; rank < kinds.length; rank++) {
                if (kinds[rank] != kinds[0]) {
                    throw new RankException(("[ranks] the devices of rank 0 and rank %d are of two kinds, of which one exchanges tensors directly; "
                            + "give all ranks the same --device and properties").formatted(rank));
                }
            }
        }
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
