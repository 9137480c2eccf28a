package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import kept.calibration.Calibration;
import kept.calibration.CalibrationSequences;
import kept.checkpoint.Checkpoint;
import kept.corpus.Corpus;
import kept.corpus.DocumentEncoder;
import kept.corpus.TextCoverage;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.evaluation.TextEvaluation;
import kept.evaluation.TokenScores;
import kept.generation.ConversationEncoder;
import kept.mapping.CalibratedMapping;
import kept.mapping.Mapping;
import kept.mapping.MappingException;
import kept.mapping.NormProbe;
import kept.mapping.NormStatistics;
import kept.model.CheckpointWeights;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.report.ComparedStudent;
import kept.report.Comparison;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;

/**
 * Compares students that several mappings create from one teacher, and other students of it, on held-out text. Defaults are those of {@code kept
 * compare}; each setter changes this object and returns it:
 *
 * <pre>{@code
 * var comparison = ComparisonRun.of(teacher).mappings("opm", "exact").heldOut("prose", text).run(Progress.NONE).comparison();
 * }</pre>
 */
public final class ComparisonRun {
    private static final List<String> USUAL_MAPPINGS = List.of("ones", "opm", "channel", "calibrated", "exact");

    private final Path teacher;
    /** Null for the usual ones. */
    private List<String> mappings;
    private final SequencedMap<String, Path> students = new LinkedHashMap<>();
    private List<DType> dtypes = List.of(DType.F32, DType.BF16);
    private final SequencedMap<String, Corpus> texts = new LinkedHashMap<>();
    private long tokens = 16_384;
    /** Null for the default length, or the teacher's positions if fewer. */
    private Integer sequenceLength;
    /** Null for none. */
    private Corpus calibration;
    /** Null for a number that depends on the teacher's width. */
    private Long calibrationTokens;
    private long seed;
    /** Null for the CPU, which is not opened before the run. */
    private Device device;
    private Communicator ranks = Communicator.single();

    private ComparisonRun(Path teacher) {
        this.teacher = teacher;
    }

    /**
     * The figures of all students.
     *
     * @param comparison scores, costs of the mappings, and statistics of the teacher's norms
     * @param texts how much of each text was read
     */
    public record Result(Comparison comparison, SequencedMap<String, TextCoverage> texts) {}

    /**
     * A comparison.
     *
     * @param teacher a source's directory with its tokenizer
     * @return the comparison, with default settings
     */
    public static ComparisonRun of(Path teacher) {
        return new ComparisonRun(teacher);
    }

    /**
     * The mappings to compare; unless set {@code ones}, {@code opm}, {@code channel}, {@code calibrated} and {@code exact}, except those that the
     * teacher cannot have.
     *
     * @param names their names, {@code calibrated} with or without anchor and ridge
     * @return this
     * @see MappedStudents
     */
    public ComparisonRun mappings(String... names) {
        mappings = List.of(names);
        return this;
    }

    /**
     * Adds another student, such as a distilled one.
     *
     * @param name its name in the result
     * @param directory a checkpoint's directory
     * @return this
     */
    public ComparisonRun student(String name, Path directory) {
        students.put(name, directory);
        return this;
    }

    /**
     * Types to which the mapped students are rounded; F32 and BF16 unless set.
     *
     * @param types floating-point types
     * @return this
     */
    public ComparisonRun dtypes(DType... types) {
        dtypes = List.of(types);
        return this;
    }

    /**
     * Adds held-out text.
     *
     * @param name the name of the text in the result
     * @param text any documents
     * @return this
     */
    public ComparisonRun heldOut(String name, Corpus text) {
        texts.put(name, text);
        return this;
    }

    /**
     * Evaluation tokens of each text; 16,384 unless set.
     *
     * @param count the maximum number
     * @return this
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public ComparisonRun evaluationTokens(long count) {
        tokens = TokenLimit.require("evaluation tokens", count);
        return this;
    }

    /**
     * Sets the tokens of a sequence; by default 512, or the teacher's positions if fewer.
     *
     * @param length the length in tokens
     * @return this
     */
    public ComparisonRun sequenceLength(int length) {
        sequenceLength = length;
        return this;
    }

    /**
     * Sets the calibration text.
     *
     * @param text any documents
     * @return this
     */
    public ComparisonRun calibration(Corpus text) {
        calibration = text;
        return this;
    }

    /**
     * Calibration tokens; unless set 65,536, or 32 times the teacher's hidden size if that is more.
     *
     * @param count the maximum number
     * @return this
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public ComparisonRun calibrationTokens(long count) {
        calibrationTokens = TokenLimit.require("calibration tokens", count);
        return this;
    }

    /**
     * The seed of the sample of calibration sequences; 0 unless set.
     *
     * @param number any
     * @return this
     */
    public ComparisonRun seed(long number) {
        seed = number;
        return this;
    }

    /**
     * Sets the device to compute on; the CPU by default.
     *
     * @param where the device
     * @return this
     */
    public ComparisonRun device(Device where) {
        device = where;
        return this;
    }

    /**
     * Sets the ranks that divide the sequences of evaluation and calibration; this process alone by default. Each of them runs this with the same
     * settings, and gets the same result, whose bits do not depend on their number. Rank 0 alone reads the texts.
     *
     * @param all this rank and the others, which the caller closes
     * @return this
     */
    public ComparisonRun ranks(Communicator all) {
        ranks = all;
        return this;
    }

    /**
     * Whether one of the mappings needs calibration text.
     *
     * @return true for {@code channel} and {@code calibrated}
     * @throws RunException if a name is no mapping's
     */
    public boolean needsCalibration() {
        return tables(DecoderConfig.read(teacher)).stream().anyMatch(table -> !table.measured().isEmpty());
    }

