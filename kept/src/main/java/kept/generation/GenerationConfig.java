package kept.generation;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import kept.io.FileException;
import kept.io.InputFiles;
import kept.io.JsonObject;
import kept.model.DecoderConfig;

/**
 * The sampling settings of a checkpoint: the supported part of {@code generation_config.json}. Defaults are those of transformers: without
 * {@code do_sample} greedy decoding, with it top-k 50, top-p 1 and temperature 1.
 *
 * @param sampling the sampling options
 * @param maxNewTokens the maximum number of generated tokens, if specified
 * @param eosTokenIds the tokens that end generation; empty if not specified
 */
public record GenerationConfig(SamplingOptions sampling, OptionalInt maxNewTokens, List<Integer> eosTokenIds) {
    /** File name in a checkpoint directory. */
    public static final String FILE = DecoderConfig.GENERATION_FILE;
    /** The settings of a checkpoint without such a file. */
    public static final GenerationConfig NONE = new GenerationConfig(SamplingOptions.GREEDY, OptionalInt.empty(), List.of());

    private static final int DEFAULT_TOP_K = 50;

    /** Unsupported settings that would change the generated text, with their neutral values. */
    private static final Map<String, List<Double>> UNUSED = Map.ofEntries(Map.entry("num_beams", List.of(1.0)),
        Map.entry("num_beam_groups", List.of(1.0)),
        Map.entry("num_return_sequences", List.of(1.0)), Map.entry("typical_p", List.of(1.0)), Map.entry("top_h", List.of()),
        Map.entry("epsilon_cutoff", List.of(0.0)), Map.entry("eta_cutoff", List.of(0.0)), Map.entry("penalty_alpha", List.of(0.0)),
        Map.entry("no_repeat_ngram_size", List.of(0.0)), Map.entry("encoder_no_repeat_ngram_size", List.of(0.0)),
        Map.entry("encoder_repetition_penalty", List.of(1.0)), Map.entry("diversity_penalty", List.of(0.0)), Map.entry("min_length", List.of(0.0)),
        Map.entry("min_new_tokens", List.of(0.0)), Map.entry("guidance_scale", List.of(1.0)), Map.entry("max_time", List.of()),
        Map.entry("bad_words_ids", List.of()), Map.entry("force_words_ids", List.of()), Map.entry("sequence_bias", List.of()),
        Map.entry("suppress_tokens", List.of()), Map.entry("begin_suppress_tokens", List.of()), Map.entry("forced_bos_token_id", List.of()),
        Map.entry("forced_eos_token_id", List.of()), Map.entry("forced_decoder_ids", List.of()), Map.entry("stop_strings", List.of()),
        Map.entry("exponential_decay_length_penalty", List.of()), Map.entry("watermarking_config", List.of()), Map.entry("constraints", List.of()),
        Map.entry("dola_layers", List.of()), Map.entry("token_healing", List.of()), Map.entry("max_length", List.of(20.0)));

    /**
     * Returns the unsupported settings in a directory's file.
     *
     * @param directory the checkpoint's
     * @return the keys of settings that would change the generated text, in alphabetical order; usually empty
     * @throws FileException if the file cannot be read
     */
    public static List<String> unused(Path directory) {
        return InputFiles.find("generation", directory, FILE).map(file -> JsonObject.read("generation", file).toMap().entrySet().stream()
            .filter(setting -> setting.getValue() != null && UNUSED.containsKey(setting.getKey()) && !isNeutral(setting.getKey(), setting.getValue()))
            .map(Map.Entry::getKey).sorted().toList()).orElse(List.of());
    }

    private static boolean isNeutral(String key, Object value) {
        return switch (value) {
            case Number number -> UNUSED.get(key).contains(number.doubleValue());
            case Boolean truth -> !truth;
            case List<?> list -> list.isEmpty();
            default -> false;
        };
    }

    /**
     * Checks all values in a directory's file for wrong types and ranges, whether or not they are used.
     *
     * @param directory the checkpoint's
     * @return the keys and problems in words; empty if there are none
     * @throws FileException if the file cannot be read
     */
    public static Optional<String> wrongValues(Path directory) {
        Path file = InputFiles.find("generation", directory, FILE).orElse(null);
        if (file == null) {
            return Optional.empty();
        }
        JsonObject json = JsonObject.read("generation", file);
        List<String> wrong = new ArrayList<>(GenerationKeys.wrongTypes(json));
        if (wrong.isEmpty()) {
            try {
                read(directory);
            } catch (FileException e) {
                wrong.add(e.getCause() instanceof IllegalArgumentException cause ? cause.getMessage() : e.problem());
            }
        }
        return wrong.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", wrong));
    }

    /**
     * Reads the file of a directory.
     *
     * @param directory the checkpoint's
     * @return its settings; {@link #NONE} if the file does not exist
     * @throws FileException if it cannot be read, or a value has the wrong type or is out of range
     */
    public static GenerationConfig read(Path directory) {
        Path file = InputFiles.find("generation", directory, FILE).orElse(null);
        if (file == null) {
            return NONE;
        }
        JsonObject json = JsonObject.read("generation", file);
        boolean sampled = json.flag("do_sample", false);
        double penalty = json.number("repetition_penalty", 1);
        int most = json.integer("max_new_tokens", 0);
        try {
            SamplingOptions sampling = sampled
                    ? new SamplingOptions(json.number("temperature", 1), json.integer("top_k", DEFAULT_TOP_K), json.number("top_p", 1),
                            json.number("min_p", 0), penalty)
                    : new SamplingOptions(0, 0, 1, 0, penalty);
            return new GenerationConfig(sampling, most > 0 ? OptionalInt.of(most) : OptionalInt.empty(), json.integers("eos_token_id"));
        } catch (IllegalArgumentException e) {
            throw new FileException("generation", file, "cannot be used: " + e.getMessage(), e);
        }
    }
}
