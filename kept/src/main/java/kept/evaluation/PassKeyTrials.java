package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import kept.autograd.Autograd;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
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
        return ask(model, tokenizer, beginning, Communicator.single(), progress);
    }

    /**
     * Runs the trials on several ranks, which divide the texts.
     *
     * @param model the model
     * @param tokenizer its tokenizer
     * @param beginning whether texts begin with the beginning-of-sequence id
     * @param ranks those that call this with the same arguments
     * @param progress receives the number of texts that have been read, as far as this rank knows
     * @return a result for each length and depth, in order; the same in every rank
     * @throws EvaluationException if a length has no room for the question, or exceeds the model's positions
     */
    public List<Result> ask(Decoder model, Tokenizer tokenizer, boolean beginning, Communicator ranks, IntConsumer progress) {
        for (int length : lengths) {
            if (length > model.config().maxPositions()) {
                throw new EvaluationException("[passkey] %,d tokens exceed the model's %,d positions"
                        .formatted(length, model.config().maxPositions()));
            }
        }
        int[] blocks = blocks();
        SharedItems work = SharedItems.of(blocks.length - 1, ranks);
        long own = blocks[work.end()] - blocks[work.first()];
        var found = new double[total()];
        var tokens = new double[total()];
        int done = 0;
        for (int block = work.first(); block < work.end(); block++) {
            try (var reading = new CachedReading(model, length(blocks[block]))) {
                for (int text = blocks[block]; text < blocks[block + 1]; text++) {
                    int cell = text / count;
                    PassKey key = PassKey.hidden(tokenizer, beginning, length(text), depth(text), seed + 1_000_003L * cell + text % count);
                    found[text] = key.isAnsweredBy(answer(model, tokenizer, reading, key.ids())) ? 1 : 0;
                    tokens[text] = key.ids().length;
                    progress.accept((int) (++done * (long) total() / own));
                }
            }
        }
        work.gather(found, blocks);
        work.gather(tokens, blocks);
        return results(found, tokens);
    }

    private List<Result> results(double[] found, double... tokens) {
        List<Result> results = new ArrayList<>();
        for (int text = 0; text < total(); text += count) {
            long right = Math.round(Arrays.stream(found, text, text + count).sum());
            results.add(new Result(length(text), (int) tokens[text + count - 1], depth(text), new Share(right, count)));
        }
        return results;
    }

    private int length(int text) {
        return lengths.get(text / count / depths.size());
    }

    private double depth(int text) {
        return depths.get(text / count % depths.size());
    }

    /** Where the cache is emptied; at the least before texts of another length. Texts are equal up to the first number in either of them. */
    private int[] blocks() {
        int[] sizes = IntStream.range(0, total()).map(this::length).toArray();
        int[] common = IntStream.range(0, total()).map(text -> text % (count * depths.size()) == 0 ? 0
                : (int) (length(text) * Math.min(depth(text - 1), depth(text)))).toArray();
        return ReadingBlocks.of(sizes, common);
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
