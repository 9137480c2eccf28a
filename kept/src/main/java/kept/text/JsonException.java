package kept.text;

import java.io.IOException;

/** Text that is no JSON, or JSON that is not taken: the message says where and what, in words that follow the name of the file. */
public final class JsonException extends IOException {
    private static final long serialVersionUID = 1L;

    /** The line, from 1; 0 where there is no place. */
    private final int line;
    /** The column in the line, from 1. */
    private final int column;
    private final String problem;

    JsonException(String problem, int line, int column, Throwable cause) {
        super(line > 0 ? "line %d, column %d: %s".formatted(line, column, problem) : problem, cause);
        this.line = line;
        this.column = column;
        this.problem = problem;
    }

    /**
     * The message for a text whose line is known otherwise, as in files with one value a line.
     *
     * @return the column and what is wrong there
     */
    public String withinLine() {
        return line > 0 ? "column %d: %s".formatted(column, problem) : problem;
    }
}
