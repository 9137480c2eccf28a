package kept.cuda.library;

import kept.tensor.TensorException;

/** A shared library that is not on this machine or cannot be loaded: the message says where it was looked for, and has the linker's own words. */
public final class MissingLibraryException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message which library, where it was looked for, what the linker said, and what to do about it
     */
    public MissingLibraryException(String message) {
        super(message);
    }
}
