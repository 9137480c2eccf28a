package kept.tensor;

import kept.autograd.Autograd;
import kept.autograd.Add;

/** Operations of a {@link Tensor} that treat each element by itself; two operands are broadcast to their common shape. */
public sealed interface Elementwise permits Tensor {
    /**
     * The tensor these operations work on.
     *
     * @return this, as a tensor
     */
    Tensor self();

    /**
     * The sum {@code this + other}.
     *
     * @param other a tensor that broadcasts with this one
     * @return a tensor of the common shape
     * @throws ShapeException if the shapes do not broadcast
     */
    default Tensor add(Tensor other) {
        return Autograd.apply(new Add(), self(), other);
    }
}
