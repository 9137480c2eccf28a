package kept.autograd;

import kept.tensor.Tensor;

/**
 * One application of a differentiable operation, with its forward and backward. An instance is used once and may keep in its fields whatever
 * {@link #backward} needs.
 */
public abstract class Operation {
    /** For subclasses. */
    protected Operation() {}

    /**
     * The operation's name for users, with which error messages start.
     *
     * @return by default the class's own name, its first letter in lower case
     */
    protected String name() {
        String simple = getClass().getSimpleName();
        return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
    }

    /**
     * Saves an operand or the result for the backward pass, which throws if the tensor has been overwritten in between. A tensor that no one else can
     * reach, such as a converted copy, needs no such check.
     *
     * @param role the tensor's role, for error messages: "its operand a", "its result"
     * @param tensor the tensor
     * @return the tensor with the current version of its memory
     */
    protected final SavedTensor saved(String role, Tensor tensor) {
        return new SavedTensor(name(), role, tensor);
    }

    /**
     * Checks the operands and computes the result. Operations called here are not recorded.
     *
     * @param inputs the operands
     * @return the result, new or a view of an operand
     */
    protected abstract Tensor forward(Tensor... inputs);

    /**
     * Computes the operands' gradients from the result's gradient. Operations called here are not recorded, and new tensors are freed unless they are
     * added to {@code gradients}.
     *
     * @param gradient the gradient of the result, F32, or F64 for a result in F64; not to be overwritten unless this operation
     *     {@linkplain Gradients#owns owns} it
     * @param gradients receives the operands' gradients; those that are not {@linkplain Gradients#isNeeded needed} can be left out
     */
    protected abstract void backward(Tensor gradient, Gradients gradients);
}
