package kept;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.calibration.Calibration;
import kept.calibration.CalibrationOptions;
import kept.mapping.CalibratedMapping;
import kept.mapping.Mapping;
import kept.model.DecoderConfig;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How a program's student is made of its teacher: {@code --mapping}, and what a mapping that is measured on text needs. */
final class MappingOptions {
    private static final String USUAL_FIELD = "text";

    @Spec(Spec.Target.MIXEE)
    private CommandSpec program;

    @Option(names = "--mapping", paramLabel = "NAME", defaultValue = "opm", order = 6,
            description = "How to map: opm (default), exact: with attention_bias, mlp_bias and one more layer; or calibrated:"
                    + " measured on a text, without any of these.")
    private String mapping;

    @Reads
    @Option(names = "--calibration", paramLabel = "FILE", arity = "1..*", order = 6,
            description = "The text that calibrated measures on: .txt, .jsonl, .gz or .zip of these, or folders. It need not be large, but of all"
                    + " kinds that matter (default in distill: what is learnt from).")
    private List<Path> calibration = List.of();

    @Option(names = "--calibration-field", paramLabel = "NAME", defaultValue = USUAL_FIELD, order = 6,
            description = "Field of the .jsonl lines of --calibration that holds the text (default: ${DEFAULT-VALUE}).")
    private String calibrationField = USUAL_FIELD;

    @Option(names = "--calibration-tokens", paramLabel = "N", order = 6,
            description = "Tokens to measure on (default: 65536, or 32 times the teacher's hidden size if that is more).")
    private Long calibrationTokens;

    @Option(names = "--anchor", paramLabel = "A", order = 6,
            description = "The constant that calibrated gives the embeddings, in units of their root mean square; 0 for none (default: chosen by the"
                    + " text).")
    private Double anchor;

    @Option(names = "--ridge", paramLabel = "R", order = 6,
            description = "What calibrated adds to the diagonal of each norm's equations, as a share of its mean (default: chosen by the text).")
    private Double ridge;

    @Writes(Writes.Kind.TEMPORARY_FILES)
    @Option(names = "--spill", paramLabel = "DIR", order = 6,
            description = "Where calibrated keeps the activations of its text (default: in memory; see --plan).")
    private Path spill;

    /** A mapping with all that its user may leave open, but for the tokens to measure on. */
    static MappingOptions of(String name, long calibrationTokens) {
        var options = new MappingOptions();
        options.mapping = name;
        options.calibrationTokens = calibrationTokens;
        return options;
    }

    /** The name of the chosen mapping. */
    String name() {
        return mapping;
    }

    /** How many tokens of a text may be drawn from to measure on, where the user has named none; 0 where nothing is measured on it. */
    long textTokens(DecoderConfig source) {
        return isCalibrated() && calibration.isEmpty() ? Math.multiplyExact(tokens(source), MeasuredMapping.TEXT_SHARE) : 0;
    }

    /** The table of the chosen mapping. Bad use is wrong usage, whatever else is wrong. */
    Mapping table(DecoderConfig source) {
        requireUsage();
        Mapping table = Mapping.named(mapping, source);
        table.requireComplete();
        return table;
    }

    /** Refuses options that the chosen mapping has no use for. */
    void requireUsage() {
        requireCalibrated("--calibration", calibration.isEmpty() ? null : calibration);
        requireCalibrated("--calibration-field", calibrationField.equals(USUAL_FIELD) ? null : calibrationField);
        requireCalibrated("--calibration-tokens", calibrationTokens);
        requireCalibrated("--anchor", anchor);
        requireCalibrated("--ridge", ridge);
        requireCalibrated("--spill", spill);
    }

    private void requireCalibrated(String option, Object value) {
        // Where the mapping was not chosen on a command line, program is null.
        if (program != null && !isCalibrated() && value != null) {
            throw wrong(option + " is for --mapping calibrated");
        }
    }

    /** Refuses a mapping that needs a text where there is none. */
    void requireText() {
        if (isCalibrated() && calibration.isEmpty()) {
            throw wrong("--mapping calibrated measures on a text: name one with --calibration FILE...");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(program.commandLine(), message);
    }

    boolean isCalibrated() {
        return mapping.equals(CalibratedMapping.NAME);
    }

    /** The calibration's files; empty if none was named. */
    List<Path> text() {
        return calibration;
    }

    /** The field of their JSON lines that holds the text. */
    String field() {
        return calibrationField;
    }

    /** How many tokens to measure on. */
    long tokens(DecoderConfig source) {
        return calibrationTokens == null ? Calibration.usualTokens(source) : calibrationTokens;
    }

    CalibrationOptions calibration() {
        return new CalibrationOptions(anchor == null ? Double.NaN : anchor, ridge == null ? Double.NaN : ridge, spill);
    }

    /** What shapes the mapping, by name. */
    Map<String, String> inWords(DecoderConfig source) {
        var words = new LinkedHashMap<String, String>();
        words.put("mapping", mapping);
        if (isCalibrated()) {
            words.put("calibration tokens", Long.toString(tokens(source)));
            words.put("anchor", anchor == null ? "chosen by the text" : anchor.toString());
            words.put("ridge", ridge == null ? "chosen by the text" : ridge.toString());
        }
        return words;
    }
}
