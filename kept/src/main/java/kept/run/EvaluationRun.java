package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.distributed.Communicator;
import kept.evaluation.Examination;
import kept.evaluation.LogLikelihoods;
import kept.evaluation.PairEncoder;
import kept.evaluation.PassKeyTrials;
import kept.evaluation.Request;
import kept.evaluation.TaskScores;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.report.TaskResult;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;

/**
 * Evaluates a model on multiple-choice tasks and passkey retrieval, optionally next to its teacher. Defaults are those of {@code kept evaluate};
 * each setter changes this object and returns it:
 *
 * <pre>{@code
 * Task task = Task.read(Path.of("questions.jsonl"));
 * var result = EvaluationRun.of(model).task(new Examination(task, new FewShot(0, task.questions(), " ", OptionalLong.empty()))).run(Progress.NONE);
 * }</pre>
 */
public final class EvaluationRun {
    /** The name of the first model where there are two. */
    public static final String TEACHER = "teacher";

    private final SequencedMap<String, Path> models = new LinkedHashMap<>();
    private final List<Examination> tasks = new ArrayList<>();
    private final Path model;
    /** Null for no passkey retrieval. */
    private PassKeyTrials passKeys;
    /** Null for each model's positions. */
    private Integer maxLength;
    /** Null for the setting of each tokenizer_config.json. */
    private Boolean beginning;
    /** Null for the CPU, which is not opened before the run. */
    private Device device;
    private Communicator ranks = Communicator.single();

    private EvaluationRun(Path model) {
        this.model = model;
    }

    /**
     * The scores.
     *
     * @param tasks one for each task, in order
     * @param passKeys for each model one for each length and depth; empty without passkey retrieval
     */
    public record Result(List<TaskResult> tasks, SequencedMap<String, List<PassKeyTrials.Result>> passKeys) {}

    /** A model before its weights are read: its tokenizer, and the requests of each task in its ids. */
    private record Candidate(String name, Path directory, Tokenizer tokenizer, boolean beginning, int maxLength, List<List<Request>> requests) {}

    /**
     * An evaluation.
     *
     * @param model a checkpoint's directory with its tokenizer
     * @return the evaluation, with default settings
     */
    public static EvaluationRun of(Path model) {
        return new EvaluationRun(model);
    }

    /**
     * Adds a model to compare with, question by question.
     *
     * @param directory a checkpoint's directory with its tokenizer
     * @return this
     */
    public EvaluationRun teacher(Path directory) {
        models.put(TEACHER, directory);
        return this;
    }

    /**
     * Adds a task.
     *
     * @param task its questions and their examples
     * @return this
     * @throws RunException if another task has its name
     */
    public EvaluationRun task(Examination task) {
        if (tasks.stream().anyMatch(other -> other.task().name().equals(task.task().name()))) {
            throw new RunException("[evaluate] two task files are named " + task.task().name() + ": rename one, or results would be mixed up");
        }
        tasks.add(task);
        return this;
    }

    /**
     * Runs passkey retrieval; none unless set.
     *
     * @param trials lengths, depths and numbers
     * @return this
     */
    public EvaluationRun passKeys(PassKeyTrials trials) {
        passKeys = trials;
        return this;
    }

    /**
     * The maximum input of a model in tokens; longer contexts lose their beginning. The model's positions unless set.
     *
     * @param tokens the number
     * @return this
     */
    public EvaluationRun maxLength(int tokens) {
        maxLength = tokens;
        return this;
    }

    /**
     * Whether contexts begin with the beginning-of-sequence id; as tokenizer_config.json says unless set.
     *
     * @param wanted whether they do
     * @return this
     */
    public EvaluationRun beginningOfSequence(boolean wanted) {
        beginning = wanted;
        return this;
    }

    /**
     * Sets the device to compute on; the CPU by default.
     *
     * @param where the device
     * @return this
     */
    public EvaluationRun device(Device where) {
        device = where;
        return this;
    }

