package kept.training;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import kept.distributed.Communicator;
import kept.distributed.Division;
import kept.distributed.PairwiseCommunicator;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Ranks whose engine adds tensors of some types, from the last rank to the first. */
final class EngineRanks extends PairwiseCommunicator {
    private final Communicator ranks;
    private final DType[] types;
    private int sums;

    EngineRanks(Communicator ranks, DType... types) {
        this.ranks = ranks;
        this.types = types;
    }

    /** How often the engine has added. */
    int sums() {
        return sums;
    }

    @Override
    public Optional<String> summingEngine(DType dtype, Device device) {
        return List.of(types).contains(dtype) ? Optional.of("the engine") : Optional.empty();
    }

    @Override
    protected void sumAll(Tensor tensor) {
        sums++;
        try (var _ = Scope.open(tensor.device())) {
            tensor.assign(sum(tensor));
        }
    }

    @Override
    protected void scatterSum(Tensor whole, Tensor part, Division division) {
        sums++;
        try (var _ = Scope.open(whole.device())) {
            part.assign(sum(whole).slice(0, division.begin(rank()), division.end(rank())));
        }
    }

    private Tensor sum(Tensor own) {
        Tensor all = Tensor.empty(own.dtype(), Shape.of(size() * own.elementCount()));
        ranks.allGather(own, all);
        Tensor sum = null;
        for (long rank = size() - 1L; rank >= 0; rank--) {
            Tensor term = all.slice(0, rank * own.elementCount(), (rank + 1) * own.elementCount());
            sum = sum == null ? term : sum.add(term);
        }
        return sum;
    }

    @Override
    protected void transfer(Tensor sent, Tensor received, int peer) {
        ranks.exchange(sent, received, peer);
    }

    @Override
    public int rank() {
        return ranks.rank();
    }

    @Override
    public int size() {
        return ranks.size();
    }

    @Override
    public int localRank() {
        return ranks.localRank();
    }

    @Override
    public int localSize() {
        return ranks.localSize();
    }

    @Override
    public Pending begin(Device device, Consumer<Communicator> calls) {
        return ranks.begin(device, calls);
    }

    @Override
    public void fail(String reason) {
        ranks.fail(reason);
    }

    @Override
    public void close() {
        ranks.close();
    }
}
