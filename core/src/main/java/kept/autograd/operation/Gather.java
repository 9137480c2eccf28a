package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.autograd.SavedTensor;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Selects elements by index along one axis; each element's gradient is the sum over its occurrences. */
public final class Gather extends Operation {
    private final int axis;
    private int along;
    private Shape before;
    private SavedTensor indices;

    /**
     * Creates the operation, for a source and an index.
     *
     * @param axis the axis; negative counts from the last
     */
    public Gather(int axis) {
        this.axis = axis;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        before = inputs[0].shape();
        Tensor index = inputs[1];
        indices = saved("its index", index);
        along = Arguments.axis(name(), before, axis);
        Operands.checkIndex(name(), index);
        checkOtherAxes(name(), index.shape(), before, along);
        Tensor out = Tensor.empty(inputs[0].dtype(), index.shape());
        out.backend().gather(inputs[0], along, index, out);
        return out;
    }

    /** Checks that an index has the indexed tensor's rank and is no larger along other axes. */
    static void checkOtherAxes(String operation, Shape index, Shape indexed, int along) {
        boolean fits = index.rank() == indexed.rank();
        for (int i = 0; fits && i < index.rank(); i++) {
            fits = i == along || index.size(i) <= indexed.size(i);
        }
        if (!fits) {
            throw new ShapeException("[%s] index %s does not fit %s along the axes other than %d".formatted(operation, index, indexed, along));
        }
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        GradientSum sum = GradientSum.of(gradients, 0, before, gradient.dtype());
        gradient.backend().scatterAdd(gradient, along, indices.value(), sum.tensor());
        sum.deliver();
    }
}
