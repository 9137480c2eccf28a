package kept.bench;

import java.util.Locale;

/** The measured pass of a differentiable operation. */
public enum Pass {
    /** Computes the result from the operands. */
    FORWARD,
    /** Computes the gradients of the operands from the gradient of the result and the tensors saved by the forward pass. */
    BACKWARD;

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