    private List<Mapping> tables(DecoderConfig config) {
        return names(config).stream().map(name -> MappedStudents.table(name, config)).toList();
    }

    private List<String> names(DecoderConfig config) {
        return mappings != null || !config.architecture().isSource() ? Objects.requireNonNullElse(mappings, USUAL_MAPPINGS)
                : USUAL_MAPPINGS.stream().filter(name -> reasonAgainst(name, config).isEmpty()).toList();
    }

    /** Why a teacher cannot have a mapping; nothing if it can. */
    private static Optional<String> reasonAgainst(String mapping, DecoderConfig config) {
        try {
            MappedStudents.table(mapping, config);
            return Optional.empty();
        } catch (MappingException e) {
            return Optional.of(e.reason());
        }
    }

    /**
     * Creates all students and evaluates them.
     *
     * @param progress receives the progress, and a note for each text that was read
     * @return the figures
     * @throws RunException if a setting does not fit the teacher, or calibration text is missing
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public Result run(Progress progress) {
        DecoderConfig config = DecoderConfig.read(teacher);
        List<Mapping> tables = tables(config);
        if (mappings == null) {
            USUAL_MAPPINGS.forEach(name -> reasonAgainst(name, config).ifPresent(reason ->
                    progress.note("%s is left out: %s".formatted(name, reason))));
        }
        boolean isMeasured = tables.stream().anyMatch(table -> !table.measured().isEmpty());
        if (isMeasured && calibration == null) {
            throw new RunException("[compare] channel and calibrated measure on a text: name one");
        }
        long measuredTokens = calibrationTokens == null ? Calibration.usualTokens(config) : calibrationTokens;
        if (tables.stream().anyMatch(table -> table.name().equals(CalibratedMapping.NAME))) {
            Calibration.requireTokens(config, measuredTokens);
        }
        Device target = device == null ? Device.cpu() : device;
        try (Tokenizer tokenizer = Tokenizer.load(teacher);
                Checkpoint checkpoint = Checkpoint.open(teacher);
                var made = new MappedStudents(progress, checkpoint, config, target, ranks)) {
            CheckpointWeights.requireTensors(checkpoint, config);
            tokenizer.requireVocabulary(config.vocabSize());
            int length = VerificationRun.length(sequenceLength, "compare", config.maxPositions());
            var encoder = ConversationEncoder.of(tokenizer, config.vocabSize(), teacher, Optional.empty());
            HeldOutTexts read = HeldOutTexts.read(texts, encoder, length, tokens, ranks, progress);
            progress.note(target.backend().description());
            int[][] sequences = isMeasured ? sequences(encoder, config, measuredTokens, progress) : new int[0][];
            List<MappedStudents.Student> mapped = names(config).stream().map(name -> made.make(name, sequences)).toList();
            return new Result(compare(config, checkpoint, mapped, new Evaluator(read.evaluations(), target, ranks, progress)), read.coverage());
        }
    }

    private int[][] sequences(DocumentEncoder encoder, DecoderConfig config, long count, Progress progress) {
        CalibrationSequences drawn = CalibrationSequences.fromFirst(ranks, config.maxPositions(),
                () -> CalibrationSequences.of(calibration, encoder, config.maxPositions(), count, seed));
        drawn.coverage().ifPresent(read -> progress.note("calibration: " + read.description()));
        return drawn.ids();
    }

    private Comparison compare(DecoderConfig config, Checkpoint checkpoint, List<MappedStudents.Student> mapped, Evaluator evaluator) {
        try (Decoder original = Decoder.create(config, new CheckpointWeights(checkpoint), evaluator.device)) {
            SequencedMap<String, List<NormStatistics>> norms = new LinkedHashMap<>();
            evaluator.texts.forEach(text -> norms.put(text.name(), norms(original, text, ranks)));
            List<ComparedStudent> compared = new ArrayList<>();
            for (DType dtype : dtypes) {
                if (dtype != DType.F32) {
                    Decoder rounded = LoadedModel.rounded(original, checkpoint, dtype);
                    compared.add(evaluator.evaluate(ComparedStudent.TEACHER, dtype.label(), original, rounded));
                }
            }
            mapped.forEach(student -> dtypes.forEach(dtype ->
                    compared.add(evaluator.evaluate(student.name(), dtype.label(), original, student.model(dtype, original)))));
            students.forEach((name, student) ->
                    compared.add(evaluator.evaluate(name, "", original, LoadedModel.loadBeside(student, original, teacher, evaluator.progress))));
            return new Comparison(compared, mapped.stream().map(MappedStudents.Student::cost).toList(), norms);
        }
    }

    private static List<NormStatistics> norms(Decoder teacher, TextEvaluation text, Communicator ranks) {
        var probe = new NormProbe(teacher);
        SharedItems work = text.divided(ranks);
        text.forEachInput(teacher.device(), work, probe::observe);
        return probe.statistics(work);
    }

    /** Evaluates students on all texts. */
    private record Evaluator(List<TextEvaluation> texts, Device device, Communicator ranks, Progress progress) {
        /** Evaluates a student and closes it. */
        ComparedStudent evaluate(String name, String dtype, Decoder teacher, Decoder student) {
            try (student) {
                SequencedMap<String, TokenScores> scores = new LinkedHashMap<>();
                for (TextEvaluation text : texts) {
                    String task = "%s %s on %s".formatted(name, dtype, text.name()).replace("  ", " ");
                    try (var work = Work.begin(progress, task, Progress.Unit.SEQUENCES, text.sequences(), 0)) {
                        scores.put(text.name(), text.scores(teacher, student, ranks, work::done));
                    }
                }
                return new ComparedStudent(name, dtype, scores);
            }
        }
    }
}
