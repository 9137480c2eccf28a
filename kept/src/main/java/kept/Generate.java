package kept;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import kept.autograd.Autograd;
import kept.checkpoint.AtomicFiles;
import kept.model.Decoder;
import kept.model.KeyValueCache;
import kept.model.Sampler;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code kept generate}: continues a text. */
@Command(name = "generate", description = {
    "Continues a text with an Orion or Llama checkpoint.",
    "The text appears as it is made, token by token with a key-value cache."
})
public final class Generate extends Program {
    @Option(names = "--model", paramLabel = "DIR", required = true, description = "An Orion or Llama checkpoint with its tokenizer.")
    private Path model;

    /** What to continue. */
    static final class Prompt {
        @Option(names = "--prompt", paramLabel = "TEXT", required = true, description = "The text to continue.")
        private String text;

        @Option(names = "--prompt-file", paramLabel = "FILE", required = true,
                description = "A file with the text to continue, in UTF-8; only what is added is printed.")
        private Path file;

        private String read() {
            if (file == null) {
                return text;
            }
            try {
                return Files.readString(file);
            } catch (CharacterCodingException e) {
                throw new ProgramException("[generate] %s is not text in UTF-8; convert it, for example with iconv".formatted(file), e);
            } catch (IOException e) {
                throw new ProgramException("[generate] %s cannot be read: %s".formatted(file, AtomicFiles.reason(e)), e);
            }
        }
    }

    @ArgGroup(multiplicity = "1", order = 1)
    private Prompt prompt;

    @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "100", description = "Tokens to add at most (default: ${DEFAULT-VALUE}).")
    private int maxTokens;

    @Option(names = "--temperature", paramLabel = "X", defaultValue = "0",
            description = "0 takes the likeliest token, higher is more varied (default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(names = "--top-k", paramLabel = "N", defaultValue = "0", description = "Choose among the N likeliest tokens; 0 for all (default).")
    private int topK;

    @Option(names = "--top-p", paramLabel = "X", defaultValue = "1",
            description = "Choose among the fewest tokens whose probabilities add up to X (default: ${DEFAULT-VALUE}).")
    private double topP;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Of the random choice (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Mixin
    private DeviceOptions device;

    /** For the command line. */
    public Generate() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Generate(), arguments));
    }

    @Override
    int run() {
        Sampler sampler = sampler();
        String text = prompt.read();
        try (Tokenizer tokenizer = Tokenizer.load(model);
                Decoder decoder = LoadedModel.load(model, null, device.open())) {
            tokenizer.requireVocabulary(decoder.config().vocabSize());
            int[] ids = tokenizer.encode(text);
            if (ids.length == 0) {
                ids = new int[] {decoder.config().bosTokenId().orElseThrow(() -> new ProgramException("[generate] the prompt is empty"))};
            }
            long room = decoder.config().maxPositions() - ids.length;
            if (room < 1) {
                throw new ProgramException("[generate] the prompt's %d tokens leave no room in the model's %d positions"
                        .formatted(ids.length, decoder.config().maxPositions()));
            }
            tell(decoder.device());
            if (prompt.file == null) {
                out().print(text);
            }
            generate(decoder, tokenizer, ids, (int) Math.min(room, maxTokens), sampler);
        }
        return 0;
    }

    private Sampler sampler() {
        try {
            return new Sampler(temperature, topK, topP, seed);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec().commandLine(), e.getMessage(), e);
        }
    }

    /**
     * Prints what each token adds to the text; a character that is spread over tokens waits for its last byte. Decoded are only the ids since the
     * last piece of text but one: a piece follows another, so that its leading space is not taken for that of a text.
     */
    private void generate(Decoder decoder, Tokenizer tokenizer, int[] promptIds, int limit, Sampler sampler) {
        int[] ids = Arrays.copyOf(promptIds, promptIds.length + limit);
        int known = 0;
        int shown = promptIds.length;
        String before = tokenizer.decode(promptIds);
        try (var cache = new KeyValueCache(decoder.config(), 1, promptIds.length + (long) limit, decoder.device())) {
            int[] input = promptIds;
            for (int end = promptIds.length + 1; end <= ids.length; end++) {
                int next = sampler.next(nextLogits(decoder, input, cache));
                if (decoder.config().eosTokenIds().contains(next)) {
                    break;
                }
                ids[end - 1] = next;
                String text = tokenizer.decode(Arrays.copyOfRange(ids, known, end));
                int added = Arrays.mismatch(before.toCharArray(), text.toCharArray());
                if (added >= 0 && !text.endsWith("\uFFFD")) {
                    out().print(text.substring(added));
                    out().flush();
                    known = shown;
                    shown = end;
                    before = tokenizer.decode(Arrays.copyOfRange(ids, known, shown));
                }
                input = new int[] {next};
            }
        }
        out().println();
    }

    private static float[] nextLogits(Decoder decoder, int[] ids, KeyValueCache cache) {
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(decoder.device())) {
                return decoder.nextLogits(Tensor.of(ids, 1, ids.length), cache).toFloatArray();
            }
        });
    }
}
