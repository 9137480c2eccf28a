package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** What to say of a model of some other architecture: why no Llama computes what it does, or how it becomes one that can be read. */
final class ForeignArchitectures {
    private static final String PARALLEL = "attention and MLP read the same stream (parallel blocks)";
    private static final String PARALLEL_AND_NORMS = PARALLEL + ", and queries and keys may be normalised";
    private static final String ALIBI = "attention scores fall with the distance (ALiBi) and nothing is rotated";
    private static final String LEARNED = "positions are learned embeddings and nothing is rotated";
    private static final String AFTER = "the norms follow attention and MLP";

    /** By {@code model_type}. */
    private static final Map<String, String> REASONS = Map.ofEntries(Map.entry("gpt_neox", PARALLEL), Map.entry("gpt_neox_japanese", PARALLEL),
        Map.entry("gptj", PARALLEL), Map.entry("codegen", PARALLEL), Map.entry("phi", PARALLEL_AND_NORMS), Map.entry("cohere", PARALLEL_AND_NORMS),
        Map.entry("cohere2", PARALLEL_AND_NORMS), Map.entry("falcon", PARALLEL), Map.entry("persimmon", "queries and keys are normalised"),
        Map.entry("mpt", ALIBI), Map.entry("bloom", ALIBI), Map.entry("gpt2", LEARNED), Map.entry("gpt_bigcode", LEARNED),
        Map.entry("gpt_neo", LEARNED), Map.entry("opt", LEARNED), Map.entry("biogpt", LEARNED), Map.entry("xglm", LEARNED),
        Map.entry("olmo2", AFTER), Map.entry("olmo3", AFTER), Map.entry("nemotron_h", "some layers are state-space models (Mamba)"));

    private static final String OLMO = "the format of OLMo's own code, whose tensors have other names: take the model's conversion for transformers, "
        + "whose name ends in -hf, such as allenai/OLMo-7B-hf";
    private static final String STABLELM = "the configuration of StableLM's former code, for the same weights: in config.json set model_type to "
        + "stablelm and architectures to [\"StableLmForCausalLM\"], and rename rope_pct to partial_rotary_factor and norm_eps to layer_norm_eps";

    /** Former formats of supported architectures, by {@code model_type} and by class. */
    private static final Map<String, String> REMEDIES = Map.of("hf_olmo", OLMO, "OLMoForCausalLM", OLMO, "stablelm_epoch", STABLELM,
        "StableLMEpochForCausalLM", STABLELM);

    private ForeignArchitectures() {}

    /**
     * A clause for an error.
     *
     * @param modelType {@code model_type}; may be null
     * @param classes {@code architectures}
     * @return the clause; empty for an architecture that is not known
     */
    static String clause(String modelType, List<String> classes) {
        String reason = modelType == null ? null : REASONS.get(modelType);
        if (reason != null) {
            return ", in which %s, which no Llama does".formatted(reason);
        }
        return Stream.concat(Stream.ofNullable(modelType), classes.stream()).map(REMEDIES::get).filter(Objects::nonNull).findFirst()
            .map(remedy -> ", " + remedy).orElse("");
    }
}
