package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.RankOptions;
import kept.cli.Reads;
import kept.cli.Writes;
import kept.evaluation.Examination;
import kept.evaluation.FewShot;
import kept.evaluation.PassKeyTrials;
import kept.evaluation.Task;
import kept.io.AtomicFiles;
import kept.report.EvaluationReport;
import kept.run.EvaluationRun;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code kept evaluate}: what a model can do. */
@Command(name = "evaluate", customSynopsis = {
    "kept evaluate --model=DIR --tasks=FILE... [OPTION...]",
    "       kept evaluate --model=DIR --passkey=N,N,... [OPTION...]"
}, description = {
    "Evaluates a model on multiple-choice and passkey tasks, optionally side by side with its teacher.",
    "Multiple-choice questions are scored by log-likelihood, as lm-evaluation-harness does. Passkey retrieval shows how far back in a "
            + "long text a model finds a number."
})
public final class Evaluate extends Program {
    @ArgGroup(multiplicity = "1", order = 0)
    private Model model;

    /** The model to evaluate: an option, or, as it was given formerly, a parameter. */
    private static final class Model {
        @Reads
        @Option(names = "--model", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
                description = "A Llama with its tokenizer, or a checkpoint that convert maps to one.")
        private Path directory;

        @Reads
        @Parameters(paramLabel = "DIR", converter = ModelDirectory.class, hidden = true)
        private Path parameter;

        private Path path() {
            return directory == null ? parameter : directory;
        }
    }

    @Reads
    @Option(names = "--teacher", paramLabel = "DIR", converter = ModelDirectory.class,
            description = "A checkpoint to compare with, question by question.", order = 1)
    private Path teacher;

    @Reads
    @Option(names = "--tasks", paramLabel = "FILE", arity = "1..*", order = 2,
            description = "Multiple-choice questions as JSON lines: {\"context\": \"...\", \"choices\": [\"...\", \"...\"], \"answer\": 0}.")
    private List<Path> tasks = List.of();

    @Option(names = "--shots", paramLabel = "N", defaultValue = "0", order = 3,
            description = "Solved examples before each question (default: ${DEFAULT-VALUE}).")
    private int shots;

    @Reads
    @Option(names = "--examples", paramLabel = "FILE", arity = "1..*", order = 4,
            description = "Questions to take examples from: one file for all tasks, or one for each (default: the task's other questions).")
    private List<Path> examples = List.of();

    @Option(names = "--shots-seed", paramLabel = "N", order = 5,
            description = "Draw examples at random for each question, with this seed (default: the first ones).")
    private Long shotsSeed;

    @Option(names = "--delimiter", paramLabel = "TEXT", defaultValue = " ", order = 6,
            description = "Text between a context and a choice (default: a space).")
    private String delimiter;

    @Option(names = "--limit", paramLabel = "N", description = "Only the first N questions of each task.", order = 7)
    private Integer limit;

    @Option(names = "--by-group", description = "Also show each group of a task.", order = 8)
    private boolean byGroup;

    @Option(names = "--passkey", paramLabel = "N,N,...", split = ",", order = 9,
            description = "Run passkey retrieval on texts of these lengths in tokens, such as 1k,4k (1,000 and 4,000).")
    private List<Integer> passKeyLengths = List.of();

    @Option(names = "--passkey-depths", paramLabel = "X,X,...", split = ",", defaultValue = "0,25,50,75,100", order = 10,
            description = "Positions of the number, in per cent of the text (default: ${DEFAULT-VALUE}).")
    private List<Double> passKeyDepths;

    @Option(names = "--passkey-trials", paramLabel = "N", defaultValue = "3", order = 11,
            description = "Texts for each length and depth (default: ${DEFAULT-VALUE}).")
    private int passKeyTrials;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Seed of the hidden numbers (default: ${DEFAULT-VALUE}).", order = 12)
    private long seed;

    @Option(names = "--max-length", paramLabel = "N", order = 13,
            description = "Longest input of a model, in tokens; longer contexts lose their beginning (default: the model's positions).")
    private Integer maxLength;

    @Option(names = "--bos", negatable = true, order = 14,
            description = "Begin contexts with the beginning-of-sequence id (default: as the tokenizer does).")
    private Boolean bos;

    @Writes(Writes.Kind.FILE)
    @Option(names = "--json", paramLabel = "FILE", description = "Also write the result to this file.", order = 15)
    private Path json;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private RankOptions rankOptions;

    /** For the command line. */
    public Evaluate() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Evaluate(), arguments));
    }

    @Override
    protected int run() {
        EvaluationRun run = EvaluationRun.of(model.path());
        examinations().forEach(run::task);
        if (teacher != null) {
            run.teacher(teacher);
        }
        if (!passKeyLengths.isEmpty()) {
            run.passKeys(new PassKeyTrials(passKeyLengths, passKeyDepths.stream().map(depth -> depth / 100).toList(), passKeyTrials, seed));
        }
        if (maxLength != null) {
            run.maxLength(maxLength);
        }
        if (bos != null) {
            run.beginningOfSequence(bos);
        }
        EvaluationRun.Result result = run.device(device.open()).ranks(ranks()).run(progress());
        deliver(() -> writeJson(result, run.models()), () -> print(result));
        return 0;
    }

    @Override
    protected boolean runsOnRanks() {
        return true;
    }

    @Override
    protected void checkUsage() {
        if (tasks.isEmpty() && passKeyLengths.isEmpty()) {
            throw wrongUsage("nothing to evaluate: give --tasks, --passkey, or both");
        }
        if (examples.size() > 1 && examples.size() != tasks.size()) {
            throw wrongUsage("--examples names %d files for %d tasks: give one for all, or one for each".formatted(examples.size(), tasks.size()));
        }
    }

    private List<Examination> examinations() {
        List<Examination> examinations = new ArrayList<>();
        for (int i = 0; i < tasks.size(); i++) {
            Task all = Task.read(tasks.get(i));
            Task pool = examples.isEmpty() ? all : Task.read(examples.get(Math.min(i, examples.size() - 1)));
            Task task = limit == null ? all : new Task(all.name(), all.questions().subList(0, Math.min(limit, all.questions().size())));
            var seeded = shotsSeed == null ? OptionalLong.empty() : OptionalLong.of(shotsSeed);
            examinations.add(new Examination(task, new FewShot(shots, pool.questions(), delimiter, seeded)));
        }
        return examinations;
    }

    private void print(EvaluationRun.Result result) {
        if (!result.tasks().isEmpty()) {
            EvaluationReport.printTasks(result.tasks(), byGroup, out());
        }
        if (!result.passKeys().isEmpty()) {
            EvaluationReport.printPassKeys(result.passKeys(), out());
        }
    }

    private void writeJson(EvaluationRun.Result result, Map<String, Path> models) {
        if (json == null) {
            return;
        }
        Map<String, Object> content = new LinkedHashMap<>();
        models.forEach((name, directory) -> content.put(name, directory.toString()));
        if (!result.tasks().isEmpty()) {
            content.put("shots", shots);
            content.put("tasks", EvaluationReport.tasksJson(result.tasks()));
        }
        if (!result.passKeys().isEmpty()) {
            content.put("passkey", EvaluationReport.passKeysJson(result.passKeys()));
        }
        AtomicFiles.writeJson(json, content);
    }
}
