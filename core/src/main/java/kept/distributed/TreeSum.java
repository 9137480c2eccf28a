package kept.distributed;

import kept.distributed.Leaves.Node;
import kept.tensor.Scope;
import kept.tensor.ScopeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * Adds the leaves of one rank, one after another, in the {@linkplain kept.distributed tree}. Of {@code n} leaves it keeps at most {@code log2(n)}
 * sums, rounded up, until the last leaf, whose own memory then holds the sum: a single leaf costs nothing.
 *
 * <pre>{@code
 * try (var sum = new TreeSum(leaves.size(rank))) {
 *     for (long leaf = leaves.first(rank); leaf < leaves.end(rank); leaf++) {
 *         parameter.zeroGradient();
 *         loss(leaf).backward();
 *         sum.add(parameter.gradient());
 *     }
 *     communicator.allReduce(parameter.gradient(), leaves);
 * }
 * }</pre>
 *
 * <p>An addition is that of {@link kept.tensor.Elementwise#add(Tensor)}: in the arithmetic of the dtype, rounded to the dtype.
 */
public final class TreeSum implements AutoCloseable {
    private final long count;
    private Scope scope;
    private PartialSums sums;
    private Tensor first;
    private long next;
    private boolean closed;

    /**
     * A sum without terms.
     *
     * @param count the number of leaves to add, 1 or more
     */
    public TreeSum(long count) {
        if (count < 1) {
            throw new TensorException("[tree sum] a sum has 1 leaf or more, not " + count);
        }
        this.count = count;
    }

    /**
     * Adds the next leaf. The last one is overwritten with the sum; then the next sum of as many leaves may begin. Any other leaf is unchanged, and
     * its memory is free for another use.
     *
     * @param leaf a contiguous tensor of the shape, dtype and device of the leaves before
     * @return whether this was the last leaf
     * @throws ShapeException if the leaf is not contiguous, or unlike the leaves before
     */
    public boolean add(Tensor leaf) {
        if (closed) {
            throw new ScopeException("[tree sum] this sum is closed");
        }
        check(leaf);
        if (count == 1) {
            return true;
        }
        if (next == 0) {
            scope = Scope.detached(leaf.device());
            sums = new PartialSums(count, scope);
            first = leaf.detach();
        }
        Node node = new Node(0, next++);
        // The leaves are views, so that nothing of the sum is recorded.
        if (next == count) {
            sums.add(node, leaf.detach(), true);
            reset();
            return true;
        }
        if (sums.awaits(node)) {
            sums.add(node, leaf.detach(), false);
        } else {
            Tensor copy = scope.run(() -> Tensor.empty(leaf.dtype(), leaf.shape()));
            copy.assign(leaf.detach());
            sums.add(node, copy, true);
        }
        return false;
    }

    private void check(Tensor leaf) {
        if (!leaf.isContiguous()) {
            throw new ShapeException("[tree sum] needs a contiguous leaf, not %s with other strides; copy it first".formatted(leaf.shape()));
        }
        if (next > 0 && (leaf.dtype() != first.dtype() || !leaf.shape().equals(first.shape()) || leaf.device() != first.device())) {
            throw new ShapeException("[tree sum] leaf %d is %s %s on %s, unlike the leaves before: %s %s on %s".formatted(next, leaf.dtype().label(),
                    leaf.shape(), leaf.device(), first.dtype().label(), first.shape(), first.device()));
        }
    }

    private void reset() {
        next = 0;
        sums = null;
        first = null;
        if (scope != null) {
            scope.close();
            scope = null;
        }
    }

    /** Frees the sums that are kept; no leaf can be added any more. */
    @Override
    public void close() {
        closed = true;
        reset();
    }
}
