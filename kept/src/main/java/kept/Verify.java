package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import kept.cli.HeldOutTextOptions;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.RankOptions;
import kept.cli.Reads;
import kept.cli.Writes;
import kept.evaluation.TokenScores;
import kept.io.AtomicFiles;
import kept.report.DetailsReport;
import kept.report.FidelityDetails;
import kept.report.FidelityPage;
import kept.report.FidelityReport;
import kept.run.VerificationRun;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept verify}: how faithfully a student follows its teacher. */
@Command(name = "verify", customSynopsis = {
    "kept verify --teacher=DIR --student=DIR --held-out=NAME=FILE [OPTION...]"
}, description = {
    "Measures how closely a student follows its teacher on held-out text.",
    "For each text it prints both perplexities and their ratio, mean and 99th percentile of KL(teacher || student) in nats per token, "
            + "and the top-1 agreement, with 95 %% confidence intervals from a bootstrap over sequences.",
    "With --details it also shows the differences by position, by layer, by class of token, and the tokens with the largest KL."
})
public final class Verify extends Program {
    private static final int DETAILED_WORST = 10;

    @Reads
    @Option(names = "--teacher", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
            description = "A Llama with its tokenizer, or a checkpoint that convert maps to one.")
    private Path teacher;

    @Reads
    @Option(names = "--student", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
            description = "A checkpoint of the same vocabulary, which may be padded.")
    private Path student;

    @Reads
    @Option(names = "--corpus", paramLabel = "FILE", arity = "1..*", hidden = true, description = "Held-out text with the name corpus.")
    private List<Path> corpus = List.of();

    @Reads
    @Option(names = "--held-out", paramLabel = "NAME=FILE",
            description = "Named held-out text, in the formats of --corpus of distill; may be given several times. "
                    + "Files with one name are one text.")
    private List<String> texts = List.of();

    @Option(names = "--by-position", description = "Show the metrics by the number of preceding tokens.")
    private boolean byPosition;

    @Option(names = "--by-layer", description = {
        "Show the distance between the two models' residual streams, norm outputs and projections, layer by layer.",
        "It takes up to twice the time."})
    private boolean byLayer;

    @Option(names = "--by-token-class",
            description = "Show the metrics by the class of the predicted token: words, digits, punctuation, white space and so on.")
    private boolean byClass;

    @Option(names = "--worst", paramLabel = "N", description = "Show the N tokens of each text with the largest KL, in context.")
    private Integer worst;

    @Option(names = "--details", description = "All of these: --by-position --by-layer --by-token-class --worst 10.")
    private boolean details;

    @Writes(Writes.Kind.FILE)
    @Option(names = "--json", paramLabel = "FILE", description = "Also write the result to this file.")
    private Path json;

    @Writes(Writes.Kind.FILE)
    @Option(names = "--html", paramLabel = "FILE", description = "Write the result as a page with charts, as with --details.")
    private Path html;

    @Mixin
    private HeldOutTextOptions heldOut;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private RankOptions rankOptions;

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
    protected void checkUsage() {
        named();
    }

    @Override
    protected int run() {
        SequencedMap<String, List<Path>> named = named();
        var verification = VerificationRun.of(teacher, student).evaluationTokens(heldOut.tokens()).byLayer(layersWanted())
                .byTokenClass(classesWanted()).worst(worstWanted()).device(device.open()).ranks(ranks());
        if (heldOut.sequenceLength() != null) {
            verification.sequenceLength(heldOut.sequenceLength());
        }
        named.forEach((name, files) -> verification.heldOut(name, text(files, heldOut.field())));
        show(verification.run(progress()));
        return 0;
    }

    @Override
    protected boolean runsOnRanks() {
        return true;
    }

    private boolean layersWanted() {
        return byLayer || details || html != null;
    }

    private boolean classesWanted() {
        return byClass || details || html != null;
    }

    private int worstWanted() {
        return worst != null ? worst : details || html != null ? DETAILED_WORST : 0;
    }

    private SequencedMap<String, List<Path>> named() {
        SequencedMap<String, List<Path>> named = new LinkedHashMap<>();
        if (!corpus.isEmpty()) {
            named.put("corpus", new ArrayList<>(corpus));
        }
        HeldOutTextOptions.byName("--held-out", texts, spec().commandLine())
                .forEach((name, files) -> named.computeIfAbsent(name, _ -> new ArrayList<>()).addAll(files));
        if (named.isEmpty()) {
            throw wrongUsage("nothing to compare on: give --held-out NAME=FILE");
        }
        return named;
    }

    private void show(VerificationRun.Result result) {
        SequencedMap<String, FidelityDetails> details = result.details();
        deliver(() -> writeJson(result), () -> writePage(details, result.sequenceLength()), () -> print(details));
    }

    /** Figures that only the page needs are not printed. */
    private void print(SequencedMap<String, FidelityDetails> results) {
        SequencedMap<String, TokenScores> scores = new LinkedHashMap<>();
        results.forEach((name, result) -> scores.put(name, result.scores()));
        FidelityReport.print(scores, byPosition || details, out());
        if (byLayer || details) {
            DetailsReport.printLayers(results, out());
        }
        if (byClass || details) {
            DetailsReport.printClasses(results, out());
        }
        if (worst != null || details) {
            DetailsReport.printWorst(results, spec().usageMessage().width(), out());
        }
    }

    private void writeJson(VerificationRun.Result result) {
        if (json != null) {
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("teacher", teacher.toString());
            content.put("student", student.toString());
            content.put("texts", HeldOutTextOptions.json(result.texts()));
            content.put("domains", DetailsReport.json(result.details()));
            AtomicFiles.writeJson(json, content);
        }
    }

    private void writePage(SequencedMap<String, FidelityDetails> results, int length) {
        if (html != null) {
            SequencedMap<String, String> facts = new LinkedHashMap<>();
            facts.put("teacher", teacher.toString());
            facts.put("student", student.toString());
            facts.put("sequence length", Integer.toString(length));
            facts.put("command", commandLine());
            FidelityPage.write(facts, results, html);
        }
    }
}
