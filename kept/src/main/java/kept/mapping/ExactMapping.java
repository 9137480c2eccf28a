package kept.mapping;

import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorName;
import kept.model.TensorRole;
import kept.model.Weights;
import kept.nn.Activation;
import kept.tensor.DType;

/**
 * The mapping {@code exact}, without training: a Llama that computes the same function as the source, up to rounding (docs/kept.md derives it). The
 * residual stream is centred, so that RMSNorm is LayerNorm without its bias. That is all if the source's norms have no biases. If they have, those of
 * the layers move into the projections after them, and an additional layer adds a constant to the stream, which carries the final norm's bias.
 *
 * <p>With z the normalised stream, the additional layer adds {@code K (z + s)}, compared with which the scaled stream is small. All constants are
 * powers of two, which every type represents exactly, and suit the narrowest type: in f16 nothing overflows and nothing relevant is subnormal.
 */
final class ExactMapping {
    static final String NAME = "exact";
    static final String CARRIER = "carrier";

    /**
     * G: the activation's argument; large enough that a sigmoid and a normal distribution's function of it round to 1 in f32, so that SiLU and GELU
     * return G itself.
     */
    static final double GATE_INPUT = 32;

    private static final double MAX_F16 = 65504;
    private static final String CENTRED = "LayerNorm does not see the mean of the stream";
    private static final String SAME = "the same in both architectures, for a stream of mean zero";
    private static final String MOVED = "W b: the bias of the norm before it";
    private static final String MOVED_TO_OWN = "W b: the bias of the norm before it, added to its own";
    private static final String NO_BIAS = "no norm before it";
    private static final String ADDED = "the added layer: K (z + s) onto the stream";
    private static final String CARRIED = "takes the final norm's bias from the constant s";

    private final DecoderConfig source;
    private final Counterparts counterparts;
    /** Whether the norms have biases, for which there are biases in the target and an additional layer. */
    private final boolean biased;
    private final double scale;
    private final double shift;
    private final double carrier;

    private ExactMapping(DecoderConfig source, ExactConstants constants) {
        this.source = source;
        counterparts = new Counterparts(source);
        biased = source.architecture().norm().hasBias();
        scale = biased ? constants.scale() : 1;
        shift = constants.shift();
        carrier = carrier(source.hiddenSize(), shift);
    }

    /**
     * The table for trained weights of the usual size.
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama, or its MLP is too narrow to pass on the stream
     */
    static Mapping of(DecoderConfig source) {
        return of(source, ExactConstants.usual(source));
    }

    /**
     * The table for a source's weights.
     *
     * @param source a source's configuration
     * @param weights the source's
     * @param stored the type of the target's weights
     * @return the table
     * @throws MappingException as of {@link #of(DecoderConfig)}
     */
    static Mapping of(DecoderConfig source, Weights weights, DType stored) {
        return source.architecture().norm().hasBias() ? of(source, ExactConstants.of(source, weights, stored)) : of(source);
    }

    private static Mapping of(DecoderConfig source, ExactConstants constants) {
        Mapping.requireSource(source);
        var table = new ExactMapping(source, constants);
        if (!table.biased) {
            return new Mapping(NAME, source, source.toLlama(), Mapping.rows(source.toLlama(), table::centred), List.of());
        }
        if (source.intermediateSize() < source.hiddenSize()) {
            throw new MappingException(("[mapping] exact adds a layer whose MLP passes on the whole stream, for which intermediate_size %d is below "
                    + "hidden_size %d: take --mapping opm and distil").formatted(source.intermediateSize(), source.hiddenSize()));
        }
        DecoderConfig target = source.toLlama().toBuilder().layers(source.layers() + 1).attentionBias(true).mlpBias(true).tieWordEmbeddings(false)
                .normEps(source.normEps() * table.scale * table.scale).build();
        return new Mapping(NAME, source, target,
                Mapping.rows(target, tensor -> tensor.layer() == source.layers() ? table.added(tensor) : table.kept(tensor)), List.of());
    }

    /**
     * K: the additional layer's factor of the normalised stream. Elements of that stream are at most sqrt(d), if one channel is the whole stream;
     * with s and the scaled stream they must not exceed f16.
     *
     * @param hiddenSize d
     * @param shift s
     * @return a power of two
     */
    static double carrier(int hiddenSize, double shift) {
        return Math.scalb(1.0, Math.getExponent(MAX_F16 / (Math.sqrt(hiddenSize) + Math.max(shift, 1))));
    }

