package kept.weights;

import java.nio.file.Path;
import kept.io.CheckpointException;

/** Weights whose values cannot be used or stored: the same work on them fails in the same way, however often it is taken up again. */
public final class WeightValuesException extends CheckpointException {
    private static final long serialVersionUID = 1L;

    /**
     * An error in the values of weights.
     *
     * @param file the file or directory that holds them
     * @param tensor the tensor at fault, or null
     * @param offset the place in bytes from the start of the file, or -1
     * @param problem what is wrong, and what to do about it
     */
    public WeightValuesException(Path file, String tensor, long offset, String problem) {
        super("checkpoint", file, tensor, offset, problem);
    }
}
