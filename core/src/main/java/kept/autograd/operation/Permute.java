package kept.autograd.operation;

import java.util.Arrays;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.internal.Arguments;

/** A view with permuted axes; the gradient is permuted back. */
public final class Permute extends Operation {
    private final int[] axes;

    /**
     * Creates the operation.
     *
     * @param axes for each axis of the result, the operand's axis; negative ones count from the last
     */
    public Permute(int... axes) {
        this.axes = Arguments.present("permute", "the order of axes", axes).clone();
    }

    @Override
    protected Tensor forward(Tensor... inputs) {
        Tensor x = inputs[0];
        boolean[] seen = new boolean[x.rank()];
        boolean valid = axes.length == x.rank();
        for (int i = 0; valid && i < axes.length; i++) {
            axes[i] = Arguments.axis(name(), x.shape(), axes[i]);
            valid = !seen[axes[i]];
            seen[axes[i]] = true;
        }
        if (!valid) {
            throw new ShapeException("[permute] %s is not a permutation of the %d axes of %s".formatted(Arrays.toString(axes), x.rank(), x.shape()));
        }
        return Operands.permuted(x, axes);
    }

    @Override
    protected void backward(Tensor gradient, Gradients gradients) {
        int[] inverse = new int[axes.length];
        for (int i = 0; i < axes.length; i++) {
            inverse[axes[i]] = i;
        }
        gradients.add(0, Operands.permuted(gradient, inverse));
    }
}
