package kept.text;

import java.io.IOException;

/** Thrown for invalid JSON. The message states position and problem and follows a file name. */
public final class JsonException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Line, from 1; 0 if there is no position. */
    private final int line;
    /** Column, from 1. */
    private final int column;
    private final String problem;

    JsonException(String problem, int line, int column, Throwable cause) {
        super(line > 0 ? "line %d, column %d: %s".formatted(line, column, problem) : problem, cause);
        this.line = line;
        this.column = column;
        this.problem = problem;
    }

    /**
     * The message without the line, for files with one value per line.
     *
     * @return the column and the problem
     */
    public String withinLine() {
        return line > 0 ? "column %d: %s".formatted(column, problem) : problem;
    }
}