    /** A tensor of a target whose source has no biases in its norms. */
    private TensorMapping centred(ModelTensor tensor) {
        return switch (tensor.role()) {
            case EMBEDDING -> TensorMapping.of(tensor, new CentredRows(scale, 0), CENTRED, counterparts.counterpart(tensor.id()));
            case ATTENTION_OUTPUT, DOWN -> TensorMapping.of(tensor, counterparts.placed(tensor, new CentredOutputs(scale)), CENTRED,
                    counterparts.counterpart(tensor.id()));
            case ATTENTION_OUTPUT_BIAS, DOWN_BIAS -> counterparts.hasBias(tensor)
                    ? TensorMapping.of(tensor, new CentredBias(scale), CENTRED, counterparts.counterpart(tensor.id()))
                    : TensorMapping.of(tensor, new Constant("bias", 0), NO_BIAS);
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT -> counterparts.norm(tensor, Transform.COPY, SAME);
            case INPUT_NORM_BIAS, POST_ATTENTION_NORM_BIAS, FINAL_NORM_BIAS -> throw Mapping.unexpected(tensor);
            case QUERY, QUERY_BIAS, KEY, KEY_BIAS, VALUE, VALUE_BIAS, GATE, GATE_BIAS, UP, UP_BIAS, HEAD -> counterparts.module(tensor, SAME);
        };
    }

    /** A tensor of a target whose source has biases in its norms, except those of the additional layer. */
    private TensorMapping kept(ModelTensor tensor) {
        return switch (tensor.role()) {
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS, GATE_BIAS, UP_BIAS -> counterparts.isOnlyTargets(tensor) ? counterparts.module(tensor, SAME)
                    : projected(tensor);
            case FINAL_NORM_WEIGHT -> TensorMapping.of(tensor, new Constant(CARRIER, 1), "its weight is in the head");
            case HEAD -> TensorMapping.of(tensor, counterparts.ofGain(new CarriedHead(shift), 1), CARRIED,
                    counterparts.name(TensorName.of(source.tieWordEmbeddings() ? TensorRole.EMBEDDING : TensorRole.HEAD)),
                    counterparts.name(tensor.norm()), counterparts.name(biasOf(tensor.norm())));
            default -> centred(tensor);
        };
    }

    /** The bias of a projection after a norm. */
    private TensorMapping projected(ModelTensor tensor) {
        String weight = counterparts.counterpart(tensor.id().beside(tensor.role().weight()));
        String bias = counterparts.name(biasOf(tensor.norm()));
        Transform transform = counterparts.placed(tensor, new ProjectedBias());
        return counterparts.hasBias(tensor)
                ? TensorMapping.of(tensor, transform, MOVED_TO_OWN, weight, bias, counterparts.counterpart(tensor.id()))
                : TensorMapping.of(tensor, transform, MOVED, weight, bias);
    }

    /** A tensor of the additional layer: no attention, and an MLP that adds K (z + s). */
    private TensorMapping added(ModelTensor tensor) {
        Transform transform = switch (tensor.role()) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT -> new Constant(CARRIER, 1);
            case QUERY, QUERY_BIAS, KEY, KEY_BIAS, VALUE, VALUE_BIAS, ATTENTION_OUTPUT, ATTENTION_OUTPUT_BIAS -> new Constant(CARRIER, 0);
            case GATE, UP_BIAS -> new Constant(CARRIER, 0);
            case GATE_BIAS -> new Constant(CARRIER, GATE_INPUT);
            case UP -> new ScaledIdentity(CARRIER, 1);
            case DOWN -> new ScaledIdentity(CARRIER, carrier / gateOutput());
            case DOWN_BIAS -> new Constant(CARRIER, carrier * shift);
            case EMBEDDING, INPUT_NORM_BIAS, POST_ATTENTION_NORM_BIAS, FINAL_NORM_WEIGHT, FINAL_NORM_BIAS, HEAD -> throw Mapping.unexpected(tensor);
        };
        return TensorMapping.of(tensor, transform, ADDED);
    }

    /** What the activation makes of {@link #GATE_INPUT} in f32: a power of two. */
    private double gateOutput() {
        return source.activation() == Activation.RELU_SQUARED ? GATE_INPUT * GATE_INPUT : GATE_INPUT;
    }

    private static TensorName biasOf(TensorName norm) {
        return norm.beside(norm.role().bias().orElseThrow());
    }
}
