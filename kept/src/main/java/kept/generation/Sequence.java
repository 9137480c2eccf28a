package kept.generation;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.Consumer;
import kept.model.KeyValueCache;
import kept.tokenizer.Tokenizer;

/** One text in the making: its tokens, the random numbers of its own, and whether it has ended. */
final class Sequence {
    private final GenerationOptions options;
    private final KeyValueCache cache;
    private final Sampler sampler;
    private final TextStream stream;
    private final BitSet occurred = new BitSet();
    private final int limit;
    private final int vocabulary;
    private int generated;
    private int last;
    private Finish finish;

    /**
     * Begins after a prompt.
     *
     * @param limit the most tokens, at least 1
     * @param cache holds the prompt's keys and values, and will hold those of the tokens to come
     */
    Sequence(Tokenizer tokenizer, int[] prompt, GenerationOptions options, int limit, KeyValueCache cache, Consumer<String> shown) {
        this.options = options;
        this.limit = limit;
        this.vocabulary = tokenizer.vocabularySize();
        this.cache = cache;
        sampler = new Sampler(options.sampling(), options.seed());
        stream = new TextStream(tokenizer, prompt, options.stops(), shown);
        Arrays.stream(prompt).forEach(occurred::set);
    }

    /** Chooses the next token from its logits and shows what it adds to the text. */
    void take(float... logits) {
        // Rows that pad the vocabulary have no token.
        for (int id = vocabulary; id < logits.length; id++) {
            logits[id] = options.ends().contains(id) ? logits[id] : Float.NEGATIVE_INFINITY;
        }
        last = sampler.next(logits, occurred);
        generated++;
        if (options.ends().contains(last)) {
            end(Finish.END);
            return;
        }
        occurred.set(last);
        if (!stream.accept(last)) {
            finish = Finish.STOP;
        } else if (generated == limit) {
            end(Finish.LENGTH);
        }
    }

    /** Ends the text here. */
    void end(Finish reason) {
        finish = reason;
        stream.finish();
    }

    boolean ended() {
        return finish != null;
    }

    int last() {
        return last;
    }

    KeyValueCache cache() {
        return cache;
    }

    /** The prompt's tokens and all that have become text since. */
    int[] ids() {
        return stream.ids();
    }

    Continuation result() {
        return new Continuation(stream.text(), generated, finish);
    }
}
