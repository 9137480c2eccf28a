package kept.cuda;

import java.util.List;
import kept.backend.AttentionOperands;
import kept.backend.TensorMemory;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Causal grouped-query attention, forward and backward. For few queries over many keys, as in decoding, blocks share the keys. Of the rest,
 * tensor-core kernels take bf16 with head dimensions 64, 80, 96 and 128 where addresses and strides are multiples of 16 bytes; all other cases take
 * the generic kernels, which are several times slower.
 */
final class AttentionKernels {
    private final TensorCoreAttention tensorCores;
    private final GenericAttention generic;
    private final SplitAttention split;

    AttentionKernels(Gpu gpu) {
        tensorCores = new TensorCoreAttention(gpu);
        generic = new GenericAttention(gpu);
        split = new SplitAttention(gpu);
    }

    void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        if (operands.q().elementCount() > 0) {
            forEachPiece(operands.q().size(0), (from, to) -> forward(piece(operands, from, to), piece(out, from, to), piece(logSumExp, from, to)));
        }
    }

    private void forward(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        if (SplitAttention.fits(operands)) {
            split.forward(operands, out, logSumExp);
        } else if (tensorCores.fits(operands, out)) {
            tensorCores.forward(operands, out, logSumExp);
        } else {
            generic.forward(operands, out, logSumExp);
        }
    }

    /** Sequences with long caches share launches; each of the others has its own. */
    void attentionOfEach(List<AttentionOperands> each, Tensor out) {
        if (out.elementCount() == 0) {
            return;
        }
        for (int from = 0, to; from < each.size(); from = to) {
            to = from + 1;
            while (to < each.size() && to - from < SplitAttention.MAX_SEQUENCES && SplitAttention.fitTogether(each.get(from), each.get(to))) {
                to++;
            }
            List<AttentionOperands> some = each.subList(from, to);
            Tensor ofSome = piece(out, from, to);
            if (some.size() > 1) {
                split.forwardEach(some, ofSome);
            } else {
                try (var _ = Scope.open(out.device())) {
                    forward(some.getFirst(), ofSome, Tensor.empty(DType.F32, Shape.of(1, out.size(2), out.size(1))));
                }
            }
        }
    }

    void attentionGradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        if (operands.k().elementCount() > 0) {
            forEachPiece(operands.q().size(0), (from, to) -> backward(piece(operands, from, to), piece(out, from, to), piece(logSumExp, from, to),
                    piece(gradient, from, to), piece(dq, from, to), piece(dk, from, to), piece(dv, from, to)));
        }
    }

    private void backward(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        if (operands.q().elementCount() > 0 && tensorCores.fits(operands, gradient, out, dq, dk, dv)) {
            tensorCores.gradient(operands, out, logSumExp, gradient, dq, dk, dv);
        } else {
            generic.gradient(operands, out, logSumExp, gradient, dq, dk, dv);
        }
    }

    /** Takes a range of sequences. */
    private interface Piece {
        void take(long from, long to);
    }

    /** Divides a batch into pieces: a grid has the sequences along z, where it has fewer blocks than along x. */
    private static void forEachPiece(long batch, Piece piece) {
        for (long from = 0; from < batch; from += Gpu.MAX_BLOCKS_YZ) {
            piece.take(from, Math.min(from + Gpu.MAX_BLOCKS_YZ, batch));
        }
    }

    private static AttentionOperands piece(AttentionOperands operands, long from, long to) {
        return to - from == operands.q().size(0) ? operands : operands.map(operand -> piece(operand, from, to));
    }

    private static Tensor piece(Tensor tensor, long from, long to) {
        if (tensor == null || to - from == tensor.size(0)) {
            return tensor;
        }
        long[] shape = tensor.shape().toArray();
        shape[0] = to - from;
        return TensorMemory.view(tensor, Shape.of(shape), tensor.strides(), tensor.offset() + from * tensor.stride(0));
    }
}
