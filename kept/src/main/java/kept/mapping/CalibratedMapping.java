package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorName;
import kept.model.TensorRole;
import kept.nn.Activation;
import kept.tensor.Shape;

/**
 * The mapping {@code calibrated}, without training, biases or an additional layer. The stream is centred, the embeddings carry a constant, and the
 * projections after each norm are corrected by the best linear estimate of the LayerNorm's output from the RMSNorm's, measured on text (docs/kept.md
 * derives it).
 */
public final class CalibratedMapping {
    /** The name by which users choose it. */
    public static final String NAME = "calibrated";
    /** The measured tensor with the anchor, the mean of each row of the embeddings, {@code [1]}. */
    public static final String ANCHOR = TensorName.of(TensorRole.EMBEDDING).module() + ".anchor";

    private static final String LEAST_SQUARES = "least squares from the RMSNorm's output to the LayerNorm's";

    private CalibratedMapping() {}

    /**
     * Returns the name of a norm's measured correction, {@code [hidden, hidden]}.
     *
     * @param norm the norm's weight
     * @return the tensor's name
     */
    public static String correction(TensorName norm) {
        return norm.module() + ".correction";
    }

    /**
     * Returns the name of the measured index of the neuron with which a layer's MLP renews the anchor, {@code [1]}; negative for none.
     *
     * @param layer counted from 0
     * @return the tensor's name
     */
    public static String neuron(int layer) {
        return TensorName.ofLayer(layer) + ".mlp.anchor_neuron";
    }

    /**
     * The name of that neuron's measured rows of gate and up, {@code [2, hidden]}.
     *
     * @param layer counted from 0
     * @return the tensor's name
     */
    public static String reader(int layer) {
        return TensorName.ofLayer(layer) + ".mlp.anchor_reader";
    }

    /**
     * Returns the norms in the order of the graph, in which they are calibrated.
     *
     * @param config a model's
     * @return their weights
     */
    public static List<TensorName> norms(DecoderConfig config) {
        return ModelTensor.of(config).stream().map(ModelTensor::id).filter(tensor -> tensor.role().isNorm() && !tensor.role().isBias()).toList();
    }

    /**
     * The table.
     *
     * @param source a source's configuration
     * @return the mapping
     * @throws MappingException if the source is a Llama
     */
    public static Mapping of(DecoderConfig source) {
        Mapping.requireSource(source);
        requireCalibratable(source);
        Shape square = Shape.of(source.hiddenSize(), source.hiddenSize());
        List<MeasuredTensor> measured = new ArrayList<>();
        measured.add(new MeasuredTensor(ANCHOR, Shape.of(1)));
        norms(source).forEach(norm -> measured.add(new MeasuredTensor(correction(norm), square)));
        for (int layer = 0; layer < source.layers(); layer++) {
            measured.add(new MeasuredTensor(neuron(layer), Shape.of(1)));
            measured.add(new MeasuredTensor(reader(layer), Shape.of(2, source.hiddenSize())));
        }
        DecoderConfig target = source.toLlama().toBuilder().tieWordEmbeddings(false).build();
        return new Mapping(NAME, source, target, Mapping.rows(target, tensor -> row(tensor, source)),
                DroppedTensor.normBiases(source, "the projections after the norm are corrected for it"), measured);
    }

    private static void requireCalibratable(DecoderConfig source) {
        if (!source.architecture().norm().hasBias()) {
            throw new MappingException("[mapping] calibrated replaces biases of norms, and %s has none: take --mapping exact, which is a plain Llama"
                    .formatted(source.architecture().label()));
        }
        if (!source.architecture().isGated() || source.activation() != Activation.SILU || source.mlpBias()) {
            throw new MappingException(("[mapping] calibrated needs an MLP with a gate, SiLU and no biases, of which it uses one neuron, and %s has "
                    + "another: take --mapping exact, or opm and distil").formatted(source.architecture().label()));
        }
    }

    private static TensorMapping row(ModelTensor tensor, DecoderConfig source) {
        var counterparts = new Counterparts(source);
        return switch (tensor.role()) {
            case EMBEDDING -> TensorMapping.of(tensor, new AnchoredRows(),
                    "LayerNorms do not see the mean; a constant one carries what were biases", tensor.name(), ANCHOR);
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT -> counterparts.norm(tensor, Transform.NORM_WEIGHT,
                    "the norm keeps its weight; the projections after it are corrected");
            case QUERY, KEY, VALUE -> corrected(tensor, counterparts.placed(tensor, new Corrected()), tensor.id());
            case QUERY_BIAS, KEY_BIAS, VALUE_BIAS -> counterparts.module(tensor, "the projection's own bias");
            case ATTENTION_OUTPUT_BIAS -> counterparts.hasBias(tensor)
                    ? TensorMapping.of(tensor, new CentredBias(1), "LayerNorms do not see the mean of the stream", tensor.name())
                    : counterparts.module(tensor, "");
            case ATTENTION_OUTPUT -> TensorMapping.of(tensor, new CentredOutputs(1), "LayerNorms do not see the mean of the stream", tensor.name());
            case GATE -> reader(tensor, 0);
            case UP -> reader(tensor, 1);
            case DOWN -> TensorMapping.of(tensor, new AnchoringOutputs(),
                    "LayerNorms do not see the mean of the stream; one neuron renews the constant there", tensor.name(), neuron(tensor.layer()));
            case HEAD -> corrected(tensor, new Corrected(), TensorName.of(source.tieWordEmbeddings() ? TensorRole.EMBEDDING : TensorRole.HEAD));
            case INPUT_NORM_BIAS, POST_ATTENTION_NORM_BIAS, GATE_BIAS, UP_BIAS, DOWN_BIAS, FINAL_NORM_BIAS -> throw Mapping.unexpected(tensor);
        };
    }

    private static TensorMapping corrected(ModelTensor tensor, Transform transform, TensorName weight) {
        return TensorMapping.of(tensor, transform, LEAST_SQUARES, weight, correction(tensor.norm()));
    }

    private static TensorMapping reader(ModelTensor tensor, int row) {
        return TensorMapping.of(tensor, new AnchoringReader(row), LEAST_SQUARES + "; one neuron renews the stream's constant",
                tensor.name(), correction(tensor.norm()), reader(tensor.layer()), neuron(tensor.layer()));
    }
}
