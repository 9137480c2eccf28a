package kept.evaluation;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.model.NonFiniteException;
import kept.nn.Functional;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Computes a model's log-likelihoods of continuations of contexts. Requests are processed in the order of their contexts, one text at a time: the
 * common prefix of neighbours, such as few-shot examples or a whole context, is computed once, and continuations of one token after the same context
 * need one forward pass. Logits exist for the continuations' tokens alone, in chunks.
 *
 * <p>A request longer than the model can read loses tokens at its beginning, as in lm-evaluation-harness.
 */
public final class LogLikelihoods {
    private final Decoder model;
    private final int longest;

    /**
     * Creates an evaluation of a model.
     *
     * @param model the model, which must stay open
     * @param longest the maximum input in tokens, at most its positions
     */
    public LogLikelihoods(Decoder model, int longest) {
        this.model = model;
        this.longest = longest;
    }

    /**
     * The maximum input in tokens.
     *
     * @return the number
     */
    public int longest() {
        return longest;
    }

    /**
     * The log-probability of each continuation after its context.
     *
     * @param requests the requests, whose continuations are at most as long as the maximum input
     * @param progress receives the number of processed requests
     * @return in nats, in the order of the requests
     * @throws NonFiniteException if the model gives no finite logits, naming the first tensor at fault
     */
    public double[] of(List<Request> requests, IntConsumer progress) {
        int[] order = order(requests);
        var results = new double[order.length];
        int capacity = Math.min(longest, requests.stream().mapToInt(Request::length).max().orElse(1));
        try (var reading = new CachedReading(model, capacity)) {
            for (int from = 0, to; from < order.length; from = to) {
                int[] input = requests.get(order[from]).input(longest);
                to = from + 1;
                while (to < order.length && Arrays.equals(input, requests.get(order[to]).input(longest))) {
                    to++;
                }
                int[] sharing = Arrays.copyOfRange(order, from, to);
                double[] answers = answer(reading, input, Arrays.stream(sharing).mapToObj(requests::get).map(Request::continuation).toList());
                for (int i = 0; i < sharing.length; i++) {
                    results[sharing[i]] = answers[i];
                }
                progress.accept(to);
            }
        }
        return results;
    }

    /** An order in which neighbours have the longest common prefixes. */
    private static int[] order(List<Request> requests) {
        Comparator<Request> byContext = (a, b) -> Arrays.compare(a.context(), b.context());
        Comparator<Request> byText = byContext.thenComparing((a, b) -> Arrays.compare(a.continuation(), b.continuation()));
        return IntStream.range(0, requests.size()).boxed().sorted((a, b) -> byText.compare(requests.get(a), requests.get(b)))
                .mapToInt(Integer::intValue).toArray();
    }

    /** Scores continuations whose tokens before the last are the end of the input: one forward pass, and one pass over the rows of all. */
    private double[] answer(CachedReading reading, int[] input, List<int[]> continuations) {
        int most = continuations.stream().mapToInt(ids -> ids.length).max().orElseThrow();
        return Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(model.device())) {
                Tensor hidden = reading.read(input, input.length - most);
                Tensor rows = Tensor.concat(0, continuations.stream().map(ids -> hidden.slice(0, most - ids.length, most)).toArray(Tensor[]::new));
                int[] labels = continuations.stream().flatMapToInt(Arrays::stream).toArray();
                float[] losses = Functional.crossEntropyRows(new FactoredLogits(rows, model.headWeight()), Tensor.of(labels, labels.length))
                        .toFloatArray();
                for (float loss : losses) {
                    if (!Float.isFinite(loss)) {
                        throw nonFinite(input);
                    }
                }
                return sums(losses, continuations.stream());
            }
        });
    }

    private NonFiniteException nonFinite(int... input) {
        return new NonFiniteException("[evaluate] the model gives no finite logits: %s".formatted(
                NonFinite.in(model, Tensor.of(input, 1, input.length)).orElse("those of the choices")), true);
    }

    private static double[] sums(float[] losses, Stream<int[]> continuations) {
        var next = new int[1];
        return continuations.mapToDouble(ids -> {
            double sum = 0;
            for (int i = 0; i < ids.length; i++) {
                sum -= losses[next[0]++];
            }
            return sum;
        }).toArray();
    }
}
