package kept.run;

import java.nio.file.Path;
import kept.backend.BlockMatrix;
import kept.checkpoint.Checkpoint;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.QuantizedWeights;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.text.Counts;

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
        return load(directory, dtype, LoadedWeights.STORED, device, progress);
    }

    /**
     * Loads the model of a directory with its weights in a form. Each matrix is converted as it is read, and memory holds the stored form of no
     * other one.
     *
     * @param form how matrices are kept
     * @param directory holds config.json and weights
     * @param device the device of the parameters
     * @param progress receives notes about unusual weights
     * @return the model; the caller closes it
     */
    public static Decoder loadAs(LoadedWeights form, Path directory, Device device, Progress progress) {
        return load(directory, null, form, device, progress);
    }

    private static Decoder load(Path directory, DType dtype, LoadedWeights form, Device device, Progress progress) {
        DecoderConfig config = DecoderConfig.read(directory);
        try (var checkpoint = Checkpoint.open(directory)) {
            Notes.report(progress, checkpoint);
            var weights = new CheckpointWeights(checkpoint, dtype);
            var quantized = new QuantizedWeights(weights);
            Decoder model = Decoder.create(config, form == LoadedWeights.Q8 ? quantized : weights, device);
            try {
                weights.requireAllUsed(config);
                if (form == LoadedWeights.Q8) {
                    Device.cpu().backend().trim();      // the memory of stored matrices, which nothing else needs
                }
                if (quantized.unquantized() > 0) {
                    progress.note("note: %s not whole blocks of %d".formatted(Counts.of(quantized.unquantized(),
                            "matrix is not quantised: its rows are", "matrices are not quantised: their rows are"), BlockMatrix.BLOCK));
                }
            } catch (RuntimeException e) {
                model.close();
                throw e;
            }
            return model;
        }
    }
}
