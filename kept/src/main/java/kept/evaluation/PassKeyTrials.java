package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import kept.autograd.Autograd;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.model.NonFiniteException;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;

/**
 * Passkey retrieval: the lengths of texts, the positions of numbers, and the trials for each.
 *
 * @param lengths tokens of the texts
 * @param depths the positions of the number in a text, from 0 to 1
 * @param count the number of texts for each length and depth, each with a number of its own
 * @param seed determines the numbers
 */
public record PassKeyTrials(List<Integer> lengths, List<Double> depths, int count, long seed) {
    /** Makes the lists immutable. */
    public PassKeyTrials {
        lengths = List.copyOf(lengths);
        depths = List.copyOf(depths);
    }

    /**
     * A model's result at one length and depth.
     *
     * @param length the requested length
     * @param tokens the tokens of the text, a little fewer
     * @param depth the position of the number
     * @param found the number of texts in which the model's most likely continuation was correct
     */
    public record Result(int length, int tokens, double depth, Share found) {}

    /**
     * The number of texts.
     *
     * @return over all lengths and depths
     */
    public int total() {
        return lengths.size() * depths.size() * count;
    }

    /**
     * Runs the trials on a model, which continues each text with its most likely tokens. Texts of one length are equal up to the number, and are
     * computed from there.
     *
     * @param model the model
     * @param tokenizer its tokenizer
     * @param beginning whether texts begin with the beginning-of-sequence id
     * @param progress receives the number of texts that have been read
     * @return a result for each length and depth, in order
     * @throws EvaluationException if a length has no room for the question, or exceeds the model's positions
     */
    public List<Result> ask(Decoder model, Tokenizer tokenizer, boolean beginning, IntConsumer progress) {
        for (int length : lengths) {
            if (length > model.config().maxPositions()) {
                throw new EvaluationException("[passkey] %,d tokens exceed the model's %,d positions"
                        .formatted(length, model.config().maxPositions()));
            }
        }
        List<Result> results = new ArrayList<>();
        int done = 0;
        for (int length : lengths) {
            try (var reading = new CachedReading(model, length)) {
                for (double depth : depths) {
                    int found = 0;
                    int tokens = 0;
                    for (int i = 0; i < count; i++) {
                        PassKey key = PassKey.hidden(tokenizer, beginning, length, depth, seed + 1_000_003L * results.size() + i);
                        found += key.isAnsweredBy(answer(model, tokenizer, reading, key.ids())) ? 1 : 0;
                        tokens = key.ids().length;
                        progress.accept(++done);
                    }
                    results.add(new Result(length, tokens, depth, new Share(found, count)));
                }
            }
        }
        return results;
    }

    private static String answer(Decoder model, Tokenizer tokenizer, CachedReading reading, int[] prompt) {
        int[] ids = prompt;
        for (int i = 0; i < PassKey.ANSWER_TOKENS; i++) {
            int next = mostLikely(model, tokenizer, reading, ids);
            if (model.config().eosTokenIds().contains(next)) {
                break;
            }
            ids = Arrays.copyOf(ids, ids.length + 1);
            ids[ids.length - 1] = next;
        }
        return tokenizer.decode(Arrays.copyOfRange(ids, prompt.length, ids.length));
    }

    /** The most likely next token; ids that pad the vocabulary do not count. */
    static int mostLikely(Decoder model, Tokenizer tokenizer, CachedReading reading, int[] ids) {
        int tokens = 1 + model.config().eosTokenIds().stream().mapToInt(Integer::intValue).reduce(tokenizer.vocabularySize() - 1, Math::max);
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                Tensor head = model.headWeight();
                Tensor logits = reading.read(ids, ids.length - 1).linear(head.slice(0, 0, Math.min(tokens, head.size(0))));
                if (!Double.isFinite(logits.sum().item())) {
                    throw new NonFiniteException("[evaluate] the model gives no finite logits: %s".formatted(
                            NonFinite.in(model, Tensor.of(ids, 1, ids.length)).orElse("those of the pass key's digits")), true);
                }
                return (int) logits.argMax(1).toLongArray()[0];
            }
        });
    }
}
