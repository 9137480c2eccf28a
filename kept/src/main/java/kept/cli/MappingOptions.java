package kept.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import kept.calibration.CalibrationOptions;
import kept.run.MappingChoice;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The mapping from teacher to student: {@code --mapping}, and the options of a mapping that is measured on text. */
public final class MappingOptions {
    /** The names of all options that say how a student is made. */
    public static final List<String> NAMES =
            List.of("--mapping", "--calibration", "--calibration-field", "--calibration-tokens", "--anchor", "--ridge", "--spill");

    private static final String DEFAULT_FIELD = "text";

    @Spec(Spec.Target.MIXEE)
    private CommandSpec program;

    @Option(names = "--mapping", paramLabel = "NAME", order = 6,
            description = "opm: RMSNorms from LayerNorms; exact: the same function, with attention_bias, mlp_bias and one more layer where the norms"
                    + " have biases; calibrated: corrected by least squares on a text, no shape changes (default: opm; convert takes exact where the"
                    + " norms have no biases, as in OLMo).")
    private MappingName mapping;

    @Reads
    @Option(names = "--calibration", paramLabel = "FILE", arity = "1..*", order = 6,
            description = "Calibration text of calibrated, in the formats of --corpus of distill. It"
                    + " need not be large, but should hold all kinds of text that matter (default in distill: the training text).")
    private List<Path> calibration = List.of();

    @Option(names = "--calibration-field", paramLabel = "NAME", defaultValue = DEFAULT_FIELD, order = 6,
            description = "Field of the records of --calibration that holds the text (default: ${DEFAULT-VALUE}).")
    private String calibrationField = DEFAULT_FIELD;

    @Option(names = "--calibration-tokens", paramLabel = "N", order = 6,
            description = "Calibration tokens (default: 65536, or 32 times the teacher's hidden size if that is more).")
    private Long calibrationTokens;

    @Option(names = "--anchor", paramLabel = "A", order = 6, converter = AnchorValue.class,
            description = "Constant that calibrated adds to the embeddings, in units of their root mean square; 0 for none; search tries six on the"
                    + " calibration text, which takes several times as long (default: 0.1).")
    private Double anchor;

    @Option(names = "--ridge", paramLabel = "R", order = 6,
            description = "Ridge of each norm's least squares, as a share of the diagonal's mean (default: chosen on the calibration text).")
    private Double ridge;

    @Writes(Writes.Kind.TEMPORARY_FILES)
    @Option(names = "--spill", paramLabel = "DIR", order = 6,
            description = "Directory for the activations of the calibration text (default: in memory; see --plan).")
    private Path spill;

    /** Refuses options that the chosen mapping has no use for. */
    public void requireUsage() {
        requireCalibrated("--calibration", calibration.isEmpty() ? null : calibration);
        requireCalibrated("--calibration-field", calibrationField.equals(DEFAULT_FIELD) ? null : calibrationField);
        requireCalibrated("--calibration-tokens", calibrationTokens);
        requireCalibrated("--anchor", anchor);
        requireCalibrated("--ridge", ridge);
        requireCalibrated("--spill", spill);
    }

    private void requireCalibrated(String option, Object value) {
        if (!choice().isCalibrated() && value != null) {
            throw wrong(option + " is for --mapping calibrated");
        }
    }

    /** Whether the user has left the mapping open. */
    public boolean isOpen() {
        return mapping == null;
    }

    /** Refuses a mapping that needs a text where there is none. */
    public void requireText() {
        if (choice().isCalibrated() && calibration.isEmpty()) {
            throw wrong("--mapping calibrated measures on a text: name one with --calibration FILE...");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(program.commandLine(), message);
    }

    /** The mapping that the options describe. */
    public MappingChoice choice() {
        var options = new CalibrationOptions(anchor == null ? CalibrationOptions.USUAL_ANCHOR : anchor, ridge == null ? Double.NaN : ridge, spill);
        return new MappingChoice((mapping == null ? MappingName.OPM : mapping).toString(), calibration, calibrationField,
                calibrationTokens == null ? OptionalLong.empty() : OptionalLong.of(calibrationTokens), options);
    }
}
