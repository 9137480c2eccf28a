package kept.distributed;

import java.util.Arrays;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.DeviceException;
import kept.tensor.DTypeException;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/** The checks of a communicator's arguments, the same for every communicator. */
final class Operands {
    private Operands() {}

    /** The elements of a contiguous tensor as a view with one axis, which is not recorded. */
    static Tensor flat(String operation, String name, Tensor tensor) {
        Arguments.present(operation, name, tensor);
        if (!tensor.isContiguous()) {
            throw new ShapeException("[%s] %s must be contiguous, not %s with strides %s; copy it first"
                    .formatted(operation, name, tensor.shape(), Arrays.toString(tensor.strides())));
        }
        return run(tensor, 0, tensor.elementCount());
    }

    /** A run of the elements of a contiguous tensor. */
    static Tensor run(Tensor tensor, long begin, long end) {
        return TensorMemory.view(tensor, Shape.of(end - begin), new long[] {1}, tensor.offset() + begin);
    }

    /** The elements of a tensor that are one rank's part. */
    static Tensor part(Tensor whole, Division division, int rank) {
        return run(whole, division.begin(rank), division.end(rank));
    }

    static void checkPeer(String operation, int peer, Communicator ranks) {
        if (peer == ranks.rank()) {
            throw new TensorException("[%s] rank %d cannot exchange messages with itself".formatted(operation, peer));
        }
        checkRank(operation, peer, ranks);
    }

    static void checkRank(String operation, int rank, Communicator ranks) {
        if (rank < 0 || rank >= ranks.size()) {
            throw new TensorException("[%s] there is no rank %d, only 0 to %d".formatted(operation, rank, ranks.size() - 1));
        }
    }

    static void checkDivision(String operation, Tensor part, Tensor whole, Division division, Communicator ranks) {
        Arguments.present(operation, "the division", division);
        if (division.ranks() != ranks.size()) {
            throw new TensorException("[%s] the division is for %d ranks, not %d".formatted(operation, division.ranks(), ranks.size()));
        }
        if (part.elementCount() != division.size(ranks.rank())) {
            throw new ShapeException("[%s] the part of rank %d has %d elements, not %d"
                    .formatted(operation, ranks.rank(), division.size(ranks.rank()), part.elementCount()));
        }
        if (whole == null) {
            return;
        }
        if (whole.elementCount() != division.elements()) {
            throw new ShapeException("[%s] the whole has %d elements, not the %d of the division"
                    .formatted(operation, whole.elementCount(), division.elements()));
        }
        if (part.dtype() != whole.dtype()) {
            throw new DTypeException("[%s] the part is %s, the whole %s; both must have one dtype"
                    .formatted(operation, part.dtype().label(), whole.dtype().label()));
        }
        if (part.device() != whole.device()) {
            throw new DeviceException("[%s] the part lives on %s, the whole on %s; both must be on one device"
                    .formatted(operation, part.device(), whole.device()));
        }
    }

    static void checkSum(String operation, Tensor tensor, Leaves leaves, Communicator ranks) {
        Arguments.present(operation, "the division of leaves", leaves);
        if (leaves.ranks() != ranks.size()) {
            throw new TensorException("[%s] the leaves are divided over %d ranks, not %d".formatted(operation, leaves.ranks(), ranks.size()));
        }
        if (tensor.dtype() == DType.BOOL) {
            throw new DTypeException("[%s] bool has no sum; cast the tensor to i32 first".formatted(operation));
        }
    }
}
