package kept.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import kept.text.VisibleText;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A training text on the command line: {@code FILE}, or {@code NAME=WEIGHT:FILE} for one of several in shares. An existing file of such a name is the
 * file.
 *
 * @param text as it was written
 * @param name of a text with a weight; empty for one without
 * @param weight above 0
 * @param file the file or folder
 */
public record CorpusArgument(String text, String name, double weight, Path file) {
    private static final Pattern WEIGHTED = Pattern.compile("([^=:/\\\\]+)=([^=:/\\\\]*):(.+)");
    private static final int SHOWN = 200;

    /** Reads it. */
    public static final class Converter implements ITypeConverter<CorpusArgument> {
        /** For the command line. */
        public Converter() {}

        @Override
        public CorpusArgument convert(String text) {
            Matcher weighted = WEIGHTED.matcher(text);
            var paths = new PathArgument();
            if (!weighted.matches() || Files.exists(paths.convert(text))) {
                return new CorpusArgument(text, "", 1, paths.convert(text));
            }
            double weight = number(weighted.group(2));
            if (!(weight > 0) || Double.isInfinite(weight)) {
                throw new TypeConversionException("'%s': the weight must be a number above 0, as in prose=0.7:prose.jsonl".formatted(
                        VisibleText.shortened(text, SHOWN)));
            }
            return new CorpusArgument(text, weighted.group(1), weight, paths.convert(weighted.group(3)));
        }

        private static double number(String text) {
            try {
                return Double.parseDouble(text);
            } catch (NumberFormatException e) {
                return Double.NaN;
            }
        }
    }

    /**
     * Explains why texts cannot be mixed.
     *
     * @param texts those of a command line
     * @return the problem; empty if there is none
     */
    public static String problem(List<CorpusArgument> texts) {
        SequencedMap<String, Double> weights = new LinkedHashMap<>();
        for (CorpusArgument text : texts) {
            Double other = weights.putIfAbsent(text.name, text.weight);
            if (other != null && other != text.weight) {
                return "--corpus gives the text %s the weights %s and %s; files of one name have one weight, which they share".formatted(
                        VisibleText.shortened(text.name, SHOWN), other, text.weight);
            }
        }
        return weights.size() > 1 && weights.containsKey("")
                ? "--corpus gives some texts a weight (NAME=WEIGHT:FILE) and others none; give each one, or none" : "";
    }

    /**
     * The files of each text.
     *
     * @param texts those of a command line
     * @return by the first argument of each
     */
    public static SequencedMap<CorpusArgument, List<Path>> byName(List<CorpusArgument> texts) {
        SequencedMap<CorpusArgument, List<Path>> files = new LinkedHashMap<>();
        for (CorpusArgument text : texts) {
            CorpusArgument first = files.keySet().stream().filter(other -> other.name.equals(text.name)).findFirst().orElse(text);
            files.computeIfAbsent(first, _ -> new ArrayList<>()).add(text.file);
        }
        return files;
    }

    @Override
    public String toString() {
        return text;
    }
}
