package kept.autograd.operation;

import java.util.Arrays;
import java.util.function.IntPredicate;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** The same elements in row-major order in another shape: a view if the strides allow it, otherwise a copy. */
public final class Reshape extends Operation {
    private final long[] dimensions;
    private Shape before;

    /**
     * Creates the operation.
     *
     * @param dimensions the new extents; at most one may be -1 and is inferred
     */
    public Reshape(long... dimensions) {
        this.dimensions = Arguments.present("reshape", "the shape", dimensions).clone();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        before = inputs[0].shape();
        return Operands.reshaped(inputs[0], resolved(before));
    }

    private Shape resolved(Shape from) {
        int open = -1;
        long known = 1;
        for (int i = 0; i < dimensions.length; i++) {
            if (dimensions[i] < -1) {
                throw new ShapeException("[reshape] negative extent in " + Arrays.toString(dimensions));
            } else if (dimensions[i] != -1) {
                known *= dimensions[i];
            } else if (open < 0) {
                open = i;
            } else {
                throw new ShapeException("[reshape] only one extent may be -1: " + Arrays.toString(dimensions));
            }
        }
        long[] result = dimensions.clone();
        if (open >= 0 && known > 0 && from.elementCount() % known == 0) {
            result[open] = from.elementCount() / known;
            known = from.elementCount();
        }
        if (known != from.elementCount() || open >= 0 && result[open] < 0) {
            throw new ShapeException("[reshape] %s has %d elements, which do not fill %s"
                    .formatted(from, from.elementCount(), Arrays.toString(dimensions)));
        }
        return Shape.of(result);
    }

    @Override
    protected boolean roundsGradient(IntPredicate operandRounds) {
        return operandRounds.test(0);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        gradients.add(0, Operands.reshaped(gradient, before));
    }
}
