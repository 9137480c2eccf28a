package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.model.ModelTensor;
import kept.model.TensorRole;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/** Mappings for comparison, which show the effect of OPM's weights, of the stream's mean, and of weights measured on text. */
final class Baselines {
    private static final String CHANNEL = "channel";
    private static final String SCALE_LOST = "set to one, to see what a norm's weight is worth";
    private static final String MEAN_FREE = "no LayerNorm sees the mean of its input, so the stream may have none";

    private static final String MEASURED = "E[z r] / E[r^2]: the best weight of the channel for what was measured";

    private Baselines() { }

    /**
     * NPM alone: copies the tensors that both architectures share, and sets the weights of each RMSNorm to one.
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama
     */
    static Mapping ones(DecoderConfig source) {
        Mapping.requireSource(source);
        DecoderConfig target = source.toLlama();
        return new Mapping("ones", source, target, Mapping.rows(target, tensor -> ones(tensor, source)),
                DroppedTensor.of(source, TensorRole::isNorm, SCALE_LOST));
    }

    private static TensorMapping ones(ModelTensor tensor, DecoderConfig source) {
        return switch (tensor.role()) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT -> TensorMapping.of(tensor, new Constant("ones", 1), SCALE_LOST);
            default -> Mapping.opm(tensor, source);
        };
    }

    /**
     * OPM after centring: the stream has mean zero, each RMSNorm has the weight of its LayerNorm, and only the biases are lost.
     *
     * @param source a source's configuration
     * @return the table
     * @throws MappingException if the source is a Llama, or its head is its embedding, which cannot be centred alone
     */
    static Mapping centred(DecoderConfig source) {
        Mapping.requireSource(source);
        if (source.tieWordEmbeddings()) {
            throw new MappingException("[mapping] centred needs a head of its own: config.json says tie_word_embeddings");
        }
        DecoderConfig target = source.toLlama();
        return new Mapping("centred", source, target, Mapping.rows(target, tensor -> centred(tensor, source)),
                DroppedTensor.normBiases(source, Mapping.NO_SHIFT));
    }

    private static TensorMapping centred(ModelTensor tensor, DecoderConfig source) {
        return switch (tensor.role()) {
            case EMBEDDING -> TensorMapping.of(tensor, new CentredRows(1, 0), MEAN_FREE, tensor.name());
            case ATTENTION_OUTPUT, DOWN -> {
                var counterparts = new Counterparts(source);
                yield TensorMapping.of(tensor, counterparts.placed(tensor, new CentredOutputs(1)), MEAN_FREE, counterparts.counterpart(tensor.id()));
            }
            case ATTENTION_OUTPUT_BIAS, DOWN_BIAS -> {
                var counterparts = new Counterparts(source);
                yield counterparts.hasBias(tensor)
                        ? TensorMapping.of(tensor, new CentredBias(1), MEAN_FREE, counterparts.counterpart(tensor.id()))
                        : counterparts.module(tensor, MEAN_FREE);
            }
            default -> Mapping.opm(tensor, source);
        };
    }

    /**
     * OPM with measured weights: for each channel, the RMSNorm weight with the least squared error to the LayerNorm on the teacher's own streams.
     *
     * @param source a source's configuration
     * @return the table, for use with the tensors that {@link ChannelProbe} measures
     * @throws MappingException if the source is a Llama
     */
    static Mapping channel(DecoderConfig source) {
        Mapping.requireSource(source);
        DecoderConfig target = source.toLlama();
        List<MeasuredTensor> measured = ModelTensor.of(target).stream().filter(tensor -> tensor.role().isNorm())
                .map(tensor -> new MeasuredTensor(channelWeight(tensor.id().module()), tensor.shape())).toList();
        List<DroppedTensor> dropped = new ArrayList<>(DroppedTensor.of(source, role -> role.isNorm() && !role.isBias(), MEASURED));
        dropped.addAll(DroppedTensor.normBiases(source, Mapping.NO_SHIFT));
        return new Mapping(CHANNEL, source, target, Mapping.rows(target, tensor -> channel(tensor, source)), dropped, measured);
    }

    private static TensorMapping channel(ModelTensor tensor, DecoderConfig source) {
        return switch (tensor.role()) {
            case INPUT_NORM_WEIGHT, POST_ATTENTION_NORM_WEIGHT, FINAL_NORM_WEIGHT ->
                    TensorMapping.of(tensor, new Measured(), MEASURED, channelWeight(tensor.id().module()));
            default -> Mapping.opm(tensor, source);
        };
    }

    /** The name of a norm's measured weight, by the norm's name. */
    static String channelWeight(String norm) {
        return norm + ".channel_weight";
    }

    /** A measured tensor, unchanged. */
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
}