    /**
     * Sets the ranks that divide questions and texts; this process alone by default. Each of them runs this with the same settings, and gets the same
     * result, whose bits do not depend on their number.
     *
     * @param all this rank and the others, which the caller closes
     * @return this
     */
    public EvaluationRun ranks(Communicator all) {
        ranks = all;
        return this;
    }

    /**
     * The evaluated models.
     *
     * @return their directories by name: {@code model}, or {@code teacher} and {@code student}
     */
    public SequencedMap<String, Path> models() {
        var all = new LinkedHashMap<>(models);
        all.put(models.isEmpty() ? "model" : "student", model);
        return all;
    }

    /**
     * Evaluates all models. Questions are encoded for all of them before weights are read; one model is in memory at a time.
     *
     * @param progress receives the progress, and a note for each task with shortened contexts
     * @return the scores
     * @throws RunException if a setting does not fit a model
     * @throws kept.tensor.TensorException other errors of files, tasks, models and numbers
     */
    public Result run(Progress progress) {
        Device target = device == null ? Device.cpu() : device;
        List<Candidate> candidates = new ArrayList<>();
        try {
            models().forEach((name, directory) -> candidates.add(candidate(name, directory)));
            progress.note(target.backend().description());
            List<SequencedMap<String, TaskScores>> scores = new ArrayList<>();
            tasks.forEach(_ -> scores.add(new LinkedHashMap<>()));
            var found = new LinkedHashMap<String, List<PassKeyTrials.Result>>();
            candidates.forEach(candidate -> evaluate(candidate, target, scores, found, progress));
            List<TaskResult> results = new ArrayList<>();
            for (int i = 0; i < tasks.size(); i++) {
                results.add(new TaskResult(tasks.get(i).task().name(), scores.get(i)));
            }
            return new Result(results, found);
        } finally {
            candidates.forEach(candidate -> candidate.tokenizer.close());
        }
    }

    private Candidate candidate(String name, Path directory) {
        DecoderConfig config = DecoderConfig.read(directory);
        int longest = maxLength == null ? config.maxPositions() : maxLength;
        if (longest > config.maxPositions()) {
            throw new RunException("[evaluate] --max-length %,d exceeds the %,d positions of %s"
                    .formatted(longest, config.maxPositions(), directory));
        }
        Tokenizer tokenizer = Tokenizer.load(directory);
        try {
            tokenizer.requireVocabulary(config.vocabSize());
            boolean begins = beginning == null ? tokenizer.addsBos() : beginning;
            var encoder = new PairEncoder(tokenizer, begins);
            return new Candidate(name, directory, tokenizer, begins, longest, tasks.stream().map(task -> task.requests(encoder)).toList());
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    private void evaluate(Candidate candidate, Device target, List<SequencedMap<String, TaskScores>> scores,
            SequencedMap<String, List<PassKeyTrials.Result>> found, Progress progress) {
        try (Decoder decoder = LoadedModel.load(candidate.directory, null, target, progress)) {
            for (int i = 0; i < tasks.size(); i++) {
                List<Request> requests = candidate.requests.get(i);
                String task = tasks.get(i).task().name();
                try (var work = Work.begin(progress, candidate.name + " " + task, Progress.Unit.ITEMS, requests.size(), 0)) {
                    TaskScores result = tasks.get(i).put(new LogLikelihoods(decoder, candidate.maxLength, ranks), requests, work::done);
                    scores.get(i).put(candidate.name, result);
                    if (result.shortened() > 0) {
                        progress.note("%s, %s: of %,d of %,d choices the context lost its beginning, to fit into %,d tokens"
                                .formatted(candidate.name, task, result.shortened(), requests.size(), candidate.maxLength));
                    }
                }
            }
            if (passKeys != null) {
                try (var work = Work.begin(progress, candidate.name + " passkeys", Progress.Unit.ITEMS, passKeys.total(), 0)) {
                    found.put(candidate.name, passKeys.ask(decoder, candidate.tokenizer, candidate.beginning, ranks, work::done));
                }
            }
        }
    }
}
