package kept.mapping;

import java.util.ArrayList;
import java.util.List;
import kept.model.DecoderConfig;
import kept.nn.Activation;
import kept.nn.RopeScaling;
import kept.text.Counts;

/** What a mapping makes of a source, in words: how the Llama differs from a plain one and from the source, and which engines run it. */
public final class TargetDescription {
    private TargetDescription() {}

    /**
     * Describes the target.
     *
     * @param mapping the table
     * @return such as {@code a Llama of 3 layers, one more than the source, with biases in attention and MLP}
     */
    public static String of(Mapping mapping) {
        DecoderConfig source = mapping.source();
        DecoderConfig target = mapping.target();
        List<String> features = features(target);
        boolean isGiven = mapping.name().equals(GivenStudent.NAME);
        if (!isGiven && target.heads() > source.heads()) {
            features.add("%d attention heads, %d of them zero".formatted(target.heads(), target.heads() - source.heads()));
        }
        if (!isGiven && source.tieWordEmbeddings() && !target.tieWordEmbeddings()) {
            features.add("a head of its own (the source's is its embedding)");
        }
        int added = isGiven ? 0 : target.layers() - source.layers();
        return "a Llama of %s%s%s".formatted(Counts.of(target.layers(), "layer", "layers"), added == 1 ? ", one more than the source" : "",
                features.isEmpty() ? "" : ", with " + String.join(", ", features));
    }

    private static List<String> features(DecoderConfig target) {
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
        return features;
    }

    /**
     * The engines that run a Llama, by what their sources say; docs/families.md has the details.
     *
     * @param llama its configuration
     * @return such as {@code transformers, vLLM, llama.cpp; not SGLang, which ignores mlp_bias}
     */
    public static String engines(DecoderConfig llama) {
        if (llama.activation() != Activation.SILU) {
            return "transformers, vLLM with --model-impl transformers; not SGLang and llama.cpp, whose Llama has SiLU only";
        }
        List<String> engines = new ArrayList<>(List.of("transformers"));
        List<String> reasons = new ArrayList<>();
        if (llama.ropeScaling() instanceof RopeScaling.LongRope) {
            reasons.add(llama.mlpBias() ? "vLLM was not tried with longrope" : "vLLM and SGLang were not tried with longrope");
        } else {
            engines.add("vLLM");
        }
        if (llama.mlpBias()) {
            reasons.add("not SGLang, which ignores mlp_bias");
        } else if (reasons.isEmpty()) {
            engines.add("SGLang");
        }
        if (isInGguf(llama.ropeScaling())) {
            engines.add("llama.cpp");
        } else {
            reasons.add("not llama.cpp, whose files cannot hold this scaling of positions");
        }
        return String.join(", ", engines) + (reasons.isEmpty() ? "" : "; " + String.join(", ", reasons));
    }

    /** Whether a file of llama.cpp can hold a scaling: of LongRoPE one set of factors, of YaRN the usual settings. */
    private static boolean isInGguf(RopeScaling scaling) {
        return switch (scaling) {
            case RopeScaling.LongRope rope -> rope.attentionFactor() == 1 && rope.shortFactors().equals(rope.longFactors());
            case RopeScaling.Yarn yarn -> yarn.equals(new RopeScaling.Yarn(yarn.factor(), yarn.originalMaxPositions(), 32, 1,
                    RopeScaling.Yarn.attentionFactor(yarn.factor()), true));
            case RopeScaling.None _, RopeScaling.Linear _, RopeScaling.DynamicNtk _, RopeScaling.Llama3 _ -> true;
        };
    }
}
