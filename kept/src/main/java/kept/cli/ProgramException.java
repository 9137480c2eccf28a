package kept.cli;

/** A program that cannot do what it was asked, told to the user in one line. */
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
