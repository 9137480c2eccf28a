package kept.model;

import java.util.LinkedHashSet;
import java.util.Set;
import kept.checkpoint.Checkpoint;
import kept.checkpoint.CheckpointException;
import kept.checkpoint.TensorEntry;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The parameters of a checkpoint, copied from its memory-mapped files to the device one by one. */
public final class CheckpointWeights implements Weights {
    private final Checkpoint checkpoint;
    private final DType dtype;
    private final Set<String> unused;

    /**
     * Weights in the dtype they are stored in.
     *
     * @param checkpoint the source; must stay open while the model is built
     */
    public CheckpointWeights(Checkpoint checkpoint) {
        this(checkpoint, null);
    }

    /**
     * Weights in a chosen dtype.
     *
     * @param checkpoint the source; must stay open while the model is built
     * @param dtype what to convert to; null for the dtype of the file
     */
    public CheckpointWeights(Checkpoint checkpoint, DType dtype) {
        this.checkpoint = checkpoint;
        this.dtype = dtype;
        this.unused = new LinkedHashSet<>(checkpoint.names());
    }

    /**
     * {@inheritDoc}
     *
     * @throws CheckpointException if the tensor is missing, has another shape, or is not floating
     */
    @Override
    public Tensor get(String name, Shape shape) {
        TensorEntry entry = checked(checkpoint, name, shape);
        unused.remove(name);
        DType target = dtype == null ? entry.dtype() : dtype;
        if (target == entry.dtype()) {
            return Tensor.from(checkpoint.data(name), target, shape);
        }
        try (var scope = Scope.open()) {
            return scope.keep(Tensor.empty(target, shape).assign(Tensor.from(checkpoint.data(name), entry.dtype(), shape)));
        }
    }

    /**
     * Checks, without reading any weights, that a checkpoint holds exactly the tensors of a model.
     *
     * @param checkpoint the files
     * @param config the model
     * @throws CheckpointException naming a tensor that is missing, of another shape, not floating, or unknown to the model
     */
    public static void requireTensors(Checkpoint checkpoint, DecoderConfig config) {
        var weights = new CheckpointWeights(checkpoint);
        for (ModelTensor tensor : ModelTensor.of(config)) {
            checked(checkpoint, tensor.name(), tensor.shape());
            weights.unused.remove(tensor.name());
        }
        weights.requireAllUsed();
    }

    private static TensorEntry checked(Checkpoint checkpoint, String name, Shape shape) {
        TensorEntry entry = checkpoint.entry(name);
        if (!entry.shape().equals(shape)) {
            throw new CheckpointException("checkpoint", entry.file(), name, entry.offset(),
                    "has shape %s, but config.json says %s".formatted(entry.shape(), shape));
        }
        if (!entry.dtype().isFloating()) {
            throw new CheckpointException("checkpoint", entry.file(), name, entry.offset(), "holds integers; a parameter must be floating");
        }
        return entry;
    }

    /**
     * Checks that the model has taken every tensor of the checkpoint.
     *
     * @throws CheckpointException naming those it has no place for
     */
    public void requireAllUsed() {
        if (!unused.isEmpty()) {
            String first = unused.iterator().next();
            throw new CheckpointException("checkpoint", checkpoint.directory(), first, -1,
                    "the model that config.json describes has no place for this tensor and %d others".formatted(unused.size() - 1));
        }
    }
}
