package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.calibration.Calibration;
import kept.calibration.CalibrationSequences;
import kept.checkpoint.Checkpoint;
import kept.cli.Demo;
import kept.cli.HeldOutTextOptions;
import kept.cli.Program;
import kept.cli.Reads;
import kept.cli.WeightType;
import kept.cli.Writes;
import kept.corpus.Corpus;
import kept.demo.JdkSources;
import kept.evaluation.TextEvaluation;
import kept.evaluation.TokenScores;
import kept.io.AtomicFiles;
import kept.mapping.CalibratedMapping;
import kept.mapping.Mapping;
import kept.mapping.NormProbe;
import kept.mapping.NormStatistics;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.OrionModel;
import kept.report.ComparedStudent;
import kept.report.Comparison;
import kept.report.ComparisonReport;
import kept.run.HeldOutTexts;
import kept.run.LoadedModel;
import kept.run.MappedStudents;
import kept.run.Progress;
import kept.run.VerificationRun;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept compare}: mappings of one teacher, side by side. */
@Command(name = "compare", description = {
    "Compares mappings of one teacher on held-out text, side by side.",
    "Each mapping makes its student in memory, in each dtype. The table also compares the teacher with itself rounded to that dtype: the loss that",
    "the dtype alone causes. Two more tables show what the mappings cost, and how far the teacher's norms are from RMSNorms.",
    "",
    "  kept compare --demo",
    "  kept compare --teacher orion --calibration text.jsonl --held-out prose=held-out.txt --held-out code=code.jsonl"
})
public final class Compare extends Program {
    /** What stands for the teacher among the names. */
    private static final String TEACHER = "teacher";

    /** Whose mappings. */
    static final class Source {
        @Reads
        @Option(names = "--teacher", paramLabel = "DIR", required = true, description = "The Orion checkpoint: config.json, weights, tokenizer.")
        private Path teacher;

        @Option(names = "--demo", required = true, description = "The small Orion shipped with this program, on the running JDK's sources.")
        private boolean demo;
    }

    @ArgGroup(multiplicity = "1", order = 1)
    private Source source;

    @Option(names = "--mappings", paramLabel = "NAMES", split = ",", defaultValue = "ones,opm,channel,calibrated,exact", order = 2,
            description = "Mappings, separated by commas: opm, exact, calibrated or, with anchor and ridge, calibrated:0.25:1e-5; and ones"
                    + " (norms set to one), centred (OPM of a stream without means), channel (the best weight of each channel, measured)"
                    + " (default: ${DEFAULT-VALUE}).")
    private List<String> mappings;

    @Reads
    @Option(names = "--calibration", paramLabel = "FILE", arity = "1..*", order = 2,
            description = "Calibration text of channel and calibrated: .txt, .jsonl, .gz or .zip of these, or folders.")
    private List<Path> calibration = List.of();

