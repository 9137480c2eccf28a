package kept;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.cli.Demo;
import kept.cli.HeldOutTextOptions;
import kept.cli.LowerCase;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.RankOptions;
import kept.cli.Reads;
import kept.cli.VerboseOptions;
import kept.cli.WeightType;
import kept.cli.Writes;
import kept.corpus.Corpus;
import kept.demo.JdkSources;
import kept.io.AtomicFiles;
import kept.report.ComparisonPage;
import kept.report.ComparisonReport;
import kept.run.ComparisonRun;
import kept.tensor.DType;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.UseDefaultConverter;

/** {@code kept compare}: mappings of one teacher, side by side. */
@Command(name = "compare", customSynopsis = {
    "kept compare --teacher=DIR --held-out=NAME=FILE [OPTION...]",
    "       kept compare --demo [OPTION...]"
}, description = {
    "Compares mappings of one teacher on held-out text, side by side.",
    "Each mapping makes its student in memory, in each dtype. The table also compares the teacher with itself rounded to that dtype: the "
            + "loss that the dtype alone causes. Two more tables show what the mappings cost, and how far the teacher's norms are from RMSNorms.",
    "",
    "  kept compare --demo",
    "  kept compare --teacher orion --calibration text.jsonl \\",
    "      --held-out prose=held-out.txt --held-out code=code.jsonl"
})
public final class Compare extends Program {
    /** The teacher. */
    static final class Source {
        @Reads
        @Option(names = "--teacher", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
                description = "The teacher's checkpoint: config.json, weights, tokenizer.")
        private Path teacher;

        @Option(names = "--demo", required = true, description = "The small Orion shipped with this program, on the running JDK's sources.")
        private boolean demo;
    }

    @ArgGroup(multiplicity = "1", order = 1)
    private Source source;

    @Option(names = "--mappings", paramLabel = "NAMES", split = ",", order = 2, converter = LowerCase.class,
            description = "Mappings, separated by commas: opm, exact, calibrated or, with anchor and ridge, calibrated:0.2:1e-5, calibrated:search; "
                    + "and ones (norms set to one), centred (OPM of a stream without means), channel (the best weight of each channel, measured)"
                    + " (default: ones,opm,channel,calibrated,exact, except what the teacher cannot have).")
    private List<String> mappings;

    @Reads
    @Option(names = "--calibration", paramLabel = "FILE", arity = "1..*", order = 2,
            description = "Calibration text of channel and calibrated, in the formats of --corpus of distill.")
    private List<Path> calibration = List.of();

    @Option(names = "--calibration-tokens", paramLabel = "N", order = 2,
            description = "Calibration tokens (default: 65536, or 32 times the teacher's hidden size if that is more).")
    private Long calibrationTokens;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", order = 2,
            description = "Seed that draws the sequences of the calibration text (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Reads
    @Option(names = "--student", paramLabel = "NAME=DIR", converter = {UseDefaultConverter.class, ModelDirectory.class}, order = 3,
            description = "A named student to compare too, such as a distilled one; may be given several times.")
    private Map<String, Path> students = new LinkedHashMap<>();

    @Option(names = "--dtype", paramLabel = "TYPES", split = ",", defaultValue = "f32,bf16", order = 4,
            description = "Types to which the mapped students are rounded: ${COMPLETION-CANDIDATES}, separated by commas "
                    + "(default: ${DEFAULT-VALUE}).")
    private List<WeightType> dtypes;

    @Reads
    @Option(names = "--held-out", paramLabel = "NAME=FILE", order = 5,
            description = "Named held-out text to evaluate the students on; may be given several times. Files with one name are one text.")
    private List<String> texts = List.of();

    @Option(names = "--jdk-sources", order = 6,
            description = "Evaluate on held-out prose and code of the running JDK's sources, and calibrate on the rest of the prose"
                    + " unless --calibration names a text.")
    private boolean jdkSources;

