package kept.cuda.library;

import kept.tensor.TensorException;

/** Thrown when a shared library is missing or cannot be loaded. The message lists the searched places and the dynamic linker's message. */
public final class MissingLibraryException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates an exception.
     *
     * @param message message with the library, the searched places, the linker's message and the remedy
     */
    public MissingLibraryException(String message) {
        super(message);
    }
}
