package kept.distributed;

import java.util.Arrays;
import java.util.function.IntToLongFunction;
import java.util.function.Supplier;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Independent items of work, such as the sequences of a text, divided over ranks. Each rank computes the results of a run of items; then all ranks
 * get the results of all. What is computed from these in one order has the same bits on any number of ranks.
 *
 * <pre>{@code
 * var work = SharedItems.of(texts.size(), ranks);
 * double[] losses = new double[texts.size()];
 * for (int i = work.first(); i < work.end(); i++) {
 *     losses[i] = loss(texts.get(i));
 * }
 * work.gather(losses);
 * }</pre>
 *
 * <p>All ranks make the same calls. With one rank nothing is copied or sent.
 */
public final class SharedItems {
    private final Communicator ranks;
    /** The first item of each rank, and at the end the number of items. */
    private final int[] starts;

    private SharedItems(Communicator ranks, int items, IntToLongFunction first) {
        this.ranks = ranks;
        starts = new int[ranks.size() + 1];
        for (int rank = 0; rank < ranks.size(); rank++) {
            starts[rank] = Math.toIntExact(first.applyAsLong(rank));
        }
        starts[ranks.size()] = items;
    }

    /**
     * Divides items as evenly as possible; with fewer items than ranks the last ranks have none.
     *
     * @param items their number, 0 or more
     * @param ranks those that share the work
     * @return the division
     */
    public static SharedItems of(int items, Communicator ranks) {
        return new SharedItems(ranks, items, Division.of(items, ranks.size())::begin);
    }

    /**
     * Divides the leaves of a sum as they are.
     *
     * @param leaves what is divided over the ranks, fewer than 2^31
     * @param ranks those that share the work
     * @return the division, whose items are the leaves
     */
    public static SharedItems of(Leaves leaves, Communicator ranks) {
        return new SharedItems(ranks, Math.toIntExact(leaves.count()), leaves::first);
    }

    /**
     * Numbers that rank 0 alone can compute, such as the ids of a text that it reads.
     *
     * @param ranks those that need them
     * @param values called in rank 0 alone
     * @return the numbers, in every rank
     */
    public static int[] fromFirst(Communicator ranks, Supplier<int[]> values) {
        if (ranks.size() == 1) {
            return values.get();
        }
        try (var _ = Scope.open(Device.cpu())) {
            int[] known = ranks.rank() == 0 ? values.get() : null;
            Tensor count = Tensor.of(new long[] {known == null ? 0 : known.length});
            ranks.broadcast(count, 0);
            Tensor all = known == null ? Tensor.empty(DType.I32, Shape.of(count.toLongArray()[0])) : Tensor.of(known, known.length);
            ranks.broadcast(all, 0);
            return known == null ? Arrays.stream(all.toLongArray()).mapToInt(Math::toIntExact).toArray() : known;
        }
    }

    /**
     * The number of all items.
     *
     * @return 0 or more
     */
    public int items() {
        return starts[starts.length - 1];
    }

    /**
     * The first item of this rank.
     *
     * @return its index; {@link #end} if there is none
     */
    public int first() {
        return starts[ranks.rank()];
    }

    /**
     * The end of this rank's items.
     *
     * @return the index after the last one
     */
    public int end() {
        return starts[ranks.rank() + 1];
    }

    /**
     * The number of this rank's items.
     *
     * @return 0 or more
     */
    public int size() {
        return end() - first();
    }

    /**
     * The rank that has an item.
     *
     * @param item its index
     * @return the rank
     */
    public int ownerOf(int item) {
        int rank = 0;
        while (starts[rank + 1] <= item) {
            rank++;
        }
        return rank;
    }

    /**
     * Estimates how many items all ranks have done, to show: they work at one pace.
     *
     * @param done what this rank has done of its own
     * @return as large a part of all items
     */
    public int ofAll(int done) {
        return (int) ((long) done * items() / Math.max(1, size()));
    }

    /**
     * Joins results, as many of each item.
     *
     * @param results those of all items in their order; this rank's are filled in, the others are overwritten
     */
    public void gather(float[] results) {
        gather(results, evenly(results.length));
    }

    /**
     * Joins results, some of each item.
     *
     * @param results those of all items in their order; this rank's are filled in, the others are overwritten
     * @param borders for each item the index of its first result, and at the end the number of all results
     */
    public void gather(float[] results, int... borders) {
        gather(results, results.length, borders, Tensor::of, Tensor::toFloatArray);
    }

    /**
     * Joins results, as many of each item.
     *
     * @param results those of all items in their order; this rank's are filled in, the others are overwritten
     */
    public void gather(double[] results) {
        gather(results, evenly(results.length));
    }

    /**
     * Joins results, some of each item.
     *
     * @param results those of all items in their order; this rank's are filled in, the others are overwritten
     * @param borders for each item the index of its first result, and at the end the number of all results
     */
    public void gather(double[] results, int... borders) {
        gather(results, results.length, borders, Tensor::of, Tensor::toDoubleArray);
    }

    private int[] evenly(int results) {
        var borders = new int[items() + 1];
        for (int i = 1; i < borders.length; i++) {
            borders[i] = (int) ((long) results * i / items());
        }
        return borders;
    }

    @FunctionalInterface
    private interface Upload<A> {
        Tensor of(A values, long... shape);
    }

    @FunctionalInterface
    private interface Download<A> {
        A of(Tensor tensor);
    }

    /** Each rank sends its part to all others. */
    private <A> void gather(A results, int count, int[] borders, Upload<A> upload, Download<A> download) {
        if (borders.length != items() + 1 || borders[borders.length - 1] != count) {
            throw new TensorException("[shared items] %d borders of %d results do not fit %d items".formatted(borders.length, count, items()));
        }
        if (ranks.size() == 1) {
            return;
        }
        try (var _ = Scope.open(Device.cpu())) {
            Tensor all = upload.of(results, count);
            for (int rank = 0; rank < ranks.size(); rank++) {
                int from = borders[starts[rank]];
                int to = borders[starts[rank + 1]];
                if (to > from) {
                    ranks.broadcast(all.slice(0, from, to), rank);
                }
            }
            System.arraycopy(download.of(all), 0, results, 0, count);
        }
    }
}
