package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.corpus.Corpus;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
import kept.evaluation.TextEvaluation;
import kept.text.VisibleText;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How programs that judge models on held-out text read it: how much of it, and in what sequences. */
final class HeldOutTextOptions {
    private static final int USUAL_LENGTH = 512;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    private final SequencedMap<String, TextCoverage> read = new LinkedHashMap<>();

    @Option(names = "--field", paramLabel = "NAME", defaultValue = "text", order = 7,
            description = "Field of .jsonl lines (default: ${DEFAULT-VALUE}).")
    private String field;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "16384", order = 8,
            description = "Tokens of each text to judge on, at most (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(names = "--sequence-length", paramLabel = "N", order = 9,
            description = "Tokens of a sequence (default: 512, or the model's positions if fewer).")
    private Integer sequenceLength;

    /** The field of .jsonl lines. */
    String field() {
        return field;
    }

    /**
     * The tokens of a sequence.
     *
     * @param program whose error it is if they are too many
     * @param positions the most that the models take
     */
    int length(String program, int positions) {
        int length = sequenceLength == null ? Math.min(USUAL_LENGTH, positions) : sequenceLength;
        if (length > positions) {
            throw new ProgramException("[%s] --sequence-length %d exceeds the model's %d positions".formatted(program, length, positions));
        }
        return length;
    }

    /** The beginning of a text in sequences of some length; what was read of it is said, and kept for {@link #textsJson}. */
    TextEvaluation evaluation(String name, Corpus text, Tokenizer tokenizer, int length) {
        try (PackedTokens packed = PackedTokens.of(text, tokenizer, tokens + length + 1)) {
            var evaluation = TextEvaluation.of(name, packed, length, tokens);
            read.put(name, packed.coverage());
            command.commandLine().getErr().println("text %s: judged on %,d tokens of %s".formatted(
                    VisibleText.escaped(name), (long) evaluation.sequences() * length, VisibleText.onTerminal(packed.description())));
            return evaluation;
        }
    }

    /** What was read of each text, for JSON. */
    Map<String, Object> textsJson() {
        Map<String, Object> json = new LinkedHashMap<>();
        read.forEach((name, coverage) -> json.put(name, coverage.toMap()));
        return json;
    }

    /**
     * Files by the names of texts.
     *
     * @param option that gave them
     * @param texts NAME=FILE each; one name may have several files
     * @param command whose usage is shown if one is not
     */
    static SequencedMap<String, List<Path>> byName(String option, List<String> texts, CommandLine command) {
        SequencedMap<String, List<Path>> named = new LinkedHashMap<>();
        for (String text : texts) {
            int end = text.indexOf('=');
            if (end < 1 || end == text.length() - 1) {
                throw new ParameterException(command, "%s must be NAME=FILE, not '%s'".formatted(option, text));
            }
            named.computeIfAbsent(text.substring(0, end), _ -> new ArrayList<>()).add(path(option, text.substring(end + 1), command));
        }
        return named;
    }

    private static Path path(String option, String text, CommandLine command) {
        try {
            return new PathArgument().convert(text);
        } catch (CommandLine.TypeConversionException e) {
            throw new ParameterException(command, "%s: %s".formatted(option, e.getMessage()), e);
        }
    }
}
