package kept.weights;

import java.nio.file.Path;
import kept.io.FileException;

/** Thrown for weights whose values cannot be used or stored. Retrying the same work fails in the same way. */
public final class WeightValuesException extends FileException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates an error about the values of weights.
     *
     * @param file the file or directory that contains them
     * @param tensor the tensor at fault, or null
     * @param offset byte offset from the start of the file, or -1
     * @param problem what is wrong, and what to do about it
     */
    public WeightValuesException(Path file, String tensor, long offset, String problem) {
        super("checkpoint", file, tensor, offset, problem);
    }
}
