package kept;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import kept.cli.CacheType;
import kept.cli.ChatSession;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.ProgramException;
import kept.cli.PromptFile;
import kept.cli.Reads;
import kept.cli.RenderedPrompt;
import kept.cli.SamplingArguments;
import kept.generation.ChatTemplate;
import kept.generation.Continuation;
import kept.generation.Conversation;
import kept.generation.GenerationConfig;
import kept.generation.GenerationOptions;
import kept.generation.Generator;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.run.LoadedModel;
import kept.run.LoadedWeights;
import kept.text.Json;
import kept.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code kept generate}: continues texts, or talks with a chat model. */
@Command(name = "generate", customSynopsis = {
    "kept generate --model=DIR --prompt=TEXT [OPTION...]",
    "       kept generate --model=DIR --chat [OPTION...]"
}, description = {
    "Continues a text with a Llama, or a checkpoint that convert maps to one.",
    "The text is printed token by token as it is generated. Several prompts are continued as one batch, each with the result it would have alone.",
    "With --chat it is a conversation: on a terminal a line after the prompt sign > is a turn, /new begins another conversation, /exit "
            + "or Ctrl-D ends, Ctrl-C ends an answer. Elsewhere each --prompt, or each line of standard input, is a turn."
})
public final class Generate extends Program {
    private static final int CHAT_TOKENS = 512;
    private static final int TEXT_TOKENS = 100;

    @Reads
    @Option(names = "--model", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
            description = "A Llama with its tokenizer, or a checkpoint that convert maps to one.")
    private Path model;

    @Option(names = "--prompt", paramLabel = "TEXT", description = "A text to continue, or a turn of a conversation; may be given several times.")
    private List<String> prompts = new ArrayList<>();

    @Reads
    @Option(names = "--prompts", paramLabel = "FILE",
            description = "Texts to continue: one a line, in a .jsonl file a JSON string or an object with a field \"prompt\".")
    private Path promptLines;

    @Reads
    @Option(names = "--prompt-file", paramLabel = "FILE", description = "A file that holds one text to continue; only the continuation is printed.")
    private Path promptText;

    @Option(names = "--jsonl", description = "Print a line of JSON for each prompt: prompt, text, tokens, finish (end, stop or length).")
    private boolean jsonLines;

    @Option(names = "--chat", description = "Hold a conversation with a chat model, formatted by its chat template.")
    private boolean chat;

    @Option(names = "--system", paramLabel = "TEXT", description = "System message of the conversation.")
    private String system;

    @Reads
    @Option(names = "--chat-template", paramLabel = "FILE",
            description = "Chat template: a Jinja file, a .json file with a field chat_template, or orion for that of Orion-14B-Chat "
                    + "(default: the checkpoint's own; an Orion without one has orion).")
    private String template;

    @Reads
    @Option(names = "--messages", paramLabel = "FILE",
            description = "A conversation to show with --print-prompt or --print-ids: a JSON list of objects with \"role\" and \"content\", "
                    + "or an object with such a list as \"messages\" and other variables of the template (tools, add_generation_prompt, ...).")
    private Path messages;

    @Option(names = "--print-prompt",
            description = "Print the text that the chat template renders from --messages, and nothing else; no weights are read.")
    private boolean printPrompt;

    @Option(names = "--print-ids", description = "Print the token ids of that text instead, on one line, as the model would receive them.")
    private boolean printIds;

    @Option(names = "--kv-cache", paramLabel = "TYPE", defaultValue = "auto",
            description = "Type of cached keys and values: ${COMPLETION-CANDIDATES}. auto is that of the activations, f32 on the CPU; bf16 halves it "
                    + "(default: ${DEFAULT-VALUE}).")
    private CacheType cacheType;

    @Option(names = "--weights", paramLabel = "FORM", defaultValue = "stored",
            description = "Form of weights in memory: ${COMPLETION-CANDIDATES}. q8 quantises the matrices of linear maps as they are loaded, to 8.5 "
                    + "bits an element as in GGUF's q8_0; the embedding and norms stay as they are stored (default: ${DEFAULT-VALUE}).")
    private LoadedWeights weights;

    @Mixin
    private SamplingArguments sampling;

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
    protected int run() {
        if (messages != null) {
            return show(RenderedPrompt.read(messages));
        }
        DecoderConfig config = DecoderConfig.read(model);
        GenerationOptions options = options(GenerationConfig.read(model), config.eosTokenIds());
        List<String> unused = GenerationConfig.unused(model);
        if (!unused.isEmpty()) {
            err().println("note: generation_config.json: settings that are not used here: " + String.join(", ", unused));
        }
        Optional<ChatTemplate> words = chat ? Optional.of(template(config)) : Optional.empty();
        List<String> texts = texts();
        try (Tokenizer tokenizer = chat ? Tokenizer.loadForChat(model) : Tokenizer.load(model);
                Decoder decoder = LoadedModel.loadAs(weights, model, device.open(), progress())) {
            tokenizer.requireVocabulary(decoder.config().vocabSize());
            if (chat) {
                report(decoder.device());
                try (var conversation = new Conversation(decoder, tokenizer, options, words.orElseThrow(), Optional.ofNullable(system))) {
                    return new ChatSession(conversation, out(), err()).hold(texts);
                }
            }
            var generator = new Generator(decoder, tokenizer, options);
            List<int[]> ids = texts.stream().map(text -> ids(tokenizer, decoder, text)).toList();
            ids.forEach(prompt -> generator.requireRoom(prompt.length));
            report(decoder.device());
            if (texts.size() == 1 && !jsonLines) {
                stream(generator, texts.getFirst(), ids.getFirst());
            } else {
                continueAll(generator, texts, ids);
            }
        }
        return 0;
    }

