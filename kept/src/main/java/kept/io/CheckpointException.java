package kept.io;

import java.nio.file.Path;
import java.util.Objects;
import kept.tensor.TensorException;
import kept.text.VisibleText;

/**
 * A model file that cannot be read or written.
 *
 * <p>The message is one line: {@code [operation] file: tensor 'name' at byte offset: what is wrong}. Names come from files, so control characters in
 * them are shown escaped and overlong names are cut.
 */
public class CheckpointException extends TensorException {
    private static final long serialVersionUID = 1L;
    private static final int LONGEST_NAME = 200;

    private final transient Path file;
    /** What is wrong, and what to do about it. */
    private final String problem;
    /** The tensor at fault, or null. */
    private final String tensor;
    /** Bytes from the start of the file, or -1. */
    private final long offset;

    /**
     * An error in a file as a whole.
     *
     * @param operation what was being done, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param problem what is wrong, and what to do about it
     */
    public CheckpointException(String operation, Path file, String problem) {
        this(operation, file, null, -1, problem, null);
    }

    /**
     * An error in a file as a whole, with an underlying cause.
     *
     * @param operation what was being done, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param problem what is wrong, and what to do about it
     * @param cause what lies beneath, or null
     */
    public CheckpointException(String operation, Path file, String problem, Throwable cause) {
        this(operation, file, null, -1, problem, cause);
    }

    /**
     * An error at a place in a file.
     *
     * @param operation what was being done, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param tensor the tensor at fault, or null
     * @param offset the place in bytes from the start of the file, or -1
     * @param problem what is wrong, and what to do about it
     */
    public CheckpointException(String operation, Path file, String tensor, long offset, String problem) {
        this(operation, file, tensor, offset, problem, null);
    }

    /**
     * An error at a place in a file, with an underlying cause.
     *
     * @param operation what was being done, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param tensor the tensor at fault, or null
     * @param offset the place in bytes from the start of the file, or -1
     * @param problem what is wrong, and what to do about it
     * @param cause what lies beneath, or null
     */
    public CheckpointException(String operation, Path file, String tensor, long offset, String problem, Throwable cause) {
        super(message(operation, file, tensor, offset, problem), cause);
        this.file = Objects.requireNonNull(file, "file");
        this.problem = problem;
        this.tensor = tensor;
        this.offset = offset;
    }

    /**
     * The file or directory at fault.
     *
     * @return its path; null only in an exception that was serialised
     */
    public Path file() {
        return file;
    }

    /**
     * The tensor at fault.
     *
     * @return its name, or null where no single tensor is
     */
    public String tensor() {
        return tensor;
    }

    /**
     * Where in the file the error is.
     *
     * @return bytes from the start of the file, or -1 where there is no such place
     */
    public long offset() {
        return offset;
    }

    /**
     * What is wrong, without the place.
     *
     * @return the last part of the message, as it was given
     */
    public String problem() {
        return problem;
    }

    private static String message(String operation, Path file, String tensor, long offset, String problem) {
        var line = new StringBuilder("[").append(operation).append("] ").append(file).append(": ");
        if (tensor != null) {
            line.append("tensor '").append(shorten(tensor)).append('\'').append(offset >= 0 ? " " : ": ");
        }
        if (offset >= 0) {
            line.append("at byte ").append(offset).append(": ");
        }
        return VisibleText.onTerminal(line.append(problem).toString()).replace("\n", "\\u000a").replace("\t", "\\u0009");
    }

    /**
     * Cuts a name from a file to a length that still fits a line.
     *
     * @param name the name
     * @return its beginning, or all of it
     */
    public static String shorten(String name) {
        return name.length() <= LONGEST_NAME ? name : name.substring(0, LONGEST_NAME) + "...";
    }
}