    @Option(names = "--calibration-tokens", paramLabel = "N", order = 2,
            description = "Calibration tokens (default: 65536, or 32 times the teacher's hidden size if that is more).")
    private Long calibrationTokens;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", order = 2,
            description = "Seed that draws the sequences of the calibration text (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Reads
    @Option(names = "--student", paramLabel = "NAME=DIR", order = 3,
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

    @Mixin
    private HeldOutTextOptions heldOut;

    @Mixin
    private DeviceOptions device;

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

    private void compare(Path directory) {
        SequencedMap<String, Corpus> domains = domains();
        DecoderConfig config = DecoderConfig.read(directory);
        List<Mapping> tables = mappings.stream().map(name -> MappedStudents.table(name, config)).toList();
        boolean isMeasured = tables.stream().anyMatch(table -> !table.measured().isEmpty());
        long tokens = calibrationTokens == null ? Calibration.usualTokens(config) : calibrationTokens;
        Corpus measuredOn = isMeasured ? measuredText() : null;
        if (tables.stream().anyMatch(table -> table.name().equals(CalibratedMapping.NAME))) {
            Calibration.requireTokens(config, tokens);
        }
        Device target = device.open();
        try (Tokenizer tokenizer = Tokenizer.load(directory);
                Checkpoint checkpoint = Checkpoint.open(directory);
                var made = new MappedStudents(progress(), checkpoint, config, target)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            tokenizer.requireVocabulary(config.vocabSize());
            int length = VerificationRun.length(heldOut.sequenceLength(), "compare", config.maxPositions());
            HeldOutTexts read = HeldOutTexts.read(domains, tokenizer, length, heldOut.tokens(), progress());
            List<TextEvaluation> evaluations = read.evaluations();
            tell(target);
            int[][] sequences = isMeasured ? sequences(measuredOn, tokenizer, config, tokens) : new int[0][];
            List<MappedStudents.Student> mapped = mappings.stream().map(name -> made.make(name, sequences)).toList();
            try (var teacher = (OrionModel) Decoder.create(config, new CheckpointWeights(checkpoint), target)) {
                SequencedMap<String, List<NormStatistics>> norms = new LinkedHashMap<>();
                evaluations.forEach(evaluation -> norms.put(evaluation.name(), norms(teacher, evaluation)));
                List<ComparedStudent> compared = new ArrayList<>();
                for (WeightType dtype : dtypes) {
                    if (dtype != WeightType.F32) {
                        compared.add(evaluated(TEACHER, dtype.toString(), teacher,
                                Decoder.create(config, new CheckpointWeights(checkpoint, dtype.dtype()), target), evaluations));
                    }
                }
                mapped.forEach(student -> dtypes.forEach(dtype -> compared.add(
                        evaluated(student.name(), dtype.toString(), teacher, student.model(dtype.dtype(), target), evaluations))));
                students.forEach((name, student) ->
                        compared.add(evaluated(name, "", teacher, LoadedModel.load(student, null, target, progress()), evaluations)));
                var costs = mapped.stream().map(MappedStudents.Student::cost).toList();
                show(directory, read, new Comparison(compared, costs, norms));
            }
        }
    }

    private int[][] sequences(Corpus text, Tokenizer tokenizer, DecoderConfig config, long tokens) {
        CalibrationSequences drawn = CalibrationSequences.of(text, tokenizer, config.maxPositions(), tokens, seed);
        drawn.coverage().ifPresent(read -> err().println("calibration: " + read.description()));
        return drawn.ids();
    }

    private Corpus measuredText() {
        if (!calibration.isEmpty()) {
            return Corpus.of(calibration, heldOut.field());
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
        named.forEach((name, files) -> domains.put(name, Corpus.of(files, heldOut.field())));
        if (domains.isEmpty()) {
            throw wrongUsage("no held-out text: give --held-out NAME=FILE, or --jdk-sources");
        }
        return domains;
    }

    private static List<NormStatistics> norms(OrionModel teacher, TextEvaluation evaluation) {
        var probe = new NormProbe(teacher);
        evaluation.forEachInput(teacher.device(), probe::observe);
        return probe.statistics();
    }

    /** Evaluates a student on all texts and closes it. */
    private ComparedStudent evaluated(String name, String dtype, Decoder teacher, Decoder student, List<TextEvaluation> evaluations) {
        try (student) {
            SequencedMap<String, TokenScores> scores = new LinkedHashMap<>();
            for (TextEvaluation evaluation : evaluations) {
                String task = "%s %s on %s".formatted(name, dtype, evaluation.name()).replace("  ", " ");
                try (var shown = progress().show(task, Progress.Unit.SEQUENCES, evaluation.sequences())) {
                    scores.put(evaluation.name(), evaluation.scores(teacher, student, shown::done));
                }
            }
            return new ComparedStudent(name, dtype, scores);
        }
    }

    private void show(Path directory, HeldOutTexts read, Comparison comparison) {
        deliver(() -> writeJson(directory, read, comparison), () -> ComparisonReport.print(comparison, out()));
    }

    private void writeJson(Path directory, HeldOutTexts read, Comparison comparison) {
        if (json != null) {
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("command", commandLine());
            content.put(TEACHER, source.demo ? "the demo's" : directory.toString());
            content.put("texts", HeldOutTextOptions.json(read.coverage()));
            content.putAll(ComparisonReport.json(comparison));
            AtomicFiles.writeJson(json, content);
        }
    }
}