    private int show(RenderedPrompt prompt) {
        ChatTemplate words = template != null ? ChatTemplate.named(template) : ChatTemplate.read(model, prompt.hasTools())
                .orElseGet(() -> template(DecoderConfig.read(model)));
        try (Tokenizer tokenizer = Tokenizer.loadForChat(model)) {
            if (printIds) {
                out().println(prompt.ids(words, tokenizer));
            } else {
                out().print(prompt.text(words, tokenizer));
            }
        }
        out().flush();
        return 0;
    }

    @Override
    protected void checkUsage() {
        if (messages == null && (printPrompt || printIds)) {
            throw wrongUsage("%s needs --messages FILE".formatted(printPrompt ? "--print-prompt" : "--print-ids"));
        }
        if (messages != null) {
            checkUsageOfMessages();
            return;
        }
        long sources = Stream.of(!prompts.isEmpty(), promptLines != null, promptText != null).filter(given -> given).count();
        if (!chat && sources == 0) {
            throw wrongUsage("Missing required option: '--prompt=TEXT', '--prompts=FILE', '--prompt-file=FILE', '--chat' or '--messages=FILE'");
        }
        if (sources > 1) {
            throw wrongUsage("--prompt, --prompts and --prompt-file exclude each other");
        }
        if (chat && (promptLines != null || promptText != null || jsonLines)) {
            throw wrongUsage("--chat excludes --prompts, --prompt-file and --jsonl: a conversation's turns are not independent texts");
        }
        if (!chat && (system != null || template != null)) {
            throw wrongUsage("--system and --chat-template belong to --chat");
        }
        options(GenerationConfig.NONE, List.of());      // a wrong number is wrong usage, whatever else is wrong
    }

    private void checkUsageOfMessages() {
        if (printPrompt == printIds) {
            throw wrongUsage("--messages needs one of --print-prompt and --print-ids");
        }
        if (chat || system != null || jsonLines || !prompts.isEmpty() || promptLines != null || promptText != null) {
            throw wrongUsage("--messages excludes --prompt, --prompts, --prompt-file, --jsonl, --chat and --system: "
                    + "the file holds the whole conversation");
        }
    }

    private List<String> texts() {
        if (promptText != null) {
            return List.of(PromptFile.text(promptText));
        }
        return promptLines == null ? prompts : PromptFile.lines(promptLines);
    }

    /** In a conversation what the checkpoint's makers say holds unless the command line says otherwise. */
    private GenerationOptions options(GenerationConfig defaults, List<Integer> usualEnds) {
        List<Integer> ends = defaults.eosTokenIds().isEmpty() ? usualEnds : defaults.eosTokenIds();
        try {
            GenerationOptions options = chat
                    ? sampling.options(defaults.sampling(), defaults.maxNewTokens().orElse(CHAT_TOKENS), Set.copyOf(ends))
                    : sampling.options(GenerationConfig.NONE.sampling(), TEXT_TOKENS, Set.copyOf(ends));
            return options.withCacheType(cacheType.dtype());
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage(), e);
        }
    }

    private ChatTemplate template(DecoderConfig config) {
        if (template != null) {
            return ChatTemplate.named(template);
        }
        return ChatTemplate.read(model).or(() -> config.architecture() == Architecture.ORION ? Optional.of(ChatTemplate.orion()) : Optional.empty())
                .orElseThrow(() -> new ProgramException(("[chat] %s has no chat template, so the format of its turns is unknown; "
                        + "name one with --chat-template FILE, or orion for a Llama made from a chat Orion").formatted(model)));
    }

    private static int[] ids(Tokenizer tokenizer, Decoder decoder, String prompt) {
        int[] ids = tokenizer.encode(prompt, tokenizer.addsBos(), false);
        return ids.length > 0 ? ids
                : new int[] {decoder.config().bosTokenId().orElseThrow(() -> new ProgramException("[generate] the prompt is empty"))};
    }

    private void stream(Generator generator, String prompt, int... ids) {
        if (promptText == null) {
            out().print(prompt);
        }
        generator.continueOne(ids, piece -> {
            out().print(piece);
            out().flush();
        });
        out().println();
    }

    /** Prints the texts in the order of their prompts, each as soon as it and those before it are there. */
    private void continueAll(Generator generator, List<String> texts, List<int[]> ids) {
        var waiting = new LinkedHashMap<Integer, Continuation>();
        int[] printed = {0};
        generator.continueAll(ids, (prompt, result) -> {
            waiting.put(prompt, result);
            for (Continuation next = waiting.remove(printed[0]); next != null; next = waiting.remove(printed[0])) {
                print(printed[0], texts.get(printed[0]), next);
                printed[0]++;
            }
        });
    }

    private void print(int number, String prompt, Continuation result) {
        if (!jsonLines) {
            out().println("[%d] %s%s".formatted(number + 1, prompt, result.text()));
            return;
        }
        var line = new LinkedHashMap<String, Object>();
        line.put("prompt", prompt);
        line.put("text", result.text());
        line.put("tokens", result.tokens());
        line.put("finish", result.finish().name().toLowerCase(Locale.ROOT));
        out().println(Json.write(line));
    }
}
