package kept.template;

/** A template is wrong, asks for what is not supported, goes beyond a limit, or raises an error itself. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The line in the template, from 1; 0 where it is not known. */
    private final int line;
    /** Whether the template's author raised it. */
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
     * Where it happened.
     *
     * @return the line in the template, from 1; 0 where it is not known
     */
    public int line() {
        return line;
    }

    /**
     * Whether the message is the template author's own, by {@code raise_exception}.
     *
     * @return whether it is
     */
    public boolean raised() {
        return raised;
    }

    /** The same at a line, unless it has one. */
    TemplateException at(int place) {
        if (line > 0) {
            return this;
        }
        var placed = new TemplateException(getMessage(), place, raised);
        placed.setStackTrace(getStackTrace());
        return placed;
    }

    /** What Python can do and this interpreter cannot. */
    static TemplateException unsupported(String what) {
        return new TemplateException(what + " is not supported");
    }
}
