package kept.autograd;

import kept.tensor.DType;
import kept.tensor.Tensor;

/** Where an operation's backward hands the gradients of its operands to. */
public interface Gradients {
    /**
     * Whether an operand's gradient is of any use.
     *
     * @param input the operand's index
     * @return false if it can be left out
     */
    boolean wanted(int input);

    /**
     * Whether a gradient belongs to this backward alone: it may then be overwritten, and be handed to {@link #add} as what it has become.
     *
     * @param gradient the incoming gradient, or what this backward has made
     * @return true if nothing else needs its elements, and they lie densely
     */
    boolean owns(Tensor gradient);

    /**
     * The type that an operand's gradient becomes; a product that is made in it needs no conversion.
     *
     * @param input the operand's index
     * @return F32, or for a leaf without a gradient so far {@linkplain Tensor#gradientType() its own}: what is added to a sum is rounded with it, not
     *     before
     */
    DType type(int input);

    /**
     * Adds to an operand's gradient; does nothing if it is not wanted.
     *
     * @param input the operand's index
     * @param gradient F32, or of the {@link #type} and the operand's shape; a new tensor, or the incoming gradient or a view of it; of the
     *         operand's shape, or of one that the operand was broadcast to: then it is summed over the axes that were stretched
     */
    void add(int input, Tensor gradient);

    /**
     * A tensor to add an operand's gradient to in place, where there is one of F32 already: a leaf's gradient so far, or what other uses of the
     * operand have given. Spares a matrix product its temporary.
     *
     * @param input the operand's index, wanted
     * @return a contiguous F32 tensor of the operand's shape, or null: then hand a new tensor to {@link #add}
     */
    Tensor accumulator(int input);
}
