package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.stream.Stream;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.corpus.Corpus;
import kept.distributed.Communicator;
import kept.generation.LossTokens;
import kept.io.OutputDirectory;
import kept.recording.RecordedForm;
import kept.recording.RecordingLayout;
import kept.report.RunReport;
import kept.safetensors.CheckpointWriter;
import kept.tensor.DType;
import kept.tokenizer.TokenizerFiles;
import kept.training.ParameterSelection;
import kept.training.Sharding;
import kept.training.StepPlan;

/**
 * A distillation: maps a teacher to a Llama, evaluates it, trains it on a text to predict the teacher's distribution, evaluates it again and writes
 * the best state with a report. Defaults are those of {@code kept distill}; each setter changes this object and returns it:
 *
 * <pre>{@code
 * DistillationRun.Result result = DistillationRun.of(teacher, output).corpus(Path.of("text.jsonl")).tokens(1_000_000).run(Progress.NONE);
 * }</pre>
 *
 * <p>During the run, its state is in {@code OUTPUT.training}, from which {@link #resume} continues with the same bits.
 */
public final class DistillationRun extends ResumableRun<DistillationRun> {
    private final Path teacher;
    private final Path output;
    private final List<TrainingCorpus> corpora = new ArrayList<>();
    private LossTokens lossTokens = LossTokens.ALL;
    private MappingChoice mapping = MappingChoice.OPM;
    private final List<MappingChoice> compared = new ArrayList<>();
    private final SequencedMap<String, Corpus> heldOut = new LinkedHashMap<>();
    private long tokens = 1_000_000;
    private ParameterSelection train = ParameterSelection.parse("all");
    private AdapterOutput adapterOutput = AdapterOutput.MERGED;
    private DistillationObjective objective = new DistillationObjective(Divergence.FORWARD_KL, 1, 0);
    private TrainingSettings training = new TrainingSettings();
    private long evaluationTokens = 16_384;
    /** Null for the default. */
    private Long evaluateEvery;
    private int patience;
    /** Null for the teacher's. */
    private DType dtype;
    private long maxShardSize = CheckpointWriter.DEFAULT_SHARD_BYTES;
    private TokenizerFiles.Options tokenizer = TokenizerFiles.Options.NONE;
    private Communicator ranks = Communicator.single();
    /** Null for as little as the memory allows. */
    private Sharding sharding;
    /** Null for a teacher in memory. */
    private Path recorded;

    private DistillationRun(Path teacher, Path output) {
        this.teacher = teacher;
        this.output = output;
    }

    @Override
    DistillationRun self() {
        return this;
    }

    /**
     * A finished distillation.
     *
     * @param output the Llama's directory
     * @param report the results, as in the output's report.json
     * @param seconds the duration of each stage, by its name
     * @param failure how the training met NaN or infinity, and what to do: the output is then the best state before that; empty if training completed
     */
    public record Result(Path output, RunReport report, SequencedMap<String, Double> seconds, Optional<String> failure) {}

    /**
     * A finished recording of a teacher's logits.
     *
     * @param output its directory
     * @param layout what was recorded
     * @param bytes the size of what was recorded of the training text
     */
    public record Recorded(Path output, RecordingLayout layout, long bytes) {}

    /**
     * A distillation.
     *
     * @param teacher the teacher's directory: config.json, weights, tokenizer
     * @param output the Llama's directory, which the run creates
     * @return the distillation, with default settings
     */
    public static DistillationRun of(Path teacher, Path output) {
        return new DistillationRun(teacher, output);
    }

    /**
     * Sets the training text.
     *
     * @param files those of {@link Corpus#of} with the field {@code text}
     * @return this
     */
    public DistillationRun corpus(Path... files) {
        return corpus(Corpus.of(List.of(files), "text"));
    }

    /**
     * Sets the training text. A text that is larger than needed is drawn from as a whole, by the seed of the training. Conversations in it are
     * written by the teacher's chat template, or by the one of {@link #tokenizer}.
     *
     * @param text any documents
     * @return this
     */
    public DistillationRun corpus(Corpus text) {
        corpora.clear();
        return corpus(TrainingCorpus.ONLY, 1, text);
    }

    /**
     * Adds a training text, to be mixed with others.
     *
     * @param name its name in reports
     * @param weight above 0; the texts have shares of the training tokens in proportion to their weights
     * @param text any documents; begins again if it ends before its share is complete
     * @return this
     * @throws RunException if the weight is not a number above 0
     */
    public DistillationRun corpus(String name, double weight, Corpus text) {
        if (!(weight > 0) || Double.isInfinite(weight)) {
            throw new RunException("[training] the weight of the text %s must be a number above 0, not %s".formatted(name, weight));
        }
        corpora.add(new TrainingCorpus(name, weight, text));
        return this;
    }

    /**
     * Sets the tokens of conversations that training learns to predict; all by default. Texts are always learnt as a whole.
     *
     * @param tokens all, or those of the assistant
     * @return this
     */
    public DistillationRun lossTokens(LossTokens tokens) {
        lossTokens = tokens;
        return this;
    }

