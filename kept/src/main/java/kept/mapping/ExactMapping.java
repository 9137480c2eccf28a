package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;

/**
 * The mapping that loses nothing, without training: a Llama with biases and one more layer whose function is the Orion's, up to rounding
 * (docs/kept.md derives it). The residual stream is centred, so that RMSNorm is LayerNorm without its bias; the biases of the norms inside move into
 * the projections after them; the added layer makes a constant of the stream that carries the final norm's.
 *
 * <p>With z the normalised stream, the added layer adds {@code K (z + s)}; the stream that was there, times a, is small beside it. All constants are
 * powers of two, so exact in each type, and chosen for the narrowest: in f16 nothing overflows and nothing that matters is subnormal.
 */
final class ExactMapping {
    static final String NAME = "exact";
    static final String CARRIER = "carrier";

    /** a: what the stream is multiplied by. Weights of the usual 0.01 to 0.1 stay normal numbers of f16. */
    static final double STREAM_SCALE = 0x1p-6;
    /** s: the carried constant beside a normalised stream of length 1 per element; small, as the head's rounding errors are multiplied by it too. */
    static final double SHIFT = 0x1p-3;
    /** G: SiLU's argument; large enough that its sigmoid is 1 to the last bit of f32, so that SiLU gives G itself. */
    static final double GATE = 32;

    private static final double LARGEST_F16 = 65504;
    private static final String CENTRED = "LayerNorm does not see the mean of the stream";
    private static final String SAME = "the same in both architectures, for a stream of mean zero";
    private static final String MOVED = "W b: the bias of the norm before it";
    private static final String NO_BIAS = "no norm before it";
    private static final String ADDED = "the added layer: K (z + s) onto the stream";
    private static final String HEAD = "takes the final norm's bias from the constant s";

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
     * @throws MappingException if the source is not an Orion, or its MLP is too narrow to hand on the stream
     */
    static Mapping of(DecoderConfig source) {
        Mapping.requireOrion(source);
        if (source.intermediateSize() < source.hiddenSize()) {
            throw new MappingException(("[mapping] exact adds a layer whose MLP hands on the whole stream, for which intermediate_size %d is below "
                    + "hidden_size %d: take --mapping opm and distil").formatted(source.intermediateSize(), source.hiddenSize()));
        }
        DecoderConfig target = source.toLlama().toBuilder().layers(source.layers() + 1).attentionBias(true).mlpBias(true).tieWordEmbeddings(false)
                .normEps(source.normEps() * STREAM_SCALE * STREAM_SCALE).build();
        var table = new ExactMapping(source);
        List<TensorMapping> rows = new ArrayList<>();
        for (ModelTensor tensor : ModelTensor.of(target)) {
            boolean added = tensor.name().startsWith(layer(source.layers()));
            rows.add(added ? table.added(tensor) : table.kept(tensor));
        }
        return new Mapping(NAME, source, target, rows, List.of());
    }

    /**
     * K: what the added layer multiplies the normalised stream by. An element of that is at most sqrt(d), where one channel is all of the stream;
     * with s and with what was there before it must not exceed f16.
     *
     * @param hiddenSize d
     * @return a power of two
     */
    static double carrier(int hiddenSize) {
        return Math.scalb(1.0, Math.getExponent(LARGEST_F16 / (Math.sqrt(hiddenSize) + 1)));
    }

    /** A tensor that the source has too, or a bias beside one. */
    private TensorMapping kept(ModelTensor tensor) {
        String name = tensor.name();
        String module = name.substring(0, name.lastIndexOf('.'));
        boolean writesToStream = module.endsWith(".o_proj") || module.endsWith(".down_proj");
        if (name.endsWith(".bias")) {
            return writesToStream
                    ? row(tensor, new Constant("bias", 0), NO_BIAS)
                    : row(tensor, new ProjectedBias(), MOVED, module + ".weight", normBefore(module) + ".bias");
        }
        return switch (name) {
            case "model.embed_tokens.weight" -> row(tensor, new CentredRows(STREAM_SCALE, 0), CENTRED, name);
            case "model.norm.weight" -> row(tensor, new Constant(CARRIER, 1), "its weight is in the head");
            case "lm_head.weight" -> row(tensor, new CarriedHead(SHIFT), HEAD,
                    source.tieWordEmbeddings() ? "model.embed_tokens.weight" : name, "model.norm.weight", "model.norm.bias");
            default -> writesToStream
                    ? row(tensor, new CentredOutputs(STREAM_SCALE), CENTRED, name)
                    : row(tensor, Transform.COPY, SAME, name);
        };
    }

    /** A tensor of the added layer: no attention, and an MLP that adds K (z + s). */
    private TensorMapping added(ModelTensor tensor) {
        String place = tensor.name().substring(layer(source.layers()).length());
        Transform transform = switch (place) {
            case "input_layernorm.weight", "post_attention_layernorm.weight" -> new Constant(CARRIER, 1);
            case "mlp.gate_proj.bias" -> new Constant(CARRIER, GATE);
            case "mlp.up_proj.weight" -> new ScaledIdentity(CARRIER, 1);
            case "mlp.down_proj.weight" -> new ScaledIdentity(CARRIER, carrier / GATE);
            case "mlp.down_proj.bias" -> new Constant(CARRIER, carrier * SHIFT);
            default -> new Constant(CARRIER, 0);
        };
        return row(tensor, transform, ADDED);
    }

    private static String normBefore(String projection) {
        int block = projection.lastIndexOf(".self_attn.");
        return block >= 0
                ? projection.substring(0, block) + ".input_layernorm"
                : projection.substring(0, projection.lastIndexOf(".mlp.")) + ".post_attention_layernorm";
    }

    private static String layer(int index) {
        return "model.layers." + index + ".";
    }

    private static TensorMapping row(ModelTensor tensor, Transform transform, String reason, String... sources) {
        return new TensorMapping(tensor.name(), tensor.shape(), List.of(sources), transform, reason);
    }
}
