package kept.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import kept.model.Decoder;
import kept.model.KeyValueCache;
import kept.tensor.ShapeException;
import kept.tokenizer.Tokenizer;

/**
 * A conversation with a chat model. Each turn renders the whole conversation but processes only new tokens: the key-value cache keeps the prefix
 * whose tokens are unchanged.
 *
 * <p>Special tokens in the rendered text, including those a user types, are encoded as special tokens, as transformers does by default.
 */
public final class Conversation implements AutoCloseable {
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final Generator generator;
    private final KeyValueCache cache;
    private final List<ChatMessage> messages = new ArrayList<>();
    private final Optional<String> system;
    private int[] seen = {};
    private volatile boolean interrupted;

    /**
     * Starts an empty conversation.
     *
     * @param model a chat model, which must stay open
     * @param tokenizer its tokenizer
     * @param options the generation options for answers
     * @param template its chat template
     * @param system the system message, if any
     */
    public Conversation(Decoder model, Tokenizer tokenizer, GenerationOptions options, ChatTemplate template, Optional<String> system) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.system = system;
        generator = new Generator(model, tokenizer, options);
        cache = new KeyValueCache(model.config(), 1, 0, model.device(), options.cacheType());
        restart();
    }

    /** Clears the conversation except for the system message. */
    public void restart() {
        messages.clear();
        system.ifPresent(text -> messages.add(new ChatMessage(ChatMessage.SYSTEM, text)));
    }

    /**
     * Adds a user message and generates the answer.
     *
     * @param text the user's turn
     * @param shown receives each piece of the answer as it is generated
     * @return the answer
     * @throws ChatTemplateException if the template rejects the conversation or ignores the system message
     * @throws ShapeException if the conversation exceeds the model's maximum number of positions
     */
    public Continuation say(String text, Consumer<String> shown) {
        messages.add(new ChatMessage(ChatMessage.USER, text));
        try {
            int[] prompt = prompt();
            int common = Arrays.mismatch(prompt, seen);
            cache.truncate(Math.min(cache.length(), Math.min(common < 0 ? prompt.length : common, prompt.length - 1)));
            cache.reserve(prompt.length + (long) generator.limit(prompt.length));
            seen = prompt;
            interrupted = false;
            Sequence answer = generator.run(prompt, cache, shown, () -> interrupted);
            seen = answer.ids();
            messages.add(new ChatMessage(ChatMessage.ASSISTANT, answer.result().text()));
            return answer.result();
        } finally {
            if (messages.getLast().role().equals(ChatMessage.USER)) {
                messages.removeLast();
            }
        }
    }

    private int[] prompt() {
        String rendered = template.render(messages, tokenizer.specialTokens());
        if (system.isPresent() && !rendered.contains(system.get().strip())) {
            throw new ChatTemplateException(("[chat template] %s leaves out what the system turn says: "
                    + "this model knows no such turn; leave out --system").formatted(template.name()));
        }
        int[] ids = tokenizer.encodeWithSpecialTokens(rendered);
        if (ids.length == 0) {
            throw new ChatTemplateException("[chat template] %s makes an empty text of this conversation".formatted(template.name()));
        }
        return ids;
    }

    /**
     * The number of tokens in the cache.
     *
     * @return tokens that need not be processed again in the next turn
     */
    public long cachedTokens() {
        return cache.length();
    }

    /** Stops the answer being generated after its next token. May be called from another thread. */
    public void interrupt() {
        interrupted = true;
    }

    /** Frees the cache. */
    @Override
    public void close() {
        cache.close();
    }
}
