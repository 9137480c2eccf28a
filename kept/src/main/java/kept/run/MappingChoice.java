package kept.run;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import kept.calibration.Calibration;
import kept.calibration.CalibrationOptions;
import kept.calibration.CalibrationSequences;
import kept.corpus.Corpus;
import kept.mapping.CalibratedMapping;
import kept.mapping.GivenStudent;
import kept.mapping.Mapping;
import kept.mapping.UsualMapping;
import kept.model.DecoderConfig;

/**
 * Where a student comes from: a mapping of its teacher and, for {@code calibrated}, the calibration text and options; or the directory of a Llama.
 *
 * @param name {@code opm}, {@code exact}, {@code calibrated} or, for comparison, {@code ones} or {@code centred}; {@code student} for a given one
 * @param text files or folders with calibration text; may be empty for a distillation, which then takes the training text
 * @param field the field of JSON lines that holds the text
 * @param tokens calibration tokens; empty for the default, which depends on the hidden size
 * @param options options of the calibration
 * @param student the directory of a given student; null for one that a mapping makes
 */
public record MappingChoice(String name, List<Path> text, String field, OptionalLong tokens, CalibrationOptions options, Path student) {
    /** The report's mapping, the default except in conversions for which {@link #usual} is another. */
    public static final MappingChoice OPM = of("opm");
    /** The mapping {@code exact}: a Llama with biases and an additional layer. */
    public static final MappingChoice EXACT = of("exact");

    /** Makes the list immutable and checks the number of tokens. */
    public MappingChoice {
        if ((student != null) != name.equals(GivenStudent.NAME)) {
            throw new RunException("[student] a given student, and it alone, is called '%s', not '%s'".formatted(GivenStudent.NAME, name));
        }
        text = List.copyOf(text);
        tokens.ifPresent(count -> TokenLimit.require("calibration tokens", count));
    }

    /**
     * A mapping.
     *
     * @param name the mapping's
     * @param text files or folders with calibration text
     * @param field the field of JSON lines that holds the text
     * @param tokens calibration tokens; empty for the default
     * @param options options of the calibration
     */
    public MappingChoice(String name, List<Path> text, String field, OptionalLong tokens, CalibrationOptions options) {
        this(name, text, field, tokens, options, null);
    }

    /**
     * The mapping of a conversion for which none is chosen.
     *
     * @param source a source's configuration
     * @return {@code exact} where the norms have no biases, so that it costs nothing; else {@code opm}
     * @throws kept.mapping.MappingException if the source is a Llama
     */
    public static MappingChoice usual(DecoderConfig source) {
        return of(UsualMapping.of(source).toString());
    }

    /**
     * A mapping by its name, with default options.
     *
     * @param name the mapping's
     * @return the choice
     */
    public static MappingChoice of(String name) {
        return new MappingChoice(name, List.of(), "text", OptionalLong.empty(), CalibrationOptions.DEFAULTS);
    }

    /**
     * A student that exists already, made by an earlier distillation or by others. It has the teacher's vocabulary; layers, widths and heads may
     * differ.
     *
     * @param directory a Llama's: config.json and weights
     * @return the choice, for a distillation
     */
    public static MappingChoice student(Path directory) {
        return new MappingChoice(GivenStudent.NAME, List.of(), "text", OptionalLong.empty(), CalibrationOptions.DEFAULTS, directory);
    }

    /**
     * The mapping {@code calibrated}.
     *
     * @param text files or folders with calibration text
     * @return the choice
     */
    public static MappingChoice calibrated(Path... text) {
        return new MappingChoice(CalibratedMapping.NAME, List.of(text), "text", OptionalLong.empty(), CalibrationOptions.DEFAULTS);
    }

    /**
     * Returns this choice with another number of calibration tokens.
     *
     * @param count the maximum number
     * @return the choice
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public MappingChoice withTokens(long count) {
        return new MappingChoice(name, text, field, OptionalLong.of(count), options, student);
    }

    /**
     * Returns this choice with the text in another field of JSON lines.
     *
     * @param key the field's name
     * @return the choice
     */
    public MappingChoice withField(String key) {
        return new MappingChoice(name, text, key, tokens, options, student);
    }

    /**
     * Returns this choice with other options of calibration.
     *
     * @param other anchor, ridge and the place of streams
     * @return the choice
     */
    public MappingChoice withOptions(CalibrationOptions other) {
        return new MappingChoice(name, text, field, tokens, other, student);
    }

    /**
     * Whether the mapping needs calibration text.
     *
     * @return true for {@code calibrated}
     */
    public boolean isCalibrated() {
        return name.equals(CalibratedMapping.NAME);
    }

    /**
     * Returns the number of calibration tokens.
     *
     * @param source the teacher
     * @return how many, at most
     */
    public long tokens(DecoderConfig source) {
        return tokens.orElseGet(() -> Calibration.usualTokens(source));
    }

    /** The number of tokens of the training text from which calibration sequences are sampled if the user has named no text; 0 if none are. */
    long textTokens(DecoderConfig source) {
        return isCalibrated() && text.isEmpty() ? Math.multiplyExact(tokens(source), CalibrationSequences.TEXT_SHARE) : 0;
    }

    /** The calibration text that the user has named. */
    Corpus corpus() {
        if (text.isEmpty()) {
            throw new RunException("[calibration] --mapping calibrated measures on a text: name one with --calibration FILE...");
        }
        return Corpus.of(text, field);
    }

    /** The mapping's table, which accounts for all tensors. */
    Mapping table(DecoderConfig source) {
        Mapping table = student == null ? Mapping.named(name, source) : GivenStudent.of(source, DecoderConfig.read(student));
        table.requireComplete();
        return table;
    }

    /**
     * The settings that determine the mapping, by name.
     *
     * @param table the mapping's own
     */
    Map<String, String> inWords(Mapping table) {
        var words = new LinkedHashMap<String, String>();
        words.put("mapping", name);
        if (isCalibrated()) {
            words.put("calibration tokens", Long.toString(tokens(table.source())));
            words.put("anchor", inWords(options.anchor()));
            words.put("ridge", inWords(options.ridge()));
        }
        if (student != null) {
            SavedSettings.put(words, GivenStudent.NAME, table.target());
        }
        return words;
    }

    private static String inWords(double number) {
        return Double.isNaN(number) ? "chosen by the text" : Double.toString(number);
    }
}
