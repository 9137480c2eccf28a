package kept.bench;

import java.util.Locale;

/** Which half of a differentiable operation is measured. */
public enum Pass {
    /** The result from the operands. */
    FORWARD,
    /** The gradients of the operands from the gradient of the result, with what the forward pass saved. */
    BACKWARD;

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