    /**
     * Sets where the student comes from; the mapping OPM by default.
     *
     * @param choice a given student, or a mapping; one that measures and names no text measures on the corpus
     * @return this
     */
    public DistillationRun mapping(MappingChoice choice) {
        mapping = choice;
        return this;
    }

    /**
     * Adds a mapping whose student is evaluated next to the trained one.
     *
     * @param choice the mapping
     * @return this
     */
    public DistillationRun compare(MappingChoice choice) {
        compared.add(choice);
        return this;
    }

    /**
     * Adds held-out text to evaluate on. By default a part of the corpus, at most a fiftieth, is held out of training.
     *
     * @param name its name in tables
     * @param text documents that training does not see
     * @return this
     */
    public DistillationRun heldOut(String name, Corpus text) {
        heldOut.put(name, text);
        return this;
    }

    /**
     * Sets the number of training tokens; 1,000,000 by default.
     *
     * @param count how many; whole steps
     * @return this
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public DistillationRun tokens(long count) {
        tokens = TokenLimit.require("training tokens", count);
        return this;
    }

    /**
     * Sets which parameters are trained; all by default.
     *
     * @param selection the parameters, and adapters of others
     * @return this
     */
    public DistillationRun train(ParameterSelection selection) {
        train = selection;
        return this;
    }

    /**
     * Sets how adapters are written, where some are {@linkplain #train trained}; merged into the weights by default.
     *
     * @param form merged or beside their base; an evaluation uses what is written
     * @return this
     */
    public DistillationRun adapterOutput(AdapterOutput form) {
        adapterOutput = form;
        return this;
    }

    /**
     * Sets the loss; the forward KL divergence at temperature 1 by default.
     *
     * @param loss the loss
     * @return this
     */
    public DistillationRun objective(DistillationObjective loss) {
        objective = loss;
        return this;
    }

    /**
     * Sets batch, learning rate and the other settings of training.
     *
     * @param settings sequences, learning rate, optimizer and states
     * @return this
     */
    public DistillationRun training(TrainingSettings settings) {
        training = settings;
        return this;
    }

    /**
     * Sets the evaluation tokens of each held-out text; 16,384 by default.
     *
     * @param count the maximum number
     * @return this
     * @throws RunException if it is below 1 or above {@link TokenLimit#MAX}
     */
    public DistillationRun evaluationTokens(long count) {
        evaluationTokens = TokenLimit.require("evaluation tokens", count);
        return this;
    }

    /**
     * Sets the steps between evaluations on a held-out part of the corpus, by which the best state is chosen; by default a tenth of all steps, at
     * most 100.
     *
     * @param steps how many; 0 evaluates at the start and the end only
     * @return this
     */
    public DistillationRun evaluateEvery(long steps) {
        evaluateEvery = steps;
        return this;
    }

    /**
     * Sets after how many evaluations without improvement training stops; never by default.
     *
     * @param evaluations how many; 0 for never
     * @return this
     */
    public DistillationRun patience(int evaluations) {
        patience = evaluations;
        return this;
    }

    /**
     * Sets the type of the stored weights; that of the teacher or of a given student by default.
     *
     * @param type F32, BF16 or F16
     * @return this
     */
    public DistillationRun dtype(DType type) {
        dtype = type;
        return this;
    }

    /**
     * Sets the maximum size of a weight file; 5 GB by default.
     *
     * @param bytes the maximum bytes of tensors in one file
     * @return this
     */
    public DistillationRun maxShardSize(long bytes) {
        maxShardSize = bytes;
        return this;
    }

    /**
     * Sets how the tokenizer's files are written; as in the teacher by default.
     *
     * @param options the chat template and the tokenizer class
     * @return this
     */
    public DistillationRun tokenizer(TokenizerFiles.Options options) {
        tokenizer = options;
        return this;
    }

    /**
     * Sets the ranks that share the passes of each step; this process alone by default. Rank 0 does the {@link #run}, which reads the text, evaluates
     * and writes; each other rank {@linkplain #follow follows} with the same settings. The result has the same bits for any number of ranks.
     *
     * @param all this rank and the others, which the caller closes
     * @return this
     */
    public DistillationRun ranks(Communicator all) {
        ranks = all;
        return this;
    }

    /**
     * Estimates time, memory and disk without running. It reads config.json and, where there are weights, their headers; of a given student also
     * samples of its weights.
     *
     * @return the plan
     */
    public DistillationPlan plan() {
        return DistillationTask.of(this).forPlan().plan(new StepPlan.Shares(ranks.size(), Sharding.NONE));
    }

