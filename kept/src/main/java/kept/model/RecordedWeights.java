package kept.model;

import java.util.LinkedHashMap;
import java.util.Map;
import kept.checkpoint.Checkpoint;
import kept.io.Checksum;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** The parameters of a checkpoint, with a checksum of each as it is read, so that a changed checkpoint can be recognised later. */
public final class RecordedWeights implements Weights {
    private final Checkpoint checkpoint;
    private final Weights weights;
    private final Map<String, String> checksums = new LinkedHashMap<>();

    /**
     * Keeps the dtype of the file.
     *
     * @param checkpoint the source; must stay open while the model is built
     */
    public RecordedWeights(Checkpoint checkpoint) {
        this.checkpoint = checkpoint;
        this.weights = new CheckpointWeights(checkpoint);
    }

    @Override
    public Tensor get(String name, Shape shape) {
        Tensor tensor = weights.get(name, shape);
        checksums.put(name, checkpoint.entry(name).dtype().label() + " " + Checksum.of(checkpoint.data(name)));
        return tensor;
    }

    /**
     * The checksums of the tensors read so far.
     *
     * @return dtype and checksum of each tensor, by name
     */
    public Map<String, String> checksums() {
        return Map.copyOf(checksums);
    }
}
