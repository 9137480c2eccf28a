package kept.cli;

/** A program cannot do what it was asked to; the message is one line for the user. */
public final class ProgramException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * An error with its explanation.
     *
     * @param message what is wrong, and what to do
     */
    public ProgramException(String message) {
        super(message);
    }

    /**
     * An error that another one caused.
     *
     * @param message what is wrong, and what to do
     * @param cause what happened
     */
    public ProgramException(String message, Throwable cause) {
        super(message, cause);
    }
}
