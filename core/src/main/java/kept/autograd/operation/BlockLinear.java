package kept.autograd.operation;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.backend.BlockMatrix;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.Arguments;

/** Linear maps whose weights are matrices in blocks. They have no gradient. */
public final class BlockLinear {
    private static final String OPERATION = "linear";

    private BlockLinear() {}

    /**
     * The products of x with several transposed matrices, in one kernel where the device has one.
     *
     * @param x {@code [..., in]}, any floating dtype but F64
     * @param weights for each product {@code [out, in]}
     * @return for each {@code [..., out]}, of x's dtype
     * @throws ShapeException if a weight has another number of columns
     * @throws DTypeException if x is of another dtype
     * @throws TensorException if x needs a gradient and operations are being recorded
     */
    public static List<Tensor> applyToEach(Tensor x, List<BlockMatrix> weights) {
        Arguments.usable(OPERATION, x);
        Operands.checkFloating(OPERATION, x);
        if (x.dtype() == DType.F64) {
            throw new DTypeException("[linear] a weight in blocks takes f32, bf16 or f16, not f64: cast x to f32");
        }
        if (Autograd.isRecording() && x.requiresGradient()) {
            throw new TensorException("[linear] a weight in blocks has no gradient; use Autograd.withoutRecording, or stored weights");
        }
        for (BlockMatrix weight : Arguments.present(OPERATION, "the list of weights", weights)) {
            Shape shape = Arguments.present(OPERATION, "a weight", weight).shape();
            if (x.rank() == 0 || shape.size(1) != x.size(-1)) {
                throw new ShapeException("[linear] inner dimensions differ: %s x %s transposed".formatted(x.shape(), shape));
            }
        }
        List<Tensor> results = new ArrayList<>();
        List<Tensor> outs = new ArrayList<>();
        for (BlockMatrix weight : weights) {
            results.add(Tensor.empty(x.dtype(), x.shape().with(-1, weight.shape().size(0))));
            outs.add(Operands.viewed(results.getLast(), rowsShape(results.getLast())));
        }
        try (var _ = Scope.open(x.device())) {
            x.backend().blockLinearOfEach(Operands.reshaped(x.detach(), rowsShape(x)), weights, outs);
        }
        return results;
    }

    private static Shape rowsShape(Tensor x) {
        long rows = 1;
        for (int axis = 0; axis < x.rank() - 1; axis++) {
            rows *= x.size(axis);
        }
        return Shape.of(rows, x.size(-1));
    }
}
