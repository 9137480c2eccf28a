package kept.distributed;

import kept.distributed.Leaves.Node;
import kept.tensor.Scope;
import kept.tensor.ScopeException;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * A sum of leaves of which each rank keeps its part alone. In each round every rank has at most one leaf, and sends each other rank that rank's part
 * of it: as many bytes as {@link Communicator#reduceScatter} for each leaf, and no memory for whole sums. The sum has the bits of the {@linkplain
 * kept.distributed tree}, whichever rank has which leaf; a rank keeps the fewest parts if the leaves of a round follow one another. {@link #byEngine}
 * gives up these bits.
 */
public final class DividedSum implements AutoCloseable {
    private final Communicator ranks;
    private final Division division;
    private final long count;
    private final boolean isByEngine;
    private final Scope scope;
    private final PartialSums sums;
    private Tensor result;
    private long added;
    private boolean closed;

    /**
     * A sum without terms.
     *
     * @param ranks this rank and the others, which make the same calls
     * @param division which elements are whose part
     * @param count the number of leaves, 1 or more
     * @param like a tensor of the leaves' device
     */
    public DividedSum(Communicator ranks, Division division, long count, Tensor like) {
        this(ranks, division, count, like, false);
    }

    private DividedSum(Communicator ranks, Division division, long count, Tensor like, boolean isByEngine) {
        if (count < 1) {
            throw new TensorException("[divided sum] a sum has 1 leaf or more, not " + count);
        }
        this.ranks = ranks;
        this.division = division;
        this.count = count;
        this.isByEngine = isByEngine;
        scope = Scope.detached(like.device());
        sums = new PartialSums(isByEngine ? Math.ceilDiv(count, ranks.size()) : count, scope);
    }

    /**
     * A sum without terms, in which the {@linkplain Communicator#summingEngine engine} between the ranks adds the leaves of a round; the sums of the
     * rounds are added in a tree. Without an engine that adds such tensors it is the sum of the tree over the leaves.
     *
     * @param ranks this rank and the others, which make the same calls
     * @param division which elements are whose part
     * @param count the number of leaves, 1 or more
     * @param like a tensor of the leaves' type and device
     * @return the sum
     */
    public static DividedSum byEngine(Communicator ranks, Division division, long count, Tensor like) {
        return new DividedSum(ranks, division, count, like, ranks.summingEngine(like.dtype(), like.device()).isPresent());
    }

    /**
     * Adds a round of leaves, those with the numbers {@code first + rank}, as far as they exist.
     *
     * @param leaf this rank's leaf, contiguous; unchanged. If there is none for this rank, a tensor of the same dtype and size, which may be
     *     overwritten
     * @param first the number of rank 0's leaf, a multiple of the number of ranks
     * @return whether these were the last leaves
     */
    public boolean add(Tensor leaf, long first) {
        if (closed) {
            throw new ScopeException("[divided sum] this sum is closed");
        }
        Tensor whole = Operands.flat("divided sum", "the leaf", leaf.detach());
        Tensor own = Operands.part(whole, division, ranks.rank());
        Operands.checkDivision("divided sum", own, whole, division, ranks);
        boolean hasLeaf = first + ranks.rank() < count;
        if (isByEngine) {
            addByEngine(whole, own.shape(), first, hasLeaf);
        } else {
            addInTree(whole, own, first, hasLeaf);
        }
        return added == count;
    }

    private void addByEngine(Tensor whole, Shape part, long first, boolean hasLeaf) {
        if (!hasLeaf) {
            whole.fill(0);
        }
        Tensor sum = scope.run(() -> Tensor.empty(whole.dtype(), part));
        ranks.reduceScatterByEngine(whole, sum, division);
        put(first / ranks.size(), sum);
        added += Math.min(ranks.size(), count - first);
    }

    private void addInTree(Tensor whole, Tensor own, long first, boolean hasLeaf) {
        if (hasLeaf) {
            added++;
            put(first + ranks.rank(), scope.run(() -> Tensor.empty(own.dtype(), own.shape())).assign(own));
        }
        for (int round = 1; round < PairwiseCommunicator.rounds(ranks.size()); round++) {
            int peer = ranks.rank() ^ round;
            if (peer < ranks.size()) {
                Tensor sent = hasLeaf && division.size(peer) > 0 ? Operands.part(whole, division, peer) : null;
                Tensor received = first + peer < count && own.elementCount() > 0 ? scope.run(() -> Tensor.empty(own.dtype(), own.shape())) : null;
                if (sent != null || received != null) {
                    ranks.exchange(sent, received, peer);
                }
                if (first + peer < count) {
                    added++;
                    put(first + peer, received == null ? scope.run(() -> Tensor.empty(own.dtype(), own.shape())) : received);
                }
            }
        }
    }

    private void put(long leaf, Tensor part) {
        Tensor complete = sums.add(new Node(0, leaf), part, true);
        result = complete != null ? complete : result;
    }

    /**
     * This rank's part of the sum, after the last leaf. It is freed when this sum is closed, unless another scope adopts it.
     *
     * @return a tensor with one axis, of the leaves' dtype
     */
    public Tensor result() {
        if (added < count) {
            throw new TensorException("[divided sum] %d of %d leaves are missing".formatted(count - added, count));
        }
        return result;
    }

    /** Frees the parts that are kept. */
    @Override
    public void close() {
        closed = true;
        scope.close();
    }
}
