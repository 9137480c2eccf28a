package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.nn.Activation;
import kept.nn.RopeScaling;

/** What a mapping makes of a source, in words: how the Llama differs from a plain one. */
public final class TargetDescription {
    private TargetDescription() {}

    /**
     * Describes the target.
     *
     * @param mapping the table
     * @return such as {@code a Llama of 3 layers, one more than the source, with biases in attention and MLP}
     */
    public static String of(Mapping mapping) {
        DecoderConfig target = mapping.target();
        List<String> features = new ArrayList<>();
        if (target.attentionBias() || target.mlpBias()) {
            String places = target.attentionBias() && target.mlpBias() ? "attention and MLP" : target.mlpBias() ? "the MLP" : "attention";
            features.add("biases in " + places);
        }
        if (target.activation() != Activation.SILU) {
            features.add("hidden_act " + target.activationName());
        }
        if (target.ropeScaling() instanceof RopeScaling.LongRope) {
            features.add("longrope factors");
        }
        if (target.tieWordEmbeddings()) {
            features.add("tied embeddings");
        }
        int added = target.layers() - mapping.source().layers();
        return "a Llama of %d layers%s%s".formatted(target.layers(), added == 1 ? ", one more than the source" : "",
                features.isEmpty() ? "" : ", with " + String.join(", ", features));
    }
}
