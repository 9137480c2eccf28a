package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.TensorMemory;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** {@code y = log sum e^x} over some axes; {@code dx = gradient * e^(x - y)}. */
public final class LogSumExp extends Operation {
    private final boolean keepDimensions;
    private final int[] axes;
    private ReducedAxes reduced;
    private SavedTensor operand;
    /** The result in x's arithmetic. */
    private SavedTensor result;

    /**
     * Creates the operation.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     */
    public LogSumExp(boolean keepDimensions, int... axes) {
        this.keepDimensions = keepDimensions;
        this.axes = Arguments.present("logSumExp", "the list of axes", axes).clone();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        Operands.checkFloating(name(), x);
        reduced = ReducedAxes.of(x.shape(), name(), axes);
        if (reduced.count() == 0) {
            throw new ShapeException("[logSumExp] no elements along the reduced axes of " + x.shape());
        }
        Shape kept = reduced.keptShape();
        Tensor exact = Tensor.empty(x.dtype().arithmetic(), kept);
        try (var _ = Scope.open()) {
            Tensor rows = Operands.rows(Operands.reshaped(reduced.innermost(x), Shape.of(kept.elementCount(), reduced.count())));
            exact.backend().logSumExp(rows, TensorMemory.view(exact, Shape.of(kept.elementCount()), new long[] {1}, 0));
        }
        operand = saved("its operand", x);
        result = saved("its result", exact);
        return Operands.reshaped(Operands.as(x.dtype(), exact), reduced.resultShape(keepDimensions));
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, reduced.stretched(gradient).mul(operand.value().cast(gradient.dtype()).sub(reduced.stretched(result.value())).exp()));
    }
}
