package kept.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import kept.generation.GenerationOptions;
import kept.generation.SamplingOptions;
import picocli.CommandLine.Option;

/** Options of sampling. Defaults are those of the checkpoint in a conversation, and otherwise the most likely token. */
public final class SamplingArguments {
    @Option(names = "--max-tokens", paramLabel = "N",
            description = "Tokens to add at most (default: 100; in a conversation the checkpoint's max_new_tokens, or 512).")
    private Integer maxTokens;

    @Option(names = "--temperature", paramLabel = "X",
            description = "0 takes the most likely token; higher values give more varied text (default: 0).")
    private Double temperature;

    @Option(names = "--top-k", paramLabel = "N", description = "Sample from the N most likely tokens; 0 for all (default: 0).")
    private Integer topK;

    @Option(names = "--top-p", paramLabel = "X",
            description = "Sample from the smallest set of tokens whose probabilities add up to X (default: 1).")
    private Double topP;

    @Option(names = "--min-p", paramLabel = "X",
            description = "Sample from tokens with at least this share of the most likely one's probability (default: 0).")
    private Double minP;

    @Option(names = "--repetition-penalty", paramLabel = "X",
            description = "Above 1 makes tokens that have occurred, in the prompt too, less likely (default: 1). "
                    + "In a conversation the defaults of these five are those of the checkpoint's generation_config.json.")
    private Double repetitionPenalty;

    @Option(names = "--stop", paramLabel = "TEXT", description = "Stop before this text, which is not printed; may be given several times.")
    private List<String> stops = new ArrayList<>();

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Seed of the sampling (default: ${DEFAULT-VALUE}).")
    private long seed;

    /** Throws IllegalArgumentException if a value is outside its range. */
    public GenerationOptions options(SamplingOptions defaults, int most, Set<Integer> ends) {
        var sampling = new SamplingOptions(
                temperature == null ? defaults.temperature() : temperature,
                topK == null ? defaults.topK() : topK,
                topP == null ? defaults.topP() : topP,
                minP == null ? defaults.minP() : minP,
                repetitionPenalty == null ? defaults.repetitionPenalty() : repetitionPenalty);
        return new GenerationOptions(sampling, seed, maxTokens == null ? most : maxTokens, stops, ends);
    }
}
