package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.autograd.Autograd;
import kept.autograd.FactoredLogits;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.model.Decoder;
import kept.model.NonFinite;
import kept.model.NonFiniteException;
import kept.nn.Functional;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Computes a model's log-likelihoods of continuations of contexts. Requests are processed in the order of their contexts, one text at a time: the
 * common prefix of neighbours, such as few-shot examples or a whole context, is computed once, and continuations of one token after the same context
 * need one forward pass. Logits exist for the continuations' tokens alone, in chunks. Ranks divide the requests, with the same results on any number
 * of them.
 *
 * <p>A request longer than the model can read loses tokens at its beginning, as in lm-evaluation-harness.
 */
public final class LogLikelihoods {
    private final Decoder model;
    private final int longest;
    private final Communicator ranks;

    /**
     * Creates an evaluation of a model.
     *
     * @param model the model, which must stay open
     * @param longest the maximum input in tokens, at most its positions
     */
    public LogLikelihoods(Decoder model, int longest) {
        this(model, longest, Communicator.single());
    }

    /**
     * Creates an evaluation of a model on several ranks, which divide the requests.
     *
     * @param model the model, which must stay open
     * @param longest the maximum input in tokens, at most its positions
     * @param ranks those that evaluate the same model on the same requests
     */
    public LogLikelihoods(Decoder model, int longest, Communicator ranks) {
        this.model = model;
        this.longest = longest;
        this.ranks = ranks;
    }

    /**
     * The maximum input in tokens.
     *
     * @return the number
     */
    public int longest() {
        return longest;
    }

    /** Requests with the same input, in the order of reading: from one of them to the one after the last. */
    private record Group(int[] input, int from, int to) {}

    /**
     * The log-probability of each continuation after its context.
     *
     * @param requests the requests, whose continuations are at most as long as the maximum input
     * @param progress receives the number of processed requests, as far as this rank knows
     * @return in nats, in the order of the requests; the same in every rank
     * @throws NonFiniteException if the model gives no finite logits, naming the first tensor at fault
     */
    public double[] of(List<Request> requests, IntConsumer progress) {
        int[] order = order(requests);
        List<Group> groups = groups(requests, order);
        int[] blocks = blocks(groups);
        int[] borders = Arrays.stream(blocks).map(first -> first == groups.size() ? order.length : groups.get(first).from).toArray();
        SharedItems work = SharedItems.of(blocks.length - 1, ranks);
        long own = borders[work.end()] - borders[work.first()];
        var sorted = new double[order.length];
        int capacity = Math.min(longest, requests.stream().mapToInt(Request::length).max().orElse(1));
        int done = 0;
        try (var reading = new CachedReading(model, capacity)) {
            for (int block = work.first(); block < work.end(); block++) {
                reading.forget();
                for (Group group : groups.subList(blocks[block], blocks[block + 1])) {
                    List<int[]> continuations = Arrays.stream(order, group.from, group.to)
                            .mapToObj(i -> requests.get(i).continuation()).toList();
                    double[] answers = answer(reading, group.input, continuations);
                    System.arraycopy(answers, 0, sorted, group.from, answers.length);
                    done += answers.length;
                    progress.accept((int) (done * (long) order.length / own));
                }
            }
        }
        work.gather(sorted, borders);
        var results = new double[order.length];
        for (int i = 0; i < order.length; i++) {
            results[order[i]] = sorted[i];
        }
        return results;
    }

    private List<Group> groups(List<Request> requests, int... order) {
        List<Group> groups = new ArrayList<>();
        for (int from = 0, to; from < order.length; from = to) {
            int[] input = requests.get(order[from]).input(longest);
            to = from + 1;
            while (to < order.length && Arrays.equals(input, requests.get(order[to]).input(longest))) {
                to++;
            }
            groups.add(new Group(input, from, to));
        }
        return groups;
    }

    /** Where the cache is emptied. */
    private static int[] blocks(List<Group> groups) {
        int[] common = IntStream.range(0, groups.size()).map(i -> i == 0 ? 0 : Arrays.mismatch(groups.get(i - 1).input, groups.get(i).input))
                .map(length -> Math.max(0, length)).toArray();
        return ReadingBlocks.of(groups.stream().mapToInt(group -> group.input.length).toArray(), common);
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
