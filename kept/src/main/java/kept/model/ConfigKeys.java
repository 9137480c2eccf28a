package kept.model;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** The keys of config.json and generation_config.json, as written by transformers 4 and 5, by how they are handled. */
final class ConfigKeys {
    /**
     * Keys that are read for every architecture ({@link Family} has those of each), and written to a derived config.json; unsupported values are
     * rejected.
     */
    static final Set<String> READ = Set.of("architectures", "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act", "rope_theta", "rope_scaling", "rope_parameters",
        "original_max_position_embeddings", "partial_rotary_factor", "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id",
        "torch_dtype", "dtype", "initializer_range", "quantization_config",
        "compression_config", "sliding_window", "use_sliding_window", "layer_types", "is_encoder_decoder", "add_cross_attention", "pruned_heads");

    /** Keys about the origin of a file, which are written anew. */
    static final Set<String> PROVENANCE = Set.of("_name_or_path", "name_or_path", "transformers_version", "_commit_hash", "_from_model_config");

    /** Keys that do not affect the model's output if they have one of these values; other values are reported as not copied. */
    static final Map<String, List<Object>> HARMLESS = Map.ofEntries(
        Map.entry("pretraining_tp", List.of(1)), Map.entry("use_cache", List.of(true)), Map.entry("attention_dropout", List.of(0, 0.0)),
        Map.entry("residual_dropout", List.of(0, 0.0)), Map.entry("embedding_dropout", List.of(0, 0.0)),
        Map.entry("hidden_dropout", List.of(0, 0.0)),
        Map.entry("return_dict", List.of(true)), Map.entry("torchscript", List.of(false)), Map.entry("use_bfloat16", List.of(false)),
        Map.entry("output_attentions", List.of(false)), Map.entry("output_hidden_states", List.of(false)), Map.entry("is_decoder", List.of(false)),
        Map.entry("tie_encoder_decoder", List.of(false)), Map.entry("tf_legacy_loss", List.of(false)),
        Map.entry("chunk_size_feed_forward", List.of(0)), Map.entry("cross_attention_hidden_size", List.of()),
        Map.entry("finetuning_task", List.of()), Map.entry("problem_type", List.of()), Map.entry("prefix", List.of()),
        Map.entry("task_specific_params", List.of(Map.of())), Map.entry("tokenizer_class", List.of()),
        Map.entry("id2label", List.of(Map.of("0", "LABEL_0", "1", "LABEL_1"))), Map.entry("label2id", List.of(Map.of("LABEL_0", 0, "LABEL_1", 1))),
        Map.entry("max_window_layers", List.of()), Map.entry("_attn_implementation_autoset", List.of(true, false)));

    /** Generation settings, which transformers 4 may also store in config.json; they apply if there is no generation_config.json. */
    static final Set<String> GENERATION = Set.of("max_length", "max_new_tokens", "min_length", "min_new_tokens", "early_stopping", "max_time",
        "stop_strings", "do_sample", "num_beams", "num_beam_groups", "penalty_alpha", "dola_layers", "use_mtp", "cache_implementation",
        "cache_config",
        "return_legacy_cache", "prefill_chunk_size", "temperature", "top_k", "top_p", "top_h", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff",
        "diversity_penalty", "repetition_penalty", "encoder_repetition_penalty", "length_penalty", "no_repeat_ngram_size", "bad_words_ids",
        "force_words_ids", "renormalize_logits", "constraints", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
        "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "forced_decoder_ids", "sequence_bias", "token_healing",
        "guidance_scale", "low_memory", "watermarking_config", "num_return_sequences", "output_scores", "output_logits", "return_dict_in_generate",
        "encoder_no_repeat_ngram_size", "decoder_start_token_id", "sep_token_id", "is_assistant", "num_assistant_tokens",
        "num_assistant_tokens_schedule", "assistant_confidence_threshold", "prompt_lookup_num_tokens", "max_matching_ngram_size",
        "assistant_early_exit", "assistant_ensemble_weight", "assistant_lookbehind", "target_lookbehind", "speculation_type", "compile_config",
        "disable_compile", "continuous_batching_config", "max_cache_len");

    /** The keys of rope_scaling and rope_parameters used by each type of scaling, besides its name, rope_theta and partial_rotary_factor. */
    static final Map<String, Set<String>> ROPE = Map.of("default", Set.of(), "linear", Set.of("factor"), "dynamic", Set.of("factor"),
        "llama3", Set.of("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
        "yarn", Set.of("factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
            "truncate"),
        "longrope", Set.of("factor", "original_max_position_embeddings", "attention_factor", "short_factor", "long_factor"));

    /** Keys of former code, which transformers does not read, for its {@code partial_rotary_factor}. */
    static final List<String> FORMER_ROTARY_FACTORS = List.of("rope_pct", "rotary_pct", "rotary_percentage", "rope_percent");

    /** The keys common to all types. */
    static final Set<String> ROPE_COMMON = Set.of("rope_type", "type", "rope_theta", "partial_rotary_factor");

    private ConfigKeys() { }

    /** Whether a key is read for an architecture. */
    static boolean isRead(String key, Family family) {
        return READ.contains(key) || family.keys().contains(key) || family.positionKeys().contains(key)
            || family.normEpsKey().filter(key::equals).isPresent();
    }
}
