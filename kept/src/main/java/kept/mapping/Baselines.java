package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Mappings to compare the others with: what OPM's weights are worth, how much of its loss is the mean, what text adds channel by channel. */
final class Baselines {
    private static final String CHANNEL = "channel";
    private static final String SCALE_LOST = "set to one, to see what a norm's weight is worth";
    private static final String MEAN_FREE = "no LayerNorm sees the mean of its input, so the stream may have none";

    private static final String MEASURED = "E[z r] / E[r^2]: the best weight of the channel for what was measured";

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

    /**
     * OPM with weights that were measured: each RMSNorm is the nearest to its LayerNorm, channel by channel, on the teacher's own streams.
     *
     * @param source an Orion configuration
     * @return the table, to be used with what {@link ChannelProbe} measures
     * @throws MappingException if the source is not an Orion
     */
    static Mapping channel(DecoderConfig source) {
        Mapping opm = Mapping.opm(source);
        List<ModelTensor> measured = new ArrayList<>();
        List<DroppedTensor> dropped = new ArrayList<>();
        List<TensorMapping> rows = new ArrayList<>();
        for (TensorMapping row : opm.rows()) {
            if (row.transform() == Transform.NORM_WEIGHT) {
                var weight = new ModelTensor(channelWeight(row.target().substring(0, row.target().length() - ".weight".length())), row.shape());
                measured.add(weight);
                rows.add(new TensorMapping(row.target(), row.shape(), List.of(weight.name()), new Measured(), MEASURED));
                dropped.add(new DroppedTensor(row.target(), MEASURED));
            } else {
                rows.add(row);
            }
        }
        dropped.addAll(opm.dropped());
        return new Mapping(CHANNEL, source, opm.target(), rows, dropped, measured);
    }

    /** The name of a norm's measured weight. */
    static String channelWeight(String norm) {
        return norm + ".channel_weight";
    }

    /** A tensor as it was measured. */
    private record Measured() implements Transform {
        @Override
        public String method() {
            return "least squares";
        }

        @Override
        public Tensor apply(List<Tensor> sources, Shape shape) {
            return sources.getFirst();
        }
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
