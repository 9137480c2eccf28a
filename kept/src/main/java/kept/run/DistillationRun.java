package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.corpus.Corpus;
import kept.report.RunReport;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tokenizer.TokenizerFiles;
import kept.training.ParameterSelection;

/**
 * A distillation: maps an Orion to a Llama, evaluates that, trains it to follow the Orion on a text, evaluates it again and writes the best state
 * with a report. What is not set is as in {@code kept distill}; each setter changes this object and returns it:
 *
 * <pre>{@code
 * DistillationRun.Result result = DistillationRun.of(teacher, output).corpus(Path.of("text.jsonl")).tokens(1_000_000).run(Progress.NONE);
 * }</pre>
 *
 * <p>During the run, its state is in {@code OUTPUT.training}, from which {@link #resume} continues with the same bits.
 */
public final class DistillationRun {
    private final Path teacher;
    private final Path output;
    private Corpus corpus;
    private MappingChoice mapping = MappingChoice.OPM;
    private final List<MappingChoice> compared = new ArrayList<>();
    private final SequencedMap<String, Corpus> heldOut = new LinkedHashMap<>();
    private long tokens = 1_000_000;
    private ParameterSelection train = ParameterSelection.parse("all");
    private DistillationObjective objective = new DistillationObjective(Divergence.FORWARD_KL, 1, 0);
    private TrainingSettings training = new TrainingSettings();
    private long evaluationTokens = 16_384;
    /** Null for the usual. */
    private Long evaluateEvery;
    private int patience;
    /** Null for the teacher's. */
    private DType dtype;
    private long largestShard = CheckpointWriter.DEFAULT_SHARD_BYTES;
    private Resume resume = Resume.NO;
    private boolean overwrite;
    private TokenizerFiles.Options tokenizer = TokenizerFiles.Options.NONE;
    /** Null for the CPU, which is not opened before the run. */
    private Device device;
    private Path[] reads = {};

    private DistillationRun(Path teacher, Path output) {
        this.teacher = teacher;
        this.output = output;
    }

    /**
     * A finished distillation.
     *
     * @param output the Llama's directory
     * @param report what was found, as in the output's report.json
     * @param seconds what each stage took to make, by its name
     * @param failure how the training met NaN or infinity, and what to do: the output is then the best state before that; empty if it came to its end
     */
    public record Result(Path output, RunReport report, SequencedMap<String, Double> seconds, Optional<String> failure) {}

    /**
     * A distillation.
     *
     * @param teacher the Orion's directory: config.json, weights, tokenizer
     * @param output the Llama's directory to make
     * @return the distillation, with all settings as usual
     */
    public static DistillationRun of(Path teacher, Path output) {
        return new DistillationRun(teacher, output);
    }

    /**
     * The text to distil on.
     *
     * @param files .txt, .jsonl with the field {@code text}, .gz or .zip of these, or folders
     * @return this
     */
    public DistillationRun corpus(Path... files) {
        return corpus(Corpus.of(List.of(files), "text"));
    }

    /**
     * The text to distil on.
     *
     * @param text any documents
     * @return this
     */
    public DistillationRun corpus(Corpus text) {
        corpus = text;
        return this;
    }

    /**
     * Where the student starts; OPM unless set.
     *
     * @param choice the mapping; one that measures and names no text measures on the corpus
     * @return this
     */
    public DistillationRun mapping(MappingChoice choice) {
        mapping = choice;
        return this;
    }

    /**
     * Adds a mapping whose student is evaluated beside the trained one.
     *
     * @param choice the mapping
     * @return this
     */
    public DistillationRun compare(MappingChoice choice) {
        compared.add(choice);
        return this;
    }

    /**
     * Adds held-out text to evaluate on. By default the beginning of the corpus, at most a fiftieth, is held out of training.
     *
     * @param name what it is called in tables
     * @param text documents that training does not see
     * @return this
     */
    public DistillationRun heldOut(String name, Corpus text) {
        heldOut.put(name, text);
        return this;
    }

    /**
     * Tokens to distil on; 1,000,000 unless set.
     *
     * @param count how many; whole steps
     * @return this
     */
    public DistillationRun tokens(long count) {
        tokens = count;
        return this;
    }

    /**
     * Which parameters are trained; all unless set.
     *
     * @param selection the parameters
     * @return this
     */
    public DistillationRun train(ParameterSelection selection) {
        train = selection;
        return this;
    }

    /**
     * What is minimised; the forward KL divergence at temperature 1 unless set.
     *
     * @param loss the loss
     * @return this
     */
    public DistillationRun objective(DistillationObjective loss) {
        objective = loss;
        return this;
    }

    /**
     * How it is trained.
     *
     * @param settings sequences, learning rate, optimizer and states
     * @return this
     */
    public DistillationRun training(TrainingSettings settings) {
        training = settings;
        return this;
    }

