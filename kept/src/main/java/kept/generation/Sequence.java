package kept.generation;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.Consumer;
import kept.model.KeyValueCache;
import kept.tokenizer.Tokenizer;

/** The state of one sequence being generated: its tokens, its random generator, and whether it has ended. */
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
     * Starts after a prompt.
     *
     * @param limit the maximum number of generated tokens, at least 1
     * @param cache contains the keys and values of the prompt; those of generated tokens are added
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

    /** Chooses the next token from its logits and adds it to the text. */
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

    /** Ends the sequence. */
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

    /** The tokens of the prompt and those added since. */
    int[] ids() {
        return stream.ids();
    }

    Continuation result() {
        return new Continuation(stream.text(), generated, finish);
    }
}
