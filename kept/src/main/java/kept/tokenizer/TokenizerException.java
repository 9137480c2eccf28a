package kept.tokenizer;

import kept.tensor.TensorException;

/** Thrown if a tokenizer cannot be found, read or used. The message names the file and says what to do. */
public final class TokenizerException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates an error.
     *
     * @param message the file, the problem, and what to do
     */
    public TokenizerException(String message) {
        super(message);
    }

    /**
     * Creates an error with a cause.
     *
     * @param message the file, the problem, and what to do
     * @param cause what lies beneath
     */
    public TokenizerException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Cleans up a message from another library or a file: no line breaks or control characters. */
    static String oneLine(String text) {
        return String.valueOf(text).replaceAll("[\\s\\p{Cntrl}\\p{Cf}]+", " ");
    }
}