    /**
     * Tokens of each held-out text to evaluate on; 16,384 unless set.
     *
     * @param count how many, at most
     * @return this
     */
    public DistillationRun evaluationTokens(long count) {
        evaluationTokens = count;
        return this;
    }

    /**
     * Steps between evaluations on a part of the corpus that is held out for them, by which the best state is chosen; a tenth of all, 100 at most,
     * unless set.
     *
     * @param steps how many; 0 evaluates at the start and the end only
     * @return this
     */
    public DistillationRun evaluateEvery(long steps) {
        evaluateEvery = steps;
        return this;
    }

    /**
     * Stops when so many evaluations in a row bring no improvement; never unless set.
     *
     * @param evaluations how many; 0 for never
     * @return this
     */
    public DistillationRun patience(int evaluations) {
        patience = evaluations;
        return this;
    }

    /**
     * What to store the weights in; the teacher's type unless set.
     *
     * @param type F32, BF16 or F16
     * @return this
     */
    public DistillationRun dtype(DType type) {
        dtype = type;
        return this;
    }

    /**
     * The largest weight file; 5 GB unless set.
     *
     * @param bytes of tensors in one file, at most
     * @return this
     */
    public DistillationRun largestShard(long bytes) {
        largestShard = bytes;
        return this;
    }

    /**
     * Whether an unfinished run for this output is resumed; {@link Resume#NO} unless set.
     *
     * @param wanted whether to
     * @return this
     */
    public DistillationRun resume(Resume wanted) {
        resume = wanted;
        return this;
    }

    /**
     * Whether an output that exists, or the state of an unfinished run, is replaced; false unless set.
     *
     * @param allowed whether it may be
     * @return this
     */
    public DistillationRun overwrite(boolean allowed) {
        overwrite = allowed;
        return this;
    }

    /**
     * What to write of the tokenizer; all as the teacher has it unless set.
     *
     * @param options the template and the class
     * @return this
     */
    public DistillationRun tokenizer(TokenizerFiles.Options options) {
        tokenizer = options;
        return this;
    }

    /**
     * Where to compute; on the CPU unless set.
     *
     * @param where the device
     * @return this
     */
    public DistillationRun device(Device where) {
        device = where;
        return this;
    }

    /**
     * Files and directories that the output must not replace, besides the teacher and the text of the mapping.
     *
     * @param paths their paths, such as the corpus's
     * @return this
     */
    public DistillationRun keep(Path... paths) {
        reads = paths.clone();
        return this;
    }

    /**
     * What the run would take; nothing is made. The teacher's config.json is enough for it.
     *
     * @return the plan
     */
    public DistillationPlan plan() {
        return new DistillationProcess(this, Progress.NONE).plan();
    }

    /**
     * Does all of it.
     *
     * @param progress is told how far it is
     * @return what was made
     * @throws RunException if it cannot be done, with what to do
     * @throws StoppedException if the progress wanted it to stop
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public Result run(Progress progress) {
        if (corpus == null) {
            throw new RunException("[training] there is no text to distil on: give a corpus");
        }
        return new DistillationProcess(this, progress).run();
    }

    Path teacher() {
        return teacher;
    }

    Path output() {
        return output;
    }

    Corpus corpus() {
        return corpus;
    }

    MappingChoice mapping() {
        return mapping;
    }

    List<MappingChoice> compared() {
        return compared;
    }

    SequencedMap<String, Corpus> heldOut() {
        return heldOut;
    }

    long tokens() {
        return tokens;
    }

    ParameterSelection train() {
        return train;
    }

    DistillationObjective objective() {
        return objective;
    }

    TrainingSettings training() {
        return training;
    }

    long evaluationTokens() {
        return evaluationTokens;
    }

    /** The steps between evaluations in a run of so many. */
    long evaluationInterval(long steps) {
        return evaluateEvery == null ? HeldOutEvaluation.Schedule.usual(steps) : evaluateEvery;
    }

    int patience() {
        return patience;
    }

    /** What a student's weights are stored in. */
    DType storedType(DType student) {
        return dtype == null ? student : dtype;
    }

    long largestShard() {
        return largestShard;
    }

    Resume resume() {
        return resume;
    }

    boolean isOverwriting() {
        return overwrite;
    }

    TokenizerFiles.Options tokenizer() {
        return tokenizer;
    }

    Device device() {
        return device == null ? Device.cpu() : device;
    }

    /** All that is read, which the output must leave alone. */
    Path[] inputs() {
        List<Path> inputs = new ArrayList<>(List.of(teacher));
        inputs.addAll(mapping.text());
        inputs.addAll(List.of(reads));
        return inputs.toArray(Path[]::new);
    }
}
