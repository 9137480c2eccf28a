package kept.template;

/** Thrown if a template is invalid, uses an unsupported feature, exceeds a limit, or raises an error itself. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Line in the template, from 1; 0 if unknown. */
    private final int line;
    /** Whether the template itself raised the error. */
    private final boolean raised;

    TemplateException(String message) {
        this(message, 0, false);
    }

    TemplateException(String message, int line, boolean raised) {
        super(message);
        this.line = line;
        this.raised = raised;
    }

    /**
     * The location of the error.
     *
     * @return the line in the template, from 1; 0 if unknown
     */
    public int line() {
        return line;
    }

    /**
     * Whether the message was given to {@code raise_exception} by the template.
     *
     * @return whether it is
     */
    public boolean raised() {
        return raised;
    }

    /** Returns this error with a line number, unless it has one. */
    TemplateException at(int place) {
        if (line > 0) {
            return this;
        }
        var placed = new TemplateException(getMessage(), place, raised);
        placed.setStackTrace(getStackTrace());
        return placed;
    }

    /** A feature of Python that this interpreter does not support. */
    static TemplateException unsupported(String what) {
        return new TemplateException(what + " is not supported");
    }
}
