package kept.io;

import java.nio.file.Path;
import java.util.Objects;
import kept.tensor.TensorException;
import kept.text.VisibleText;

/**
 * Thrown when a file or directory cannot be read or written, or does not contain what it must.
 *
 * <p>The message is one line: {@code [operation] file: tensor 'name' at byte offset: problem}. Control characters in names from files are escaped,
 * and long names are shortened.
 */
public class FileException extends TensorException {
    private static final long serialVersionUID = 1L;
    private static final int MAX_NAME_LENGTH = 200;

    private final transient Path file;
    /** The problem and how to solve it. */
    private final String problem;
    /** The tensor at fault, or null. */
    private final String tensor;
    /** Byte offset from the start of the file, or -1. */
    private final long offset;

    /**
     * Creates an error about a file as a whole.
     *
     * @param operation the operation that failed, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param problem what is wrong, and what to do about it
     */
    public FileException(String operation, Path file, String problem) {
        this(operation, file, null, -1, problem, null);
    }

    /**
     * Creates an error about a file as a whole, with a cause.
     *
     * @param operation the operation that failed, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param problem what is wrong, and what to do about it
     * @param cause the underlying error, or null
     */
    public FileException(String operation, Path file, String problem, Throwable cause) {
        this(operation, file, null, -1, problem, cause);
    }

    /**
     * Creates an error at an offset in a file.
     *
     * @param operation the operation that failed, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param tensor the tensor at fault, or null
     * @param offset byte offset from the start of the file, or -1
     * @param problem what is wrong, and what to do about it
     */
    public FileException(String operation, Path file, String tensor, long offset, String problem) {
        this(operation, file, tensor, offset, problem, null);
    }

    /**
     * Creates an error at an offset in a file, with a cause.
     *
     * @param operation the operation that failed, as in {@code safetensors}
     * @param file the file or directory at fault
     * @param tensor the tensor at fault, or null
     * @param offset byte offset from the start of the file, or -1
     * @param problem what is wrong, and what to do about it
     * @param cause the underlying error, or null
     */
    public FileException(String operation, Path file, String tensor, long offset, String problem, Throwable cause) {
        super(message(operation, file, tensor, offset, problem), cause);
        this.file = Objects.requireNonNull(file, "file");
        this.problem = problem;
        this.tensor = tensor;
        this.offset = offset;
    }

    /**
     * The file or directory at fault.
     *
     * @return its path; null only after deserialisation
     */
    public Path file() {
        return file;
    }

    /**
     * The tensor at fault.
     *
     * @return its name, or null if the error is not about a single tensor
     */
    public String tensor() {
        return tensor;
    }

    /**
     * The offset of the error in the file.
     *
     * @return bytes from the start of the file, or -1 if there is none
     */
    public long offset() {
        return offset;
    }

    /**
     * The problem without file, tensor and offset.
     *
     * @return the last part of the message
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
     * Shortens a name from a file so that it fits into a one-line message.
     *
     * @param name the name
     * @return its beginning, or all of it
     */
    public static String shorten(String name) {
        return name.length() <= MAX_NAME_LENGTH ? name : name.substring(0, MAX_NAME_LENGTH) + "...";
    }
}
