package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.tensor.Shape;

/**
 * The mapping {@code calibrated}: no training, no biases, no added layer. The stream is centred, the embeddings carry a constant, and what reads a
 * norm is corrected by the best linear estimate of the LayerNorm's output from the RMSNorm's, measured on text (docs/kept.md derives it).
 */
public final class CalibratedMapping {
    /** What users choose it by. */
    public static final String NAME = "calibrated";
    /** The measured constant that is the mean of each row of the embeddings, {@code [1]}. */
    public static final String ANCHOR = "model.embed_tokens.anchor";

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";
    private static final Transform CORRECTED = new Corrected();

    private CalibratedMapping() {}

    /**
     * The name of a norm's measured correction, {@code [hidden, hidden]}.
     *
     * @param norm the norm's name in checkpoints
     * @return the tensor's name
     */
    public static String correction(String norm) {
        return norm + ".correction";
    }

    /**
     * The name of the measured number of the neuron that a layer's MLP gives up to renew the anchor, {@code [1]}; negative for none.
     *
     * @param layer counted from 0
     * @return the tensor's name
     */
    public static String neuron(int layer) {
        return "model.layers.%d.mlp.anchor_neuron".formatted(layer);
    }

    /**
     * The name of that neuron's measured rows of gate and up, {@code [2, hidden]}.
     *
     * @param layer counted from 0
     * @return the tensor's name
     */
    public static String reader(int layer) {
        return "model.layers.%d.mlp.anchor_reader".formatted(layer);
    }

    /**
     * The norms in the order of the graph, which is the order they are calibrated in.
     *
     * @param config a model's
     * @return their names in checkpoints
     */
    public static List<String> norms(DecoderConfig config) {
        List<String> norms = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            norms.add("model.layers.%d.input_layernorm".formatted(layer));
            norms.add("model.layers.%d.post_attention_layernorm".formatted(layer));
        }
        norms.add("model.norm");
        return norms;
    }

    /**
     * The table.
     *
     * @param source an Orion configuration
     * @return the mapping
     * @throws MappingException if the source is not an Orion
     */
    public static Mapping of(DecoderConfig source) {
        Mapping.requireOrion(source);
        Shape square = Shape.of(source.hiddenSize(), source.hiddenSize());
        List<ModelTensor> measured = new ArrayList<>();
        measured.add(new ModelTensor(ANCHOR, Shape.of(1)));
        norms(source).forEach(norm -> measured.add(new ModelTensor(correction(norm), square)));
        for (int layer = 0; layer < source.layers(); layer++) {
            measured.add(new ModelTensor(neuron(layer), Shape.of(1)));
            measured.add(new ModelTensor(reader(layer), Shape.of(2, source.hiddenSize())));
        }
        DecoderConfig target = source.toLlama().toBuilder().tieWordEmbeddings(false).build();
        List<TensorMapping> rows = ModelTensor.of(target).stream().map(tensor -> row(tensor, source)).toList();
        List<DroppedTensor> dropped = ModelTensor.of(source).stream().filter(tensor -> tensor.isNorm() && tensor.name().endsWith(".bias"))
                .map(tensor -> new DroppedTensor(tensor.name(), "what reads the norm is corrected for it")).toList();
        return new Mapping(NAME, source, target, rows, dropped, measured);
    }

    private static TensorMapping row(ModelTensor tensor, DecoderConfig source) {
        String name = tensor.name();
        if (tensor.isNorm()) {
            return row(tensor, List.of(name), Transform.NORM_WEIGHT, "the norm keeps its weight; its readers are corrected");
        }
        if (name.equals(EMBEDDING)) {
            return row(tensor, List.of(name, ANCHOR), new AnchoredRows(), "LayerNorms do not see the mean; a constant one carries what were biases");
        }
        if (name.endsWith("o_proj.weight")) {
            return row(tensor, List.of(name), new CentredOutputs(1), "LayerNorms do not see the mean of the stream");
        }
        if (name.endsWith("down_proj.weight")) {
            return row(tensor, List.of(name, neuron(layer(name))), new AnchoringOutputs(),
                    "LayerNorms do not see the mean of the stream; one neuron renews the constant there");
        }
        if (name.contains(".mlp.")) {
            List<String> sources = List.of(name, correction(norm(name)), reader(layer(name)), neuron(layer(name)));
            return row(tensor, sources, new AnchoringReader(name.endsWith("gate_proj.weight") ? 0 : 1),
                    "least squares from the RMSNorm's output to the LayerNorm's; one neuron renews the stream's constant");
        }
        String weight = name.equals(HEAD) && source.tieWordEmbeddings() ? EMBEDDING : name;
        return row(tensor, List.of(weight, correction(norm(name))), CORRECTED, "least squares from the RMSNorm's output to the LayerNorm's");
    }

    private static TensorMapping row(ModelTensor tensor, List<String> sources, Transform transform, String reason) {
        return new TensorMapping(tensor.name(), tensor.shape(), sources, transform, reason);
    }

    private static int layer(String name) {
        return Integer.parseInt(name.split("\\.")[2]);
    }

    /** The norm that a projection reads. */
    private static String norm(String projection) {
        if (projection.equals(HEAD)) {
            return "model.norm";
        }
        String layer = projection.substring(0, projection.indexOf('.', "model.layers.".length()));
        return layer + (projection.contains(".self_attn.") ? ".input_layernorm" : ".post_attention_layernorm");
    }
}
