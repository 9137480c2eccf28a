package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.backend.Reduction;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** The largest or smallest element over some axes; equal elements share the gradient equally. */
public final class Extremum extends Operation {
    private final Reduction reduction;
    private final boolean keepDimensions;
    private final int[] axes;
    private ReducedAxes reduced;
    private SavedTensor operand;
    private SavedTensor result;

    /**
     * Creates the operation.
     *
     * @param reduction maximum or minimum
     * @param keepDimensions whether reduced axes stay, with extent 1
     * @param axes the axes; negative ones count from the last, none means all
     */
    public Extremum(Reduction reduction, boolean keepDimensions, int... axes) {
        this.reduction = Arguments.present("reduction", "the kind", reduction);
        this.keepDimensions = keepDimensions;
        this.axes = Arguments.present(name(), "the list of axes", axes).clone();
    }

    @Override
    protected String name() {
        return reduction == Reduction.MAXIMUM ? "max" : "min";
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        reduced = ReducedAxes.of(x.shape(), name(), axes);
        if (reduced.count() == 0) {
            throw new ShapeException("[%s] no elements along the reduced axes of %s".formatted(name(), x.shape()));
        }
        Tensor extreme = Tensor.empty(x.dtype(), reduced.keptShape());
        extreme.backend().reduce(reduction, reduced.innermost(x), extreme);
        operand = saved("its operand", x);
        result = saved("its result", extreme);
        return Operands.reshaped(extreme, reduced.resultShape(keepDimensions));
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        Tensor isExtreme = operand.value().eq(reduced.stretched(result.value())).cast(gradient.dtype());
        Tensor share = reduced.stretched(gradient).div(isExtreme.sum(true, reduced.reduced()));
        gradients.add(0, isExtreme.mul(share));
    }
}
