package kept.autograd.operation;

import java.util.function.IntPredicate;
import kept.autograd.Gradients;
import kept.autograd.Operation;
import kept.tensor.Tensor;

/** A product with a matrix whose backward pass can take a first operand that has been computed again, so that nothing keeps it. */
abstract class Product extends Operation {
    @Override
    protected abstract Tensor forward(Tensor... inputs);

    @Override
    protected abstract Tensor outline(Tensor... inputs);

    @Override
    protected abstract boolean roundsGradient(IntPredicate operandRounds);

    /** The backward pass with the first operand, for a caller that has freed the one that {@link #forward} read. */
    abstract void backward(Tensor gradient, Tensor x, Gradients gradients);
}
