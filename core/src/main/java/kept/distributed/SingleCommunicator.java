package kept.distributed;

import java.util.function.Consumer;
import kept.tensor.Device;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/** One process: every collective operation is at most a copy, and there is nobody to send to. */
final class SingleCommunicator implements Communicator {
    static final SingleCommunicator INSTANCE = new SingleCommunicator();

    private SingleCommunicator() {}

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public int localRank() {
        return 0;
    }

    @Override
    public int localSize() {
        return 1;
    }

    @Override
    public void send(Tensor tensor, int to) {
        throw nobody("send", to);
    }

    @Override
    public void receive(Tensor tensor, int from) {
        throw nobody("receive", from);
    }

    @Override
    public void exchange(Tensor sent, Tensor received, int peer) {
        throw nobody("exchange", peer);
    }

    private static TensorException nobody(String operation, int peer) {
        return new TensorException("[%s] there is no rank %d besides this one; this process is the only rank".formatted(operation, peer));
    }

    @Override
    public Pending begin(Device device, Consumer<Communicator> calls) {
        calls.accept(this);
        return () -> { };
    }

    @Override
    public void broadcast(Tensor tensor, int root) {
        Operands.flat("broadcast", "the tensor", tensor);
        Operands.checkRank("broadcast", root, this);
    }

    @Override
    public void allGather(Tensor part, Tensor whole, Division division) {
        copy(flatPart("allGather", part, whole, division), Operands.flat("allGather", "the whole", whole));
    }

    @Override
    public void reduceScatter(Tensor whole, Tensor part, Division division, Leaves leaves) {
        Tensor to = flatPart("reduceScatter", part, whole, division);
        Operands.checkSum("reduceScatter", whole, leaves, this);
        copy(Operands.flat("reduceScatter", "the whole", whole), to);
    }

    private Tensor flatPart(String operation, Tensor part, Tensor whole, Division division) {
        Tensor flat = Operands.flat(operation, "the part", part);
        Operands.checkDivision(operation, flat, Operands.flat(operation, "the whole", whole), division, this);
        return flat;
    }

    private static void copy(Tensor from, Tensor to) {
        if (!from.overlaps(to)) {
            to.assign(from);
        }
    }

    @Override
    public void allReduce(Tensor tensor, Leaves leaves) {
        Operands.checkSum("allReduce", Operands.flat("allReduce", "the tensor", tensor), leaves, this);
    }

    @Override
    public void barrier() {
        // Nobody to wait for.
    }

    @Override
    public long bytesSent() {
        return 0;
    }

    @Override
    public void fail(String reason) {
        // Nobody to tell.
    }

    @Override
    public void close() {
        // Nothing is open.
    }
}
