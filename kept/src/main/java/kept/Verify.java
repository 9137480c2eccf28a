package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.checkpoint.AtomicFiles;
import kept.distill.Corpus;
import kept.distill.PackedTokens;
import kept.distill.TextEvaluation;
import kept.distill.TokenScores;
import kept.model.Decoder;
import kept.report.FidelityReport;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code kept verify}: how faithfully a student follows its teacher. */
@Command(name = "verify", description = {
    "Tells how faithfully a student follows its teacher, text by text.",
    "It prints both perplexities and their ratio, mean and 99th percentile of KL(teacher || student) in nats per token, and how often both find the",
    "same next token likeliest, with confidence intervals: from how much sequences differ, by a bootstrap."
})
public final class Verify extends Program {
    @Option(names = "--teacher", paramLabel = "DIR", required = true, description = "An Orion or Llama checkpoint with its tokenizer.")
    private Path teacher;

    @Option(names = "--student", paramLabel = "DIR", required = true, description = "A checkpoint of the same vocabulary.")
    private Path student;

    @Option(names = "--corpus", paramLabel = "FILE", arity = "1..*",
            description = "Text neither was trained on: .txt, .jsonl, .gz or .zip of these, or folders.")
    private List<Path> corpus = List.of();

    @Option(names = "--text", paramLabel = "NAME=FILE",
            description = "Such text by a name for the table, to judge several kinds apart; may be given several times, also with one name.")
    private List<String> texts = List.of();

    @Option(names = "--field", paramLabel = "NAME", defaultValue = "text", description = "Field of .jsonl lines (default: ${DEFAULT-VALUE}).")
    private String field;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "16384",
            description = "Tokens of each text to compare on, at most (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(names = "--sequence-length", paramLabel = "N", description = "Tokens of a sequence (default: 512, or the models' positions if fewer).")
    private Integer sequenceLength;

    @Option(names = "--by-position", description = "Show how measures change with the number of tokens before.")
    private boolean byPosition;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the result here too.")
    private Path json;

    @Mixin
    private DeviceOptions device;

    /** For the command line. */
    public Verify() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Verify(), arguments));
    }

    @Override
    int run() {
        OptimizerOptions.requireAtLeastOne("--tokens", tokens);
        OptimizerOptions.requireAtLeastOne("--sequence-length", sequenceLength == null ? 1 : sequenceLength);
        SequencedMap<String, List<Path>> named = named();
        Device target = device.open();
        try (Tokenizer tokenizer = Tokenizer.load(teacher);
                Decoder teaching = LoadedModel.load(teacher, null, target);
                Decoder learning = LoadedModel.load(student, null, target)) {
            tokenizer.requireVocabulary(Math.min(teaching.config().vocabSize(), learning.config().vocabSize()));
            int length = length(teaching, learning);
            List<TextEvaluation> evaluations = new ArrayList<>();
            named.forEach((name, files) -> evaluations.add(evaluation(name, files, tokenizer, length)));
            tell(target);
            SequencedMap<String, TokenScores> scores = new LinkedHashMap<>();
            for (TextEvaluation evaluation : evaluations) {
                try (var progress = new CountedProgress(evaluation.name(), evaluation.sequences(), err())) {
                    scores.put(evaluation.name(), evaluation.scores(teaching, learning, progress::show));
                }
            }
            show(scores);
        }
        return 0;
    }

    private SequencedMap<String, List<Path>> named() {
        SequencedMap<String, List<Path>> named = new LinkedHashMap<>();
        if (!corpus.isEmpty()) {
            named.put("corpus", new ArrayList<>(corpus));
        }
        for (String text : texts) {
            int end = text.indexOf('=');
            if (end < 1 || end == text.length() - 1) {
                throw new ParameterException(spec().commandLine(), "--text must be NAME=FILE, not '%s'".formatted(text));
            }
            named.computeIfAbsent(text.substring(0, end), _ -> new ArrayList<>()).add(Path.of(text.substring(end + 1)));
        }
        if (named.isEmpty()) {
            throw new ParameterException(spec().commandLine(), "nothing to compare on: give --corpus, --text, or both");
        }
        return named;
    }

    private int length(Decoder teaching, Decoder learning) {
        int positions = Math.min(teaching.config().maxPositions(), learning.config().maxPositions());
        int length = sequenceLength == null ? Math.min(512, positions) : sequenceLength;
        if (length > positions) {
            throw new ProgramException("[verify] --sequence-length %d exceeds the models' %d positions".formatted(length, positions));
        }
        return length;
    }

    private TextEvaluation evaluation(String name, List<Path> files, Tokenizer tokenizer, int length) {
        try (PackedTokens packed = PackedTokens.of(Corpus.of(files, field), tokenizer, tokens + length + 1)) {
            return TextEvaluation.of(name, packed, length, tokens);
        }
    }

    private void show(SequencedMap<String, TokenScores> scores) {
        FidelityReport.print(scores, byPosition, out());
        if (json != null) {
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("teacher", teacher.toString());
            content.put("student", student.toString());
            content.put("domains", FidelityReport.json(scores));
            AtomicFiles.writeJson(json, content);
        }
    }
}
