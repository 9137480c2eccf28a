package kept.autograd.operation;

import kept.autograd.Gradients;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The target of a kernel that accumulates an operand's gradient: the existing gradient if there is one, otherwise new zeros that are added
 * afterwards.
 */
final class GradientSum {
    private final Gradients gradients;
    private final int input;
    private final Tensor tensor;
    private final boolean fresh;

    private GradientSum(Gradients gradients, int input, Tensor tensor, boolean fresh) {
        this.gradients = gradients;
        this.input = input;
        this.tensor = tensor;
        this.fresh = fresh;
    }

    /** For an operand's shape and the type of the gradients that the kernel adds. */
    static GradientSum of(Gradients gradients, int input, Shape shape, DType type) {
        if (!gradients.isNeeded(input)) {
            return new GradientSum(gradients, input, null, false);
        }
        Tensor present = gradients.accumulator(input);
        return present != null && present.dtype() == type
                ? new GradientSum(gradients, input, present, false)
                : new GradientSum(gradients, input, Tensor.full(0, type, shape), true);
    }

    /** The contiguous tensor to accumulate in, or null if the gradient is not needed. */
    Tensor tensor() {
        return tensor;
    }

    void deliver() {
        if (fresh) {
            gradients.add(input, tensor);
        }
    }
}
