package kept.run;

import java.nio.file.Path;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tensor.Device;

/** Builds models from checkpoint directories. */
public final class LoadedModel {
    private LoadedModel() {}

    /**
     * Loads the model of a directory.
     *
     * @param directory holds config.json and weights
     * @param dtype the type of the parameters; null for the stored types
     * @param device the device of the parameters
     * @param progress receives notes about unusual weights
     * @return the model; the caller closes it
     */
    public static Decoder load(Path directory, DType dtype, Device device, Progress progress) {
        DecoderConfig config = DecoderConfig.read(directory);
        try (var checkpoint = Checkpoint.open(directory)) {
            Notes.report(progress, checkpoint);
            var weights = new CheckpointWeights(checkpoint, dtype);
            Decoder model = Decoder.create(config, weights, device);
            try {
                weights.requireAllUsed(config);
            } catch (RuntimeException e) {
                model.close();
                throw e;
            }
            return model;
        }
    }
}
