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
 * Generates continuations of prompts, token by token with key-value caches.
 *
 * <p>Several prompts are decoded as a batch without padding: each prompt is processed separately into its own cache, then all sequences generate
 * their next token in one pass, which reads every weight once. When a sequence ends, the next prompt takes its place. The batch never exceeds
 * {@value Decoder#BIT_IDENTICAL_BATCH} sequences, up to which every sequence's logits are bit-identical to running it alone on a
 * device that {@linkplain kept.backend.Backend#keepsBitsOfRows keeps the bits of rows}, as the CPU does.
 */
public final class Generator {
    private final Decoder model;
    private final Tokenizer tokenizer;
    private final GenerationOptions options;

    /**
     * Creates a generator for an open model.
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
     * @param prompt its token ids, at least one
     * @param shown receives each piece of the text as it is generated
     * @return the whole
     * @throws ShapeException if the prompt leaves no room within the model's maximum number of positions
     */
    public Continuation continueOne(int[] prompt, Consumer<String> shown) {
        try (var cache = cache(prompt)) {
            return run(prompt, cache, shown, () -> false).result();
        }
    }

    /**
     * Continues a prompt whose beginning is already in a cache.
     *
     * @param prompt all its ids
     * @param cache contains fewer tokens than the prompt; afterwards all but the last token of the result
     * @param shown receives each piece of the text as it is generated
     * @param stop is asked before each token whether to stop
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

    /** Receives finished texts. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Called when a text is finished.
         *
         * @param prompt the index of its prompt
         * @param result the text
         */
        void finished(int prompt, Continuation result);
    }

    /**
     * Continues several prompts as a batch.
     *
     * @param prompts the token ids of each, at least one
     * @param listener receives each text when it is finished, in any order
     * @throws ShapeException if a prompt leaves no room within the model's maximum number of positions
     */
    public void continueAll(List<int[]> prompts, Listener listener) {
        prompts.forEach(prompt -> limit(prompt.length));
        Map<Integer, Sequence> running = new LinkedHashMap<>();
        List<KeyValueCache> open = new ArrayList<>();
        try {
            for (int next = 0; next < prompts.size() || !running.isEmpty();) {
                while (next < prompts.size() && running.size() < Decoder.BIT_IDENTICAL_BATCH) {
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

    /** Removes finished sequences from the batch. */
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
        return new KeyValueCache(model.config(), 1, prompt.length + (long) limit(prompt.length), model.device(), options.cacheType());
    }

    /**
     * Rejects a prompt that leaves no room for a generated token.
     *
     * @param promptLength its tokens
     * @throws ShapeException if the model has no more positions
     */
    public void requireRoom(int promptLength) {
        limit(promptLength);
    }

    /** The maximum number of tokens that may follow a prompt. */
    int limit(int promptLength) {
        int room = model.config().maxPositions() - promptLength;
        if (room < 1) {
            throw new ShapeException("[generate] the prompt's %d tokens leave no room in the model's %d positions"
                    .formatted(promptLength, model.config().maxPositions()));
        }
        return Math.min(room, options.maxTokens());
    }

    /** Processes the part of a prompt that is not in the cache, and generates the first token. */
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

    /** Generates the next token of each sequence. */
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
