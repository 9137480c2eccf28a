package kept.run;

import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;
import kept.backend.BlockMatrix;
import kept.checkpoint.Checkpoint;
import kept.mapping.GivenStudent;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.QuantizedWeights;
import kept.model.Weights;
import kept.nn.Parameter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Tensor;
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
        return load(directory, dtype, LoadedWeights.STORED, weights -> weights, device, progress);
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
        return load(directory, null, form, weights -> weights, device, progress);
    }

    /**
     * Loads the model of a directory, such as a student, to be beside another one in memory, such as its teacher. Tensors that both have, byte for
     * byte, are the other's: memory holds one copy.
     *
     * @param directory holds config.json and weights
     * @param other the other model, with its weights in their stored types
     * @param otherDirectory the directory that it was loaded from
     * @param progress receives notes about unusual weights
     * @return the model, on the other's device; the caller closes it before the other
     */
    public static Decoder loadBeside(Path directory, Decoder other, Path otherDirectory, Progress progress) {
        Map<String, String> copies = GivenStudent.copied(other.config());
        Map<String, Parameter> others = other.parameters();
        try (var otherCheckpoint = Checkpoint.open(otherDirectory)) {
            return load(directory, null, LoadedWeights.STORED, weights -> (name, shape) -> {
                String otherName = copies.getOrDefault(name, name);
                Parameter same = others.get(otherName);
                return same != null && weights.isTensorOf(name, shape, otherCheckpoint, otherName) ? same.value().detach() : weights.get(name, shape);
            }, other.device(), progress);
        }
    }

    /**
     * A model whose weights are rounded to a type. Those that are stored in it are the model's own.
     *
     * @param model a model with its weights in their stored types
     * @param checkpoint what it was loaded from
     * @param dtype the type
     * @return the rounded one; the caller closes it before the other
     */
    static Decoder rounded(Decoder model, Checkpoint checkpoint, DType dtype) {
        Map<String, Parameter> parameters = model.parameters();
        var weights = new CheckpointWeights(checkpoint, dtype);
        return Decoder.create(model.config(), (name, shape) -> {
            Tensor value = parameters.get(name).value();
            return value.dtype() == dtype ? value.detach() : weights.get(name, shape);
        }, model.device());
    }

    /**
     * Loads a model.
     *
     * @param stored what gives the weights that are to be in their stored form, for those of the files
     */
    private static Decoder load(Path directory, DType dtype, LoadedWeights form, Function<CheckpointWeights, Weights> stored, Device device,
            Progress progress) {
        DecoderConfig config = DecoderConfig.read(directory);
        try (var checkpoint = Checkpoint.open(directory)) {
            Notes.report(progress, checkpoint);
            var weights = new CheckpointWeights(checkpoint, dtype);
            var quantized = new QuantizedWeights(weights);
            Decoder model = Decoder.create(config, form == LoadedWeights.Q8 ? quantized : stored.apply(weights), device);
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
