package kept.autograd;

import kept.tensor.Tensor;

/**
 * One application of a differentiable operation: what it computes and how a gradient passes back through it. An instance serves one application and
 * may keep in its fields what {@link #backward} needs.
 */
public abstract class Operation {
    /** For subclasses. */
    protected Operation() {}

    /**
     * The name that error messages start with: what users call the operation by.
     *
     * @return by default the class's own name, its first letter in lower case
     */
    protected String name() {
        String simple = getClass().getSimpleName();
        return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
    }

    /**
     * Keeps an operand, or the result once it is computed, for the backward pass, which is refused if the elements are overwritten before it. What
     * nobody else can reach, such as a converted copy, needs no such guard.
     *
     * @param role what it is, for an error message: "its operand a", "its result"
     * @param tensor the tensor
     * @return the tensor with the state its memory is in
     */
    protected final SavedTensor saved(String role, Tensor tensor) {
        return new SavedTensor(name(), role, tensor);
    }

    /**
     * Checks the operands and computes the result; nothing done here is recorded.
     *
     * @param inputs the operands
     * @return the result, new or a view of an operand
     */
    protected abstract Tensor forward(Tensor... inputs);

    /**
     * Passes the result's gradient back to the operands; nothing done here is recorded, and what it makes is freed unless it is handed to the sink.
     *
     * @param gradient of the result's shape, F32; not to be changed unless the sink says that this operation {@linkplain Gradients#owns owns} it
     * @param gradients takes the operands' gradients; those not {@linkplain Gradients#wanted wanted} need not be computed
     */
    protected abstract void backward(Tensor gradient, Gradients gradients);
}
