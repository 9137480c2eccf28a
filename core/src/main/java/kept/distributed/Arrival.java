package kept.distributed;

import java.util.List;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.internal.TensorInternals;

/** Divided tensors on their way to every rank, while the ranks compute. */
final class Arrival {
    private final List<DividedTensor> tensors;
    private final boolean isInPlace;
    private final Communicator ranks;
    /** Owns the memory until the tensors get it. */
    private final Scope scope;
    private List<Tensor> wholes;
    private Communicator.Pending calls;

    /**
     * Begins to gather tensors.
     *
     * @param tensors what is gathered, by all ranks
     * @param isInPlace whether the wholes have memory, with the parts in it
     * @param ranks this rank and the others
     * @param device where the tensors live
     */
    Arrival(List<DividedTensor> tensors, boolean isInPlace, Communicator ranks, Device device) {
        this.tensors = tensors;
        this.isInPlace = isInPlace;
        this.ranks = ranks;
        scope = Scope.detached(device);
        try {
            wholes = scope.run(() -> tensors.stream().map(this::place).toList());
            calls = ranks.begin(device, this::gather);
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    /** Memory for a whole, with this rank's part. */
    private Tensor place(DividedTensor tensor) {
        if (isInPlace) {
            return tensor.whole().detach();
        }
        Tensor whole = Tensor.empty(tensor.whole().dtype(), tensor.whole().shape());
        part(whole, tensor).assign(Operands.flat("divided tensors", "the part", tensor.part()));
        return whole;
    }

    private Tensor part(Tensor whole, DividedTensor tensor) {
        return Operands.part(Operands.flat("divided tensors", "the whole", whole), tensor.division(), ranks.rank());
    }

    private void gather(Communicator beside) {
        for (int i = 0; i < wholes.size(); i++) {
            beside.allGather(part(wholes.get(i), tensors.get(i)), wholes.get(i), tensors.get(i).division());
        }
    }

    /** Waits until all is here, and gives the memory to the tensors. */
    void take() {
        try (Scope _ = scope) {
            calls.await();
            for (int i = 0; i < wholes.size() && !isInPlace; i++) {
                TensorInternals.lend(tensors.get(i).whole(), wholes.get(i));
            }
        }
    }

    /** Waits until all is here, and frees the memory. */
    void drop() {
        try (Scope _ = scope) {
            calls.await();
        }
    }
}
