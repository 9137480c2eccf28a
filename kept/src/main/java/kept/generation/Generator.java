package kept.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import kept.autograd.Autograd;
import kept.model.Decoder;
import kept.model.KeyValueCache;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;

/**
 * Continues prompts, token by token with key-value caches.
 *
 * <p>Several prompts go in lockstep: each is read by itself, into a cache of its own, and then all make their next token in one pass, in which every
 * weight is read once for all of them; when one has ended, the next prompt takes its place. Nothing is padded. Of
 * {@value Decoder#SAME_BITS_SEQUENCES} texts side by side each has the bits it has alone, so there are never more.
 */
public final class Generator {
    private final Decoder model;
    private final Tokenizer tokenizer;
    private final GenerationOptions options;

    /**
     * A generator over an open model.
     *
     * @param model the model
     * @param tokenizer its tokenizer
     * @param options how to continue
     */
    public Generator(Decoder model, Tokenizer tokenizer, GenerationOptions options) {
        this.model = model;
        this.tokenizer = tokenizer;
        this.options = options;
    }

    /**
     * Continues one prompt.
     *
     * @param prompt its ids, at least one
     * @param shown is given each piece of the text as it is made
     * @return the whole
     * @throws ShapeException if the prompt leaves no room in the model's positions
     */
    public Continuation continueOne(int[] prompt, Consumer<String> shown) {
        try (var cache = cache(prompt)) {
            return run(prompt, cache, shown, () -> false).result();
        }
    }

    /**
     * Continues a prompt of which a cache holds the beginning.
     *
     * @param prompt all its ids
     * @param cache holds fewer tokens than the prompt; will hold all but the last token of the result
     * @param shown is given each piece of the text as it is made
     * @param stop is asked before each token whether to end here
     */
    Sequence run(int[] prompt, KeyValueCache cache, Consumer<String> shown, BooleanSupplier stop) {
        Sequence sequence = begin(prompt, cache, shown);
        while (!sequence.ended()) {
            if (stop.getAsBoolean()) {
                sequence.end(Finish.INTERRUPTED);
            } else {
                step(List.of(sequence));
            }
        }
        return sequence;
    }

    /** What is told of each finished text. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Called when a text has ended.
         *
         * @param prompt the number of its prompt, from 0
         * @param result the text
         */
        void finished(int prompt, Continuation result);
    }

    /**
     * Continues several prompts side by side.
     *
     * @param prompts the ids of each, at least one
     * @param listener is told of each text when it has ended, whichever ends first
     * @throws ShapeException if a prompt leaves no room in the model's positions
     */
    public void continueAll(List<int[]> prompts, Listener listener) {
        prompts.forEach(prompt -> limit(prompt.length));
        Map<Integer, Sequence> running = new LinkedHashMap<>();
        List<KeyValueCache> open = new ArrayList<>();
        try {
            for (int next = 0; next < prompts.size() || !running.isEmpty();) {
                while (next < prompts.size() && running.size() < Decoder.SAME_BITS_SEQUENCES) {
                    KeyValueCache cache = cache(prompts.get(next));
                    open.add(cache);
                    running.put(next, begin(prompts.get(next), cache, _ -> { }));
                    finish(running, open, listener);
                    next++;
                }
                if (!running.isEmpty()) {
                    step(List.copyOf(running.values()));
                    finish(running, open, listener);
                }
            }
        } finally {
            open.forEach(KeyValueCache::close);
        }
    }

    /** Takes the ended texts out. */
    private static void finish(Map<Integer, Sequence> running, List<KeyValueCache> open, Listener listener) {
        running.entrySet().removeIf(entry -> {
            Sequence sequence = entry.getValue();
            if (sequence.ended()) {
                open.remove(sequence.cache());
                sequence.cache().close();
                listener.finished(entry.getKey(), sequence.result());
            }
            return sequence.ended();
        });
    }

    private KeyValueCache cache(int... prompt) {
        return new KeyValueCache(model.config(), 1, prompt.length + (long) limit(prompt.length), model.device());
    }

    /**
     * Refuses a prompt that leaves no room for a token.
     *
     * @param promptLength its tokens
     * @throws ShapeException if the model has no more positions
     */
    public void requireRoom(int promptLength) {
        limit(promptLength);
    }

    /** The most tokens that may follow a prompt. */
    int limit(int promptLength) {
        int room = model.config().maxPositions() - promptLength;
        if (room < 1) {
            throw new ShapeException("[generate] the prompt's %d tokens leave no room in the model's %d positions"
                    .formatted(promptLength, model.config().maxPositions()));
        }
        return Math.min(room, options.maxTokens());
    }

    /** Reads what the cache does not hold of a prompt, and makes the first token. */
    private Sequence begin(int[] prompt, KeyValueCache cache, Consumer<String> shown) {
        var sequence = new Sequence(tokenizer, prompt, options, limit(prompt.length), cache, shown);
        int[] unread = Arrays.copyOfRange(prompt, Math.toIntExact(cache.length()), prompt.length);
        sequence.take(Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                return model.nextLogits(Tensor.of(unread, 1, unread.length), cache).toFloatArray();
            }
        }));
        return sequence;
    }

    /** Makes the next token of each. */
    private void step(List<Sequence> sequences) {
        int[] ids = sequences.stream().mapToInt(Sequence::last).toArray();
        List<KeyValueCache> caches = sequences.stream().map(Sequence::cache).toList();
        float[] logits = Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                return model.nextLogits(ids, caches).toFloatArray();
            }
        });
        int vocabulary = logits.length / ids.length;
        for (int i = 0; i < ids.length; i++) {
            sequences.get(i).take(Arrays.copyOfRange(logits, i * vocabulary, (i + 1) * vocabulary));
        }
    }
}
