package kept.model;

import java.util.Map;

/** Why no Llama computes what a model of some other architecture does, by {@code model_type}. */
final class ForeignArchitectures {
    private static final String PARALLEL = "attention and MLP read the same stream (parallel blocks)";
    private static final String PARALLEL_AND_NORMS = PARALLEL + ", and queries and keys may be normalised";
    private static final String ALIBI = "attention scores fall with the distance (ALiBi) and nothing is rotated";
    private static final String LEARNED = "positions are learned embeddings and nothing is rotated";
    private static final String AFTER = "the norms follow attention and MLP";

    private static final Map<String, String> REASONS = Map.ofEntries(Map.entry("gpt_neox", PARALLEL), Map.entry("gpt_neox_japanese", PARALLEL),
        Map.entry("gptj", PARALLEL), Map.entry("codegen", PARALLEL), Map.entry("phi", PARALLEL_AND_NORMS), Map.entry("cohere", PARALLEL_AND_NORMS),
        Map.entry("cohere2", PARALLEL_AND_NORMS), Map.entry("falcon", PARALLEL), Map.entry("persimmon", "queries and keys are normalised"),
        Map.entry("mpt", ALIBI), Map.entry("bloom", ALIBI), Map.entry("gpt2", LEARNED), Map.entry("gpt_bigcode", LEARNED),
        Map.entry("gpt_neo", LEARNED), Map.entry("opt", LEARNED), Map.entry("biogpt", LEARNED), Map.entry("xglm", LEARNED),
        Map.entry("olmo2", AFTER), Map.entry("olmo3", AFTER));

    private ForeignArchitectures() {}

    /** A clause for an error; empty for a type that is not known. */
    static String reason(String modelType) {
        String reason = modelType == null ? null : REASONS.get(modelType);
        return reason == null ? "" : ", in which %s, which no Llama does".formatted(reason);
    }
}
