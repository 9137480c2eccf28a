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
 * A conversation with a chat model. Each turn renders the whole conversation, and reads what is new of it: keys and values of the turns before stay
 * in the cache as far as their tokens are the same.
 *
 * <p>Marks in the rendered text are read as marks, those that a user writes too, as transformers does it by default.
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
     * Begins with nothing said.
     *
     * @param model a chat model, which must stay open
     * @param tokenizer its tokenizer
     * @param options how answers are generated
     * @param template its chat template
     * @param system how the model shall behave, if anything is to be said of it
     */
    public Conversation(Decoder model, Tokenizer tokenizer, GenerationOptions options, ChatTemplate template, Optional<String> system) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.system = system;
        generator = new Generator(model, tokenizer, options);
        cache = new KeyValueCache(model.config(), 1, 0, model.device());
        restart();
    }

    /** Forgets what was said, but for how the model shall behave. */
    public void restart() {
        messages.clear();
        system.ifPresent(text -> messages.add(new ChatMessage(ChatMessage.SYSTEM, text)));
    }

    /**
     * Says something and lets the model answer.
     *
     * @param text the user's turn
     * @param shown is given each piece of the answer as it is made
     * @return the answer
     * @throws ChatTemplateException if the template refuses the conversation, or leaves out how the model shall behave
     * @throws ShapeException if the conversation has become longer than the model's positions
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
        String rendered = template.render(messages, tokenizer.marks());
        if (system.isPresent() && !rendered.contains(system.get().strip())) {
            throw new ChatTemplateException(("[chat template] %s leaves out what the system turn says: "
                    + "this model knows no such turn; leave out --system").formatted(template.name()));
        }
        int[] ids = tokenizer.encodeMarked(rendered);
        if (ids.length == 0) {
            throw new ChatTemplateException("[chat template] %s makes an empty text of this conversation".formatted(template.name()));
        }
        return ids;
    }

    /**
     * The number of tokens whose keys and values are kept.
     *
     * @return as many as need not be read again when the conversation goes on
     */
    public long cachedTokens() {
        return cache.length();
    }

    /** Ends the answer that is being made, after its next token; may be called by another thread. */
    public void interrupt() {
        interrupted = true;
    }

    /** Frees the cache. */
    @Override
    public void close() {
        cache.close();
    }
}
