package kept.tokenizer;

import kept.tensor.TensorException;

/** A tokenizer that cannot be found, read or used: the message names the file and what to do. */
public final class TokenizerException extends TensorException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message which file, what is wrong with it, and what to do
     */
    public TokenizerException(String message) {
        super(message);
    }

    /**
     * An error with its explanation and its cause.
     *
     * @param message which file, what is wrong with it, and what to do
     * @param cause what lies beneath
     */
    public TokenizerException(String message, Throwable cause) {
        super(message, cause);
    }

    /** What another library, or a file, says, without line breaks and what else a terminal might obey. */
    static String oneLine(String text) {
        return String.valueOf(text).replaceAll("[\\s\\p{Cntrl}\\p{Cf}]+", " ");
    }
}
