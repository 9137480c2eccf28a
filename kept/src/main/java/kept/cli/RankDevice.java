package kept.cli;

import java.io.PrintWriter;
import java.util.List;
import kept.distributed.Communicator;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The device of a program that may be one of several ranks: each rank of a machine has a GPU of its own. */
final class RankDevice {
    private static final String AUTO = "auto";
    private static final String CUDA = "cuda";

    private RankDevice() {}

    /**
     * Opens the device of this rank.
     *
     * @param name as on the command line
     * @param ranks this rank and the others
     * @param notes where the reason goes if {@code auto} is not a GPU
     */
    static Device open(String name, Communicator ranks, PrintWriter notes) {
        if (name.equals(AUTO)) {
            return best(ranks, notes);
        }
        // Names are asked for only where they matter, since that loads drivers.
        boolean isChosen = ranks.localSize() == 1 || name.contains(":") || name.equals(Device.cpu().name());
        return Device.of(isChosen ? name : ofRank(name, Device.names(), ranks.localRank(), ranks.localSize()));
    }

    /** The CPU if one rank cannot use a GPU: all ranks compute on devices of one kind, whose bits are the same. */
    private static Device best(Communicator ranks, PrintWriter notes) {
        Device device = Device.cpu();
        DeviceException failure = null;
        try {
            device = open(CUDA, ranks, notes);
        } catch (DeviceException e) {
            failure = e;
        }
        int without = firstWithout(ranks, failure != null);
        if (without < 0) {
            return device;
        }
        notes.println(failure != null ? "--device auto: on the CPU, since cuda cannot be used: " + Program.reason(CUDA, failure)
                : "--device auto: all ranks on the CPU, since rank %d cannot use cuda".formatted(without));
        return Device.cpu();
    }

    /** The first rank that has no GPU; -1 if all have one. */
    private static int firstWithout(Communicator ranks, boolean isWithout) {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor all = Tensor.empty(DType.I64, Shape.of(ranks.size()));
            ranks.allGather(Tensor.of(new long[] {isWithout ? 1 : 0}), all);
            long[] values = all.toLongArray();
            for (int rank = 0; rank < values.length; rank++) {
                if (values[rank] != 0) {
                    return rank;
                }
            }
            return -1;
        }
    }

    /**
     * The name of the device of a rank. Where the launcher shows each rank a single device, that is its own.
     *
     * @param name of a kind of devices, or of one of them
     * @param names of all devices of the machine
     * @param localRank the rank's number among those of its machine
     * @param localSize the number of ranks on the machine
     */
    static String ofRank(String name, List<String> names, int localRank, int localSize) {
        long count = names.stream().filter(other -> other.startsWith(name + ":")).count();
        if (count < 2) {
            return name;
        }
        if (localSize > count) {
            throw new DeviceException("[device] %d ranks on a machine with %d devices %s: start at most one rank for each"
                    .formatted(localSize, count, name));
        }
        return name + ":" + localRank;
    }
}
