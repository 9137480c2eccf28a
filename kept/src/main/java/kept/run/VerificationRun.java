package kept.run;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import kept.corpus.Corpus;
import kept.corpus.TextCoverage;
import kept.distributed.Communicator;
import kept.evaluation.TextComparison;
import kept.evaluation.TextEvaluation;
import kept.generation.ConversationEncoder;
import kept.model.Decoder;
import kept.report.FidelityDetails;
import kept.tensor.Device;
import kept.tokenizer.TokenTexts;
import kept.tokenizer.Tokenizer;

/**
 * Measures the fidelity of a student to its teacher on held-out text. Defaults are those of {@code kept verify}; each setter changes this object and
 * returns it:
 *
 * <pre>{@code
 * var result = VerificationRun.of(teacher, student).heldOut("prose", Path.of("held-out.txt")).run(Progress.NONE);
 * double divergence = result.details().get("prose").scores().fidelity().klMean();
 * }</pre>
 */
public final class VerificationRun {
    private static final int DEFAULT_LENGTH = 512;

    private final Path teacher;
    private final Path student;
    private final SequencedMap<String, Corpus> texts = new LinkedHashMap<>();
    private long tokens = 16_384;
    /** Null for the default length, or the models' positions if fewer. */
    private Integer sequenceLength;
    private boolean byLayer;
    private boolean byTokenClass;
    private int worst;
    /** Null for the CPU, which is not opened before the run. */
    private Device device;
    private Communicator ranks = Communicator.single();

    private VerificationRun(Path teacher, Path student) {
        this.teacher = teacher;
        this.student = student;
    }

    /**
     * The results.
     *
     * @param details by the texts' names
     * @param sequenceLength tokens of a sequence
     * @param texts how much of each text was read
     */
    public record Result(SequencedMap<String, FidelityDetails> details, int sequenceLength, SequencedMap<String, TextCoverage> texts) {}

    /**
     * A verification.
     *
     * @param teacher a checkpoint's directory with its tokenizer
     * @param student a checkpoint's directory of the same vocabulary, which may be padded
     * @return the verification, with default settings
     */
    public static VerificationRun of(Path teacher, Path student) {
        return new VerificationRun(teacher, student);
    }

    /**
     * Adds held-out text: text that neither model was trained on.
     *
     * @param name the name of the text in the result
     * @param files those of {@link Corpus#of} with the field {@code text}
     * @return this
     */
    public VerificationRun heldOut(String name, Path... files) {
        return heldOut(name, Corpus.of(List.of(files), "text"));
    }

    /**
     * Adds held-out text: text that neither model was trained on.
     *
     * @param name the name of the text in the result
     * @param text any documents
     * @return this
     */
    public VerificationRun heldOut(String name, Corpus text) {
        texts.put(name, text);
        return this;
    }

    /**
     * Sets the evaluation tokens per text; 16,384 by default.
     *
     * @param count the maximum number of tokens of each text
     * @return this
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public VerificationRun evaluationTokens(long count) {
        tokens = TokenLimit.require("evaluation tokens", count);
        return this;
    }

    /**
     * Sets the tokens of a sequence; by default 512, or the models' positions if fewer.
     *
     * @param length the length in tokens
     * @return this
     */
    public VerificationRun sequenceLength(int length) {
        sequenceLength = length;
        return this;
    }

    /**
     * Sets whether streams and norms are compared layer by layer, which takes up to twice the time; false by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public VerificationRun byLayer(boolean wanted) {
        byLayer = wanted;
        return this;
    }

    /**
     * Sets whether metrics are also computed for each class of tokens; false by default.
     *
     * @param wanted true to enable it
     * @return this
     */
    public VerificationRun byTokenClass(boolean wanted) {
        byTokenClass = wanted;
        return this;
    }

    /**
     * Sets how many tokens with the largest divergence are listed for each text; 0 by default.
     *
     * @param count the number
     * @return this
     */
    public VerificationRun worst(int count) {
        worst = count;
        return this;
    }

    /**
     * Sets the device to compute on; the CPU by default.
     *
     * @param where the device
     * @return this
     */
    public VerificationRun device(Device where) {
        device = where;
        return this;
    }

    /**
     * Sets the ranks that divide the sequences; this process alone by default. Each of them runs this with the same settings, and gets the same
     * result, whose bits do not depend on their number. Rank 0 alone reads the text.
     *
     * @param all this rank and the others, which the caller closes
     * @return this
     */
    public VerificationRun ranks(Communicator all) {
        ranks = all;
        return this;
    }

    /**
     * Executes the run.
     *
     * @param progress receives the progress
     * @return the result
     * @throws RunException if a setting does not fit the models
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public Result run(Progress progress) {
        Device target = device == null ? Device.cpu() : device;
        try (Tokenizer tokenizer = Tokenizer.load(teacher);
                Decoder teaching = LoadedModel.load(teacher, null, target, progress);
                Decoder learning = LoadedModel.loadBeside(student, teaching, teacher, progress)) {
            tokenizer.requireVocabulary(Math.min(teaching.config().vocabSize(), learning.config().vocabSize()));
            tellOfPadding(teaching, learning, progress);
            int length = length(sequenceLength, "verify", Math.min(teaching.config().maxPositions(), learning.config().maxPositions()));
            TokenTexts tokenTexts = byTokenClass || worst > 0 ? TokenTexts.read(teacher) : null;
            var encoder = ConversationEncoder.of(tokenizer, teaching.config().vocabSize(), teacher, Optional.empty());
            HeldOutTexts read = HeldOutTexts.read(texts, encoder, length, tokens, ranks, progress);
            progress.note(target.backend().description());
            SequencedMap<String, FidelityDetails> details = new LinkedHashMap<>();
            for (TextEvaluation evaluation : read.evaluations()) {
                try (var work = Work.begin(progress, evaluation.name(), Progress.Unit.SEQUENCES, evaluation.sequences(), 0)) {
                    TextComparison comparison = TextComparison.of(evaluation, teaching, learning, byLayer, worst, ranks, work::done);
                    details.put(evaluation.name(), FidelityDetails.of(comparison, tokenizer, tokenTexts, byTokenClass));
                }
            }
            return new Result(details, length, read.coverage());
        }
    }

    /**
     * The tokens of a sequence in an evaluation.
     *
     * @param wanted the requested length; null for the default, or the models' positions if fewer
     * @param program the program's name, for the message
     * @param positions the models' maximum length
     * @return the length
     * @throws RunException if it exceeds the positions
     */
    public static int length(Integer wanted, String program, int positions) {
        int length = wanted == null ? Math.min(DEFAULT_LENGTH, positions) : wanted;
        if (length > positions) {
            throw new RunException("[%s] --sequence-length %d exceeds the model's %d positions".formatted(program, length, positions));
        }
        return length;
    }

    /** Both models have the tokenizer's ids, so additional rows of one vocabulary can only be padding. */
    private static void tellOfPadding(Decoder teaching, Decoder learning, Progress progress) {
        int teachers = teaching.config().vocabSize();
        int students = learning.config().vocabSize();
        if (teachers != students) {
            progress.note("note: the teacher has %,d rows of vocabulary, the student %,d: compared on the %,d ids that both have; "
                    .formatted(teachers, students, Math.min(teachers, students)) + "the rest is padding");
        }
    }
}
