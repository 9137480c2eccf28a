package kept;

/** A program that cannot do what it was asked, told to the user in one line. */
final class ProgramException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ProgramException(String message) {
        super(message);
    }

    ProgramException(String message, Throwable cause) {
        super(message, cause);
    }
}
