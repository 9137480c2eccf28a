package kept.generation;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import kept.io.FileException;
import kept.io.JsonObject;

/** The types of the keys transformers writes into {@code generation_config.json}; each may be null. */
final class GenerationKeys {
    private static final List<String> NUMBERS = List.of("temperature", "top_p", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff",
        "repetition_penalty", "encoder_repetition_penalty", "length_penalty", "diversity_penalty", "guidance_scale", "penalty_alpha", "max_time");
    private static final List<String> INTEGERS = List.of("top_k", "max_length", "max_new_tokens", "min_length", "min_new_tokens", "num_beams",
        "num_beam_groups", "num_return_sequences", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bos_token_id", "pad_token_id",
        "decoder_start_token_id");
    private static final List<String> LISTS = List.of("eos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens");
    private static final List<String> FLAGS = List.of("do_sample", "use_cache", "renormalize_logits", "remove_invalid_values", "token_healing",
        "output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate");

    private GenerationKeys() { }

    /** Describes each value of the wrong type. */
    static List<String> wrongTypes(JsonObject json) {
        List<String> wrong = new ArrayList<>();
        check(json, NUMBERS, (object, key) -> object.number(key, 0), wrong);
        check(json, INTEGERS, (object, key) -> object.integer(key, 0), wrong);
        check(json, LISTS, JsonObject::integers, wrong);
        check(json, FLAGS, (object, key) -> object.flag(key, false), wrong);
        return wrong;
    }

    private static void check(JsonObject json, List<String> keys, BiConsumer<JsonObject, String> reading, List<String> wrong) {
        for (String key : keys) {
            try {
                reading.accept(json, key);
            } catch (FileException e) {
                wrong.add(e.problem());
            }
        }
    }
}