    @Writes(Writes.Kind.FILE)
    @Option(names = "--json", paramLabel = "FILE", order = 20, description = "Also write the result, with the figures of each norm, to this file.")
    private Path json;

    @Writes(Writes.Kind.FILE)
    @Option(names = "--html", paramLabel = "FILE", order = 20, description = "Also write the result as a page with charts.")
    private Path html;

    @Mixin
    private HeldOutTextOptions heldOut;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private RankOptions rankOptions;

    @Mixin
    private VerboseOptions verbose;

    /** For the command line. */
    public Compare() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Compare(), arguments));
    }

    @Override
    protected int run() {
        if (source.demo) {
            try (var demo = Demo.prepare(err())) {
                compare(demo.teacher());
            }
        } else {
            compare(source.teacher);
        }
        return 0;
    }

    @Override
    protected boolean runsOnRanks() {
        return true;
    }

    private void compare(Path directory) {
        ComparisonRun run = ComparisonRun.of(directory).evaluationTokens(heldOut.tokens()).seed(seed)
                .dtypes(dtypes.stream().map(WeightType::dtype).toArray(DType[]::new));
        if (mappings != null) {
            run.mappings(mappings.toArray(String[]::new));
        }
        domains().forEach(run::heldOut);
        students.forEach(run::student);
        if (heldOut.sequenceLength() != null) {
            run.sequenceLength(heldOut.sequenceLength());
        }
        if (calibrationTokens != null) {
            run.calibrationTokens(calibrationTokens);
        }
        if (run.needsCalibration()) {
            run.calibration(measuredText());
        }
        ComparisonRun.Result result = run.device(device.open()).ranks(ranks()).run(progress(verbose.verbose()));
        deliver(() -> {
            writeJson(directory, result);
            writePage(directory, result);
        }, () -> ComparisonReport.print(result.comparison(), out()));
    }

    private Corpus measuredText() {
        if (!calibration.isEmpty()) {
            return text(calibration, heldOut.field());
        }
        if (jdkSources || source.demo) {
            JdkSources sources = JdkSources.find();
            return sources.prose().training(sources.heldOutFraction());
        }
        throw wrongUsage("channel and calibrated measure on a text: name one with --calibration FILE...");
    }

    private SequencedMap<String, Corpus> domains() {
        SequencedMap<String, Corpus> domains = new LinkedHashMap<>();
        SequencedMap<String, List<Path>> named = HeldOutTextOptions.byName("--held-out", texts, spec().commandLine());
        if (jdkSources || source.demo && named.isEmpty()) {
            JdkSources sources = JdkSources.find();
            domains.put("prose", sources.prose().heldOut(sources.heldOutFraction()));
            domains.put("code", sources.code().heldOut(sources.heldOutFraction()));
        }
        named.forEach((name, files) -> domains.put(name, text(files, heldOut.field())));
        if (domains.isEmpty()) {
            throw wrongUsage("no held-out text: give --held-out NAME=FILE, or --jdk-sources");
        }
        return domains;
    }

    private void writeJson(Path directory, ComparisonRun.Result result) {
        if (json != null) {
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("command", commandLine());
            content.put("teacher", teacher(directory));
            content.put("texts", HeldOutTextOptions.json(result.texts()));
            content.putAll(ComparisonReport.json(result.comparison()));
            AtomicFiles.writeJson(json, content);
        }
    }

    private void writePage(Path directory, ComparisonRun.Result result) {
        if (html != null) {
            SequencedMap<String, String> facts = new LinkedHashMap<>();
            facts.put("teacher", teacher(directory));
            result.texts().forEach((name, coverage) -> facts.put("held-out text " + name, coverage.description()));
            facts.put("command", commandLine());
            ComparisonPage.write(facts, result.comparison(), html);
        }
    }

    private String teacher(Path directory) {
        return source.demo ? "the demo's" : directory.toString();
    }
}