    /**
     * Plans the run for a number of ranks.
     *
     * @param count how many
     * @param memory that of each rank
     * @return memory and time of a rank, with what {@link #sharding} says divided, or as little as its memory allows
     */
    public DistillationPlan plan(int count, MachineMemory memory) {
        DistillationPlan plan = DistillationTask.of(this).forPlan().plan(new StepPlan.Shares(count, Sharding.NONE));
        Sharding divided = count == 1 ? Sharding.NONE : sharding == null ? plan.sharding(memory.total()) : sharding;
        return plan.withShares(new StepPlan.Shares(count, divided));
    }

    /**
     * Executes the run.
     *
     * @param progress receives the progress
     * @return the result
     * @throws RunException if it cannot be done; the message names the remedy
     * @throws StoppedException if {@code progress} stopped it
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public Result run(Progress progress) {
        if (corpora.isEmpty()) {
            throw new RunException("[training] there is no text to distil on: give a corpus");
        }
        if (ranks.rank() > 0) {
            throw new RunException("[training] rank %d follows rank 0 (DistillationRun.follow)".formatted(ranks.rank()));
        }
        DistillationTask task = DistillationTask.of(this);
        // Before the weights of a given student are compared with the teacher's, which reads both.
        OutputDirectory.requireReplaceable(output, isOverwriting() || resume().isWanted(), inputs());
        return new DistillationProcess(task.forWeights(), progress).run();
    }

    /**
     * Does the part of a rank other than 0: its passes of each training step, until rank 0 ends the training. Text and output are those of rank 0.
     *
     * @param progress may stop the run: rank 0 saves the state after the step
     * @throws RunException in rank 0
     * @throws kept.distributed.RankException if another rank fails
     */
    public void follow(Progress progress) {
        if (ranks.rank() == 0) {
            throw new RunException("[training] rank 0 leads the training (DistillationRun.run)");
        }
        new DistillationFollower(DistillationTask.of(this).forWeights(), progress, ranks).run();
    }

    /**
     * Sets a recording of the teacher's logits, from which the run trains without the teacher in memory. Texts, seed, sequence length and temperature
     * must be those of the recording, and it must have as many tokens; the loss is the forward divergence.
     *
     * @param directory what {@link #record} wrote; null, the default, for a teacher in memory
     * @return this
     */
    public DistillationRun recorded(Path directory) {
        recorded = directory;
        return this;
    }

    /**
     * Records the teacher's logits on the training text, in the order of training, and on the held-out texts, instead of training. The output is then
     * the recording's directory. The files are the same for any number of ranks.
     *
     * @param form what is kept of each distribution
     * @param progress receives the progress
     * @return the recording
     * @throws RunException if it cannot be done; the message names the remedy
     * @throws StoppedException if {@code progress} stopped it; {@link #resume} continues
     * @throws kept.tensor.TensorException other errors of files, models and numbers
     */
    public Recorded record(RecordedForm form, Progress progress) {
        if (corpora.isEmpty()) {
            throw new RunException("[record] there is no text to record the teacher's logits on: give a corpus");
        }
        if (ranks.rank() > 0) {
            throw new RunException("[record] rank %d follows rank 0 (DistillationRun.followRecording)".formatted(ranks.rank()));
        }
        return new RecordingProcess(DistillationTask.of(this), form, progress).run();
    }

    /**
     * Does the part of a rank other than 0 in {@link #record}: it computes the logits of its files, and writes them to the same directory.
     *
     * @param form what is kept of each distribution
     * @param progress may stop the recording
     * @throws RunException in rank 0
     * @throws kept.distributed.RankException if another rank fails
     */
    public void followRecording(RecordedForm form, Progress progress) {
        if (ranks.rank() == 0) {
            throw new RunException("[record] rank 0 leads the recording (DistillationRun.record)");
        }
        new RecordingProcess(DistillationTask.of(this), form, progress).follow();
    }

    Path recorded() {
        return recorded;
    }

    Communicator ranks() {
        return ranks;
    }

    /**
     * Sets what lies divided over the ranks. The result has the same bits.
     *
     * @param divided gradients and moments, or parameters too; null, the default, for as little as the memory of rank 0 allows
     * @return this run
     */
    public DistillationRun sharding(Sharding divided) {
        sharding = divided;
        return this;
    }

    Sharding sharding() {
        return sharding;
    }

    Path teacher() {
        return teacher;
    }

    Path output() {
        return output;
    }

    List<TrainingCorpus> corpora() {
        return corpora;
    }

    LossTokens lossTokens() {
        return lossTokens;
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

    AdapterOutput adapterOutput() {
        return adapterOutput;
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

    /** The type of a student's stored weights. */
    DType storedType(DType student) {
        return dtype == null ? student : dtype;
    }

    long maxShardSize() {
        return maxShardSize;
    }

    TokenizerFiles.Options tokenizer() {
        return tokenizer;
    }

    /** All inputs, which the output must not replace. */
    Path[] inputs() {
        return inputs(Stream.of(Stream.of(teacher), mapping.text().stream(), Stream.ofNullable(mapping.student()), Stream.ofNullable(recorded))
                .flatMap(Function.identity()));
    }
}
