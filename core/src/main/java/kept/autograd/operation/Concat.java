package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** Concatenates tensors along one axis; the gradient is split accordingly. */
public final class Concat extends Operation {
    private final int axis;
    private int along;
    private Tensor[] parts;

    /**
     * Creates the operation, for one or more tensors.
     *
     * @param axis the axis; negative counts from the last
     */
    public Concat(int axis) {
        this.axis = axis;
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        if (inputs.length == 0) {
            throw new ShapeException("[concat] needs at least one tensor");
        }
        parts = inputs;
        Shape first = inputs[0].shape();
        along = Arguments.axis(name(), first, axis);
        DType dtype = inputs[0].dtype();
        long extent = 0;
        for (Tensor part : inputs) {
            if (part.rank() != first.rank() || !part.shape().with(along, first.size(along)).equals(first)) {
                throw new ShapeException("[concat] %s and %s differ along other axes than %d".formatted(first, part.shape(), along));
            }
            dtype = Arguments.promote(name(), dtype, part.dtype());
            extent += part.size(along);
        }
        Tensor out = Tensor.empty(dtype, first.with(along, extent));
        long from = 0;
        for (Tensor part : inputs) {
            out.backend().copy(part, Operands.sliced(out, along, from, part.size(along), 1));
            from += part.size(along);
        }
        return out;
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        long from = 0;
        for (int i = 0; i < parts.length; i++) {
            gradients.add(i, Operands.sliced(gradient, along, from, parts[i].size(along), 1));
            from += parts[i].size(along);
        }
    }
}
