package kept.model;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import kept.checkpoint.CheckpointException;
import kept.checkpoint.InputFiles;
import kept.checkpoint.JsonObject;

/**
 * How a checkpoint's makers want it to be sampled from: the part of {@code generation_config.json} that is used here. What the file leaves out is as
 * in transformers: without {@code do_sample} the likeliest token, with it top-k 50 and otherwise all tokens at temperature 1.
 *
 * @param sampling how tokens are chosen
 * @param maxNewTokens the most tokens of an answer, if it says
 * @param eosTokenIds tokens that end an answer; empty if the file does not say
 */
public record GenerationConfig(SamplingOptions sampling, OptionalInt maxNewTokens, List<Integer> eosTokenIds) {
    /** The file's name in a checkpoint's directory. */
    public static final String FILE = "generation_config.json";
    /** What holds where there is no such file. */
    public static final GenerationConfig NONE = new GenerationConfig(SamplingOptions.GREEDY, OptionalInt.empty(), List.of());

    private static final int USUAL_TOP_K = 50;

    /**
     * Reads the file of a directory.
     *
     * @param directory the checkpoint's
     * @return what it says; {@link #NONE} if it is not there
     * @throws CheckpointException if it cannot be read, or a value is of the wrong type or outside its range
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
                    ? new SamplingOptions(json.number("temperature", 1), json.integer("top_k", USUAL_TOP_K), json.number("top_p", 1),
                            json.number("min_p", 0), penalty)
                    : new SamplingOptions(0, 0, 1, 0, penalty);
            return new GenerationConfig(sampling, most > 0 ? OptionalInt.of(most) : OptionalInt.empty(), json.integers("eos_token_id"));
        } catch (IllegalArgumentException e) {
            throw new CheckpointException("generation", file, "cannot be used: " + e.getMessage(), e);
        }
    }
}
