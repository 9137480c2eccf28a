package kept;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.checkpoint.AtomicFiles;
import kept.distill.Corpus;
import kept.distill.Fidelity;
import kept.distill.PackedTokens;
import kept.distill.TextEvaluation;
import kept.model.Decoder;
import kept.tensor.Device;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept verify}: how faithfully a student follows its teacher. */
@Command(name = "verify", description = {
    "Tells how faithfully a student follows its teacher on a text.",
    "It prints mean and 99th percentile of KL(teacher || student) in nats per token, how often both find the same next token likeliest,",
    "and both perplexities."
})
public final class Verify extends Program {
    @Option(names = "--teacher", paramLabel = "DIR", required = true, description = "An Orion or Llama checkpoint with its tokenizer.")
    private Path teacher;

    @Option(names = "--student", paramLabel = "DIR", required = true, description = "A checkpoint of the same vocabulary.")
    private Path student;

    @Option(names = "--corpus", paramLabel = "FILE", arity = "1..*", required = true,
            description = "Text neither was trained on: .txt, .jsonl, .gz or .zip of these, or folders.")
    private List<Path> corpus;

    @Option(names = "--field", paramLabel = "NAME", defaultValue = "text", description = "Field of .jsonl lines (default: ${DEFAULT-VALUE}).")
    private String field;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "16384", description = "Tokens to compare on, at most (default: ${DEFAULT-VALUE}).")
    private long tokens;

    @Option(names = "--sequence-length", paramLabel = "N", description = "Tokens of a sequence (default: 512, or the models' positions if fewer).")
    private Integer sequenceLength;

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
        Device target = device.open();
        try (Tokenizer tokenizer = Tokenizer.load(teacher);
                Decoder teaching = LoadedModel.load(teacher, null, target);
                Decoder learning = LoadedModel.load(student, null, target)) {
            int positions = Math.min(teaching.config().maxPositions(), learning.config().maxPositions());
            int length = sequenceLength == null ? Math.min(512, positions) : sequenceLength;
            if (length > positions) {
                throw new ProgramException("[verify] --sequence-length %d exceeds the models' %d positions".formatted(length, positions));
            }
            tokenizer.requireVocabulary(Math.min(teaching.config().vocabSize(), learning.config().vocabSize()));
            try (PackedTokens packed = PackedTokens.of(Corpus.of(corpus, field), tokenizer, tokens + length + 1)) {
                tell(target);
                show(TextEvaluation.of("corpus", packed, length, tokens).compare(teaching, learning));
            }
        }
        return 0;
    }

    private void show(Fidelity fidelity) {
        out().println("tokens               %,d".formatted(fidelity.tokens()));
        out().println("KL mean              %.4g nats/token".formatted(fidelity.klMean()));
        out().println("KL 99th percentile   %.4g nats/token".formatted(fidelity.klP99()));
        out().println("top-1 agreement      %.4f".formatted(fidelity.top1Agreement()));
        out().println("perplexity teacher   %.4f".formatted(fidelity.perplexityTeacher()));
        out().println("perplexity student   %.4f".formatted(fidelity.perplexityStudent()));
        if (json != null) {
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("kl_mean", fidelity.klMean());
            content.put("kl_p99", fidelity.klP99());
            content.put("top1_agreement", fidelity.top1Agreement());
            content.put("perplexity_teacher", fidelity.perplexityTeacher());
            content.put("perplexity_student", fidelity.perplexityStudent());
            content.put("tokens", fidelity.tokens());
            AtomicFiles.writeJson(json, content);
        }
    }
}
