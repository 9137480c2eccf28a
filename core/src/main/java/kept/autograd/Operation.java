package kept.autograd;

import java.util.function.IntPredicate;
import kept.tensor.Tensor;

/**
 * One application of a differentiable operation, with its forward and backward. An instance is used once and may keep in its fields whatever
 * {@link #backward} needs.
 */
public abstract class Operation {
    private static final ClassValue<String> NAMES = new ClassValue<>() {
        @Override
        protected String computeValue(Class<?> type) {
            String simple = type.getSimpleName();
            return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
        }
    };

    /** For subclasses. */
    protected Operation() {}

    /**
     * The operation's name for users, with which error messages start.
     *
     * @return by default the class's own name, its first letter in lower case
     */
    protected String name() {
        return NAMES.get(getClass());
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
     * As {@link #forward}, without computing the elements of the result, which nothing reads.
     *
     * @param inputs the operands
     * @return a new tensor of the result's shape and dtype whose elements are arbitrary, or null if the operation has no such form
     */
    protected Tensor outline(Tensor... inputs) {
        return null;
    }

    /**
     * Whether {@link #backward} reads elements of operands.
     *
     * @return by default true
     */
    protected boolean readsOperands() {
        return true;
    }

    /**
     * Computes the operands' gradients from the result's gradient. Operations called here are not recorded, and new tensors are freed unless they are
     * added to {@code gradients}.
     *
     * @param gradient the gradient of the result, F32, or F64 for a result in F64; also BF16 if this operation
     *     {@linkplain #roundsGradient rounds} it. Not to be overwritten unless this operation {@linkplain Gradients#owns owns} it
     * @param gradients receives the operands' gradients; those that are not {@linkplain Gradients#isNeeded needed} can be left out
     */
    protected abstract void backward(Tensor gradient, Gradients gradients);

    /**
     * Whether {@link #backward} does nothing with a gradient but round it to BF16, or pass it on to an operation that does so. On a device whose
     * matrix products round F32 beside BF16, the gradient of a result in BF16 may then arrive in BF16: it is rounded where it is computed, and no
     * kernel converts it.
     *
     * @param operandRounds whether the operation that made an operand, given by its index, rounds the operand's gradient
     * @return by default false: the gradient is F32, or F64
     */
    protected boolean roundsGradient(IntPredicate operandRounds) {
        return false;
    }
}
