package kept.mapping;

import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorName;
import kept.model.TensorRole;

/**
 * The mapping {@code exact}, without training: a Llama with biases and an additional layer that computes the same function as the Orion, up to
 * rounding (docs/kept.md derives it). The residual stream is centred, so that RMSNorm is LayerNorm without its bias. The biases of the layers' norms
 * move into the projections after them. The additional layer adds a constant to the stream, which carries the final norm's bias.
 *
 * <p>With z the normalised stream, the additional layer adds {@code K (z + s)}, compared with which the scaled stream is small. All constants are
 * powers of two, which every type represents exactly, and suit the narrowest type: in f16 nothing overflows and nothing relevant is subnormal.
 */
final class ExactMapping {
    static final String NAME = "exact";
    static final String CARRIER = "carrier";

    /** a: the factor of the stream. Weights of the usual size, 0.01 to 0.1, stay normal numbers in f16. */
    static final double STREAM_SCALE = 0x1p-6;
    /**
     * s: the carried constant, relative to a normalised stream with a root mean square of 1; small, because the head's rounding errors are
     * proportional to it.
     */
    static final double SHIFT = 0x1p-3;
    /** G: SiLU's argument; large enough that its sigmoid rounds to 1 in f32, so that SiLU returns G itself. */
    static final double GATE_INPUT = 32;

    private static final double MAX_F16 = 65504;
    private static final String CENTRED = "LayerNorm does not see the mean of the stream";
    private static final String SAME = "the same in both architectures, for a stream of mean zero";
    private static final String MOVED = "W b: the bias of the norm before it";
    private static final String NO_BIAS = "no norm before it";
    private static final String ADDED = "the added layer: K (z + s) onto the stream";
    private static final String CARRIED = "takes the final norm's bias from the constant s";

    private final DecoderConfig source;
    private final double carrier;

    private ExactMapping(DecoderConfig source) {
        this.source = source;
        this.carrier = carrier(source.hiddenSize());
    }

    /**
     * The table.
     *
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if the source is not an Orion, or its MLP is too narrow to pass on the stream
     */
    static Mapping of(DecoderConfig source) {
        Mapping.requireOrion(source);
        if (source.intermediateSize() < source.hiddenSize()) {
            throw new MappingException(("[mapping] exact adds a layer whose MLP passes on the whole stream, for which intermediate_size %d is below "
                    + "hidden_size %d: take --mapping opm and distil").formatted(source.intermediateSize(), source.hiddenSize()));
        }
        DecoderConfig target = source.toLlama().toBuilder().layers(source.layers() + 1).attentionBias(true).mlpBias(true).tieWordEmbeddings(false)
                .normEps(source.normEps() * STREAM_SCALE * STREAM_SCALE).build();
        var table = new ExactMapping(source);
        return new Mapping(NAME, source, target,
                Mapping.rows(target, tensor -> tensor.layer() == source.layers() ? table.added(tensor) : table.kept(tensor)), List.of());
    }

    /**
     * K: the additional layer's factor of the normalised stream. Elements of that stream are at most sqrt(d), if one channel is the whole stream;
     * with s and the scaled stream they must not exceed f16.
     *
     * @param hiddenSize d
     * @return a power of two
     */
    static double carrier(int hiddenSize) {
        return Math.scalb(1.0, Math.getExponent(MAX_F16 / (Math.sqrt(hiddenSize) + 1)));
    }

    /** A tensor that the source also has, or the bias of one. */
    private TensorMapping kept(ModelTensor tensor) {
        return switch (tensor.role()) {
            case EMBEDDING -> TensorMapping.of(tensor, new CentredRows(STREAM_SCALE, 0), CENTRED, tensor.name());
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, QUERY, KEY, VALUE, GATE, UP ->
                    TensorMapping.of(tensor, Transform.COPY, SAME, tensor.name());
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS, GATE_BIAS, UP_BIAS -> TensorMapping.of(tensor, new ProjectedBias(), MOVED,
                    tensor.id().beside(tensor.role().weight()), biasOf(tensor.norm()));
            case ATTENTION_OUTPUT, DOWN -> TensorMapping.of(tensor, new CentredOutputs(STREAM_SCALE), CENTRED, tensor.name());
            case ATTENTION_OUTPUT_BIAS, DOWN_BIAS -> TensorMapping.of(tensor, new Constant("bias", 0), NO_BIAS);
            case FINAL_NORM_WEIGHT -> TensorMapping.of(tensor, new Constant(CARRIER, 1), "its weight is in the head");
            case HEAD -> TensorMapping.of(tensor, new CarriedHead(SHIFT), CARRIED,
                    TensorName.of(source.tieWordEmbeddings() ? TensorRole.EMBEDDING : TensorRole.HEAD), tensor.norm(), biasOf(tensor.norm()));
            case INPUT_NORM_BIAS, POST_ATTENTION_NORM_BIAS, FINAL_NORM_BIAS -> throw Mapping.unexpected(tensor);
        };
    }

    /** A tensor of the additional layer: no attention, and an MLP that adds K (z + s). */
    private TensorMapping added(ModelTensor tensor) {
        Transform transform = switch (tensor.role()) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT -> new Constant(CARRIER, 1);
            case QUERY, QUERY_BIAS, KEY, KEY_BIAS, VALUE, VALUE_BIAS, ATTENTION_OUTPUT, ATTENTION_OUTPUT_BIAS -> new Constant(CARRIER, 0);
            case GATE, UP_BIAS -> new Constant(CARRIER, 0);
            case GATE_BIAS -> new Constant(CARRIER, GATE_INPUT);
            case UP -> new ScaledIdentity(CARRIER, 1);
            case DOWN -> new ScaledIdentity(CARRIER, carrier / GATE_INPUT);
            case DOWN_BIAS -> new Constant(CARRIER, carrier * SHIFT);
            case EMBEDDING, INPUT_NORM_BIAS, POST_ATTENTION_NORM_BIAS, FINAL_NORM_WEIGHT, FINAL_NORM_BIAS, HEAD -> throw Mapping.unexpected(tensor);
        };
        return TensorMapping.of(tensor, transform, ADDED);
    }

    private static TensorName biasOf(TensorName norm) {
        return norm.beside(norm.role().bias().orElseThrow());
    }
}
