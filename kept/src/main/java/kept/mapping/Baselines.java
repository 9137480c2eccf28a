package kept.mapping;

import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;

/** Mappings to compare the others with: what OPM's weights are worth, and how much of what it loses is the mean. */
final class Baselines {
    private static final String SCALE_LOST = "set to one, to see what a norm's weight is worth";
    private static final String MEAN_FREE = "no LayerNorm sees the mean of its input, so the stream may have none";

    private Baselines() { }

    /**
     * NPM alone: all that both architectures share is copied, and each RMSNorm is as a new model's.
     *
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if the source is not an Orion
     */
    static Mapping ones(DecoderConfig source) {
        Mapping opm = Mapping.opm(source);
        List<TensorMapping> rows = opm.rows().stream().map(row -> row.transform() == Transform.NORM_WEIGHT
                ? new TensorMapping(row.target(), row.shape(), List.of(), new Constant("ones", 1), SCALE_LOST)
                : row).toList();
        List<DroppedTensor> dropped = ModelTensor.of(source).stream().filter(ModelTensor::isNorm)
                .map(tensor -> new DroppedTensor(tensor.name(), SCALE_LOST)).toList();
        return new Mapping("ones", source, opm.target(), rows, dropped);
    }

    /**
     * OPM after centring: the stream has mean zero, each RMSNorm has its LayerNorm's weight, and only the biases are lost.
     *
     * @param source an Orion configuration
     * @return the table
     * @throws MappingException if the source is not an Orion, or its head is its embedding, which cannot be centred alone
     */
    static Mapping centred(DecoderConfig source) {
        Mapping opm = Mapping.opm(source);
        if (source.tieWordEmbeddings()) {
            throw new MappingException("[mapping] centred needs a head of its own: config.json says tie_word_embeddings");
        }
        return new Mapping("centred", source, opm.target(), opm.rows().stream().map(Baselines::centred).toList(), opm.dropped());
    }

    private static TensorMapping centred(TensorMapping row) {
        if (row.target().startsWith("model.embed_tokens.")) {
            return new TensorMapping(row.target(), row.shape(), row.sources(), new CentredRows(1, 0), MEAN_FREE);
        }
        if (row.target().endsWith(".o_proj.weight") || row.target().endsWith(".down_proj.weight")) {
            return new TensorMapping(row.target(), row.shape(), row.sources(), new CentredOutputs(1), MEAN_FREE);
        }
        return row;
    }
}
