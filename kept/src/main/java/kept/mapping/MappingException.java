package kept.mapping;

import kept.tensor.TensorException;

/** Thrown when a mapping cannot be made or does not account for all tensors. */
public final class MappingException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what is wrong, and with which tensors
     */
    public MappingException(String message) {
        super(message);
    }
}
