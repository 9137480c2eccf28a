package kept.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashSet;
import java.util.Set;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.text.Counts;
import kept.weights.FiniteValues;
import kept.weights.TensorEntry;

/** Copies the parameters of a memory-mapped checkpoint to the device one by one. */
public final class CheckpointWeights implements Weights {
    private static final String HEAD = TensorName.of(TensorRole.HEAD).toString();

    private final Checkpoint checkpoint;
    private final DType dtype;
    private final Set<String> unused;

    /**
     * Keeps the dtype of the file.
     *
     * @param checkpoint the source; must stay open while the model is built
     */
    public CheckpointWeights(Checkpoint checkpoint) {
        this(checkpoint, null);
    }

    /**
     * Converts to a dtype.
     *
     * @param checkpoint the source; must stay open while the model is built
     * @param dtype the dtype to convert to; null to keep that of the file
     */
    public CheckpointWeights(Checkpoint checkpoint, DType dtype) {
        this.checkpoint = checkpoint;
        this.dtype = dtype;
        this.unused = new LinkedHashSet<>(checkpoint.names());
    }

    /**
     * {@inheritDoc}
     *
     * @throws FileException if the tensor is missing, has another shape, is not floating-point, or contains a NaN or infinity
     */
    @Override
    public Tensor get(String name, Shape shape) {
        TensorEntry entry = checked(checkpoint, name, shape);
        unused.remove(name);
        DType target = dtype == null ? entry.dtype() : dtype;
        try (var arena = Arena.ofConfined()) {
            MemorySegment data = checkpoint.data(name, arena);
            FiniteValues.require(entry, data);
            if (target == entry.dtype()) {
                return Tensor.from(data, target, shape);
            }
            try (var scope = Scope.open()) {
                return scope.keep(Tensor.empty(target, shape).assign(Tensor.from(data, entry.dtype(), shape)));
            }
        }
    }

    /**
     * Whether a parameter is, byte for byte, a tensor of another checkpoint, so that it need not be copied.
     *
     * @param name the parameter's name
     * @param shape the shape according to the configuration
     * @param other the other checkpoint
     * @param otherName a name, of one of its tensors or of none
     * @return true if it is; it then counts as used
     * @throws FileException if the parameter is missing, has another shape or is not floating-point
     */
    public boolean isTensorOf(String name, Shape shape, Checkpoint other, String otherName) {
        TensorEntry entry = checked(checkpoint, name, shape);
        boolean isSame = (dtype == null || dtype == entry.dtype()) && other.contains(otherName) && other.entry(otherName).shape().equals(shape)
                && checkpoint.isSame(name, other, otherName, Long.MAX_VALUE);
        if (isSame) {
            unused.remove(name);
        }
        return isSame;
    }

    /**
     * Checks, without reading weights, that a checkpoint contains exactly the tensors of a model.
     *
     * @param checkpoint the files
     * @param config the model
     * @throws FileException naming a tensor that is missing, has another shape, is not floating-point, or is not part of the model
     */
    public static void requireTensors(Checkpoint checkpoint, DecoderConfig config) {
        var weights = new CheckpointWeights(checkpoint);
        for (ModelTensor tensor : ModelTensor.of(config)) {
            if (!checkpoint.contains(tensor.name())) {
                requireNoBias(checkpoint, tensor, config);
            }
            checked(checkpoint, tensor.name(), tensor.shape());
            weights.unused.remove(tensor.name());
        }
        weights.requireAllUsed(config);
    }

    /** Refuses a bias of a projection that is missing, with the key that asks for it. */
    private static void requireNoBias(Checkpoint checkpoint, ModelTensor tensor, DecoderConfig config) {
        config.architecture().family().biasKey(tensor.role()).ifPresent(key -> {
            throw new FileException("checkpoint", checkpoint.directory(), tensor.name(), -1, ("there is no such tensor, which %s asks for (true in "
                    + "config.json or by default): set it to false if the model has no biases there").formatted(key));
        });
    }

    private static TensorEntry checked(Checkpoint checkpoint, String name, Shape shape) {
        if (name.equals(HEAD) && !checkpoint.contains(name)) {
            throw new FileException("checkpoint", checkpoint.directory(), name, -1, "there is no such tensor, and config.json does not say "
                    + "\"tie_word_embeddings\": true; set it if the head is the embedding, else the model is without its head (transformers would "
                    + "make one up at random)");
        }
        TensorEntry entry = checkpoint.entry(name);
        if (!entry.shape().equals(shape)) {
            throw new FileException("checkpoint", entry.file(), name, entry.offset(),
                    "has shape %s, but config.json says %s".formatted(entry.shape(), shape));
        }
        if (!entry.dtype().isFloating()) {
            throw new FileException("checkpoint", entry.file(), name, entry.offset(), "holds integers; a parameter must be floating");
        }
        return entry;
    }

    /**
     * Checks that the model has used every tensor of the checkpoint. A head tied to the embedding may also be present: {@link DecoderConfig#read} has
     * checked that it equals the embedding.
     *
     * @param config the model
     * @throws FileException naming the unused tensors
     */
    public void requireAllUsed(DecoderConfig config) {
        if (config.tieWordEmbeddings()) {
            unused.remove(HEAD);
        }
        if (!unused.isEmpty()) {
            String first = unused.iterator().next();
            String others = unused.size() == 1 ? "" : " and " + Counts.of(unused.size() - 1, "other");
            String remedy = config.architecture().parse(first).flatMap(tensor -> config.architecture().family().biasKey(tensor.role()))
                    .map(": set %s in config.json to true if the model has biases there"::formatted).orElse("");
            throw new FileException("checkpoint", checkpoint.directory(), first, -1,
                    "the model that config.json describes has no place for this tensor" + others + remedy);
        }
    }
}
