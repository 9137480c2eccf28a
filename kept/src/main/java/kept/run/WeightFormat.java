package kept.run;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import kept.safetensors.CheckpointWriter;
import kept.torch.TorchWriter;
import kept.weights.TensorSpec;
import kept.weights.WeightWriter;

/** The formats of weight files. */
public enum WeightFormat {
    /** Safetensors files, which can be memory-mapped and never run code. */
    SAFETENSORS,
    /** PyTorch's pickle files. */
    TORCH;

    /** The name on the command line. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Starts writing weights into a directory. */
    WeightWriter create(Path directory, List<TensorSpec> tensors, long maxShardSize) {
        return switch (this) {
            case SAFETENSORS -> CheckpointWriter.create(directory, tensors, maxShardSize);
            case TORCH -> TorchWriter.create(directory, tensors, maxShardSize);
        };
    }
}
