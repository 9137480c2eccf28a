package kept.mapping;

import java.util.List;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * A projection after an RMSNorm, corrected from one after a LayerNorm: {@code W' = W + W C}, so that {@code W' y = W (y + C y)}, where {@code y + C
 * y} is the linear estimate of the LayerNorm's output from the RMSNorm's. Sources: W {@code [out, hidden]}, and the norm's correction C {@code
 * [hidden, hidden]}, which calibration measured.
 */
public record Corrected() implements Transform {
    /**
     * The number of elements that are computed at a time: the head of 14B has 433 million, so computing its product at once would take another 1.7
     * GB.
     */
    private static final long PIECE = 1 << 25;

    @Override
    public String method() {
        return "calibrated";
    }

    @Override
    public Tensor apply(List<Tensor> sources, Shape shape) {
        Tensor weight = sources.getFirst();
        Tensor result = Tensor.empty(DType.F32, shape);
        long rows = shape.size(0);
        long pieces = Math.max(1, Math.ceilDiv(shape.elementCount(), PIECE));
        for (long piece = 0; piece < pieces; piece++) {
            long from = rows * piece / pieces;
            long to = rows * (piece + 1) / pieces;
            try (var _ = Scope.open()) {
                Tensor part = weight.slice(0, from, to);
                result.slice(0, from, to).assign(part.add(part.matmul(sources.get(1))));
            }
        }
        return result;
    }
}
