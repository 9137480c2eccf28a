package kept.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.corpus.TextCoverage;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Options of programs that evaluate models on held-out text: its field, evaluation tokens, and sequence length. */
public final class HeldOutTextOptions {
    @Option(names = "--text-field", paramLabel = "NAME", defaultValue = "text", order = 7,
            description = "Field of records, or column of tables, that holds the text (default: ${DEFAULT-VALUE}).")
    private String field;

    @Option(names = "--evaluation-tokens", paramLabel = "N", defaultValue = "16384", order = 8,
            description = "Evaluation tokens per text, at most (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(names = "--sequence-length", paramLabel = "N", order = 9,
            description = "Tokens per sequence (default: 512, or the model's positions if fewer).")
    private Integer sequenceLength;

    /** The field of records that holds the text. */
    public String field() {
        return field;
    }

    /** Tokens of each text, at most. */
    public long tokens() {
        return tokens;
    }

    /** The tokens of a sequence; null for as many as suit the models. */
    public Integer sequenceLength() {
        return sequenceLength;
    }

    /** The part of each text that was read, for JSON. */
    public static Map<String, Object> json(SequencedMap<String, TextCoverage> read) {
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
    public static SequencedMap<String, List<Path>> byName(String option, List<String> texts, CommandLine command) {
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
