package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.backend.Reduction;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** The sum over some axes, I64 for integers; the gradient is broadcast to the elements. */
public final class Sum extends Operation {
    private final boolean keepDimensions;
    private final int[] axes;
    private ReducedAxes reduced;

    /**
     * Creates the operation.
     *
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     */
    public Sum(boolean keepDimensions, int... axes) {
        this.keepDimensions = keepDimensions;
        this.axes = Arguments.present("sum", "the list of axes", axes).clone();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        reduced = ReducedAxes.of(x.shape(), name(), axes);
        Tensor out = Tensor.empty(x.dtype().ofSums(), reduced.keptShape());
        out.backend().reduce(Reduction.SUM, reduced.innermost(x), out);
        return Operands.reshaped(out, reduced.resultShape(keepDimensions));
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, reduced.stretched(gradient));
    }
}
