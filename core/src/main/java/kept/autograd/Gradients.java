package kept.autograd;

import kept.tensor.DType;
import kept.tensor.Tensor;

/** Takes the gradients of an operation's operands during its backward. */
public interface Gradients {
    /**
     * Whether an operand's gradient is needed.
     *
     * @param input the operand's index
     * @return false if the operation need not compute it
     */
    boolean isNeeded(int input);

    /**
     * Whether the operation owns a gradient and may overwrite it, for example to compute an operand's gradient in place and {@link #add} it.
     *
     * @param gradient the incoming gradient, or a tensor that this backward created
     * @return true if it is dense and nothing else needs its elements
     */
    boolean owns(Tensor gradient);

    /**
     * The dtype in which an operand's gradient is stored; a product computed in this dtype needs no conversion.
     *
     * @param input the operand's index
     * @return F32, or F64 for an operand in F64; for a leaf without a gradient so far its {@linkplain Tensor#gradientType() gradient dtype};
     *     BF16 where the operation that made the operand {@linkplain Operation#roundsGradient rounds} its gradient. Terms of an existing sum are not
     *     shorter, because they are rounded with the sum
     */
    DType type(int input);

    /**
     * Adds to an operand's gradient; does nothing if the gradient is not needed.
     *
     * @param input the operand's index
     * @param gradient F32 or F64, or of dtype {@link #type} with the operand's shape; a new tensor, the incoming gradient or a view of it. Its shape
     *     is the operand's or one that the operand was broadcast to; then it is summed over the broadcast axes
     */
    void add(int input, Tensor gradient);

    /**
     * The existing F32 or F64 gradient of an operand, if there is one, for adding in place: a leaf's gradient so far, or the sum of other uses of the
     * operand. It saves a matrix product a temporary tensor.
     *
     * @param input the operand's index; its gradient must be needed
     * @return a contiguous tensor of the operand's shape, or null: then pass a new tensor to {@link #add}
     */
    Tensor accumulator(int input);

    /**
     * The gradient that {@link Operation#backward} was given, rounded to BF16, if the operation that computed it has left it so.
     *
     * @return a tensor of the gradient's shape, not to be overwritten, or null
     */
    default Tensor rounded() {
        return null;
    }

    /**
     * Leaves an operand's gradient, rounded to BF16, for the operations that take the gradient. It is used as long as the gradient does not change.
     *
     * @param input the operand's index, for which this operation has used the {@link #accumulator}
     * @param rounded a new tensor of the operand's shape, BF16
     */
    default void leaveRounded(int input, Tensor rounded) {
        // A hint, which can be ignored.
    }
}
