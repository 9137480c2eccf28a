package kept.distributed;

import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;

/**
 * The collective operations, built on exchanges of messages between two ranks. In round {@code r} rank {@code i} works with rank {@code i xor r}, so
 * that every rank has one partner at a time, and the terms of a sum arrive at each rank subtree by subtree: it keeps at most {@code log2(size)} of
 * them. An implementation says how two ranks exchange tensors, and perhaps how an engine adds them.
 */
public abstract class PairwiseCommunicator implements Communicator {
    private volatile long bytesSent;

    /** For implementations. */
    protected PairwiseCommunicator() {}

    /**
     * Sends one tensor and receives another at the same time.
     *
     * @param sent the elements to send, with one axis and contiguous; null for none
     * @param received overwritten, with one axis and contiguous; null for none
     * @param peer another rank, which exists
     * @throws RankException if that rank has failed, does not answer or sends another number of bytes
     */
    protected abstract void transfer(Tensor sent, Tensor received, int peer);

    /**
     * Ends an operation: where {@link #transfer} queues its messages, and sums are queued, this waits until they are there.
     *
     * @throws RankException if another rank has failed or does not answer
     */
    protected void settle() {
        // By default a transfer ends when its messages are there.
    }

    /**
     * Whether this makes calls that another communicator has {@linkplain #begin begun}, and that add nothing.
     *
     * @return true if sums are refused
     */
    protected boolean isInBackground() {
        return false;
    }

    @Override
    public final void send(Tensor tensor, int to) {
        Operands.checkPeer("send", to, this);
        pass(Operands.flat("send", "the tensor", tensor), null, to);
        settle();
    }

    @Override
    public final void receive(Tensor tensor, int from) {
        Operands.checkPeer("receive", from, this);
        pass(null, Operands.flat("receive", "the tensor", tensor), from);
        settle();
    }

    @Override
    public final void exchange(Tensor sent, Tensor received, int peer) {
        Operands.checkPeer("exchange", peer, this);
        Tensor from = sent == null ? null : Operands.flat("exchange", "the tensor to send", sent);
        Tensor to = received == null ? null : Operands.flat("exchange", "the tensor to receive into", received);
        if (from != null && to != null && from.overlaps(to)) {
            throw new ShapeException("[exchange] the tensors to send and to receive into, %s and %s, share memory; give each its own"
                    .formatted(sent.shape(), received.shape()));
        }
        pass(from, to, peer);
        settle();
    }

    private void pass(Tensor sent, Tensor received, int peer) {
        transfer(sent, received, peer);
        if (sent != null) {
            count(sent.elementCount(), sent.dtype());
        }
    }

    private void count(long elements, DType dtype) {
        bytesSent = bytesSent + elements * dtype.bytes();
    }

    /** A binomial tree: in each round every rank that has the elements sends them to one that has not. */
    @Override
    public final void broadcast(Tensor tensor, int root) {
        Tensor flat = Operands.flat("broadcast", "the tensor", tensor);
        Operands.checkRank("broadcast", root, this);
        int position = Math.floorMod(rank() - root, size());
        for (int distance = 1; distance < size(); distance *= 2) {
            if (position < distance && position + distance < size()) {
                pass(flat, null, (rank() + distance) % size());
            } else if (position >= distance && position < 2 * distance) {
                pass(null, flat, Math.floorMod(rank() - distance, size()));
            }
        }
        settle();
    }

    @Override
    public final void allGather(Tensor part, Tensor whole, Division division) {
        Tensor mine = Operands.flat("allGather", "the part", part);
        Tensor all = Operands.flat("allGather", "the whole", whole);
        Operands.checkDivision("allGather", mine, all, division, this);
        Tensor place = Operands.part(all, division, rank());
        if (!isSame(mine, place)) {
            place.assign(mine);
        }
        for (int round = 1; round < rounds(size()); round++) {
            int peer = rank() ^ round;
            if (peer < size()) {
                pass(orNull(place), orNull(Operands.part(all, division, peer)), peer);
            }
        }
        settle();
    }

    @Override
    public final void reduceScatter(Tensor whole, Tensor part, Division division, Leaves leaves) {
        requireSums("reduceScatter");
        Tensor sum = Operands.flat("reduceScatter", "the part", part);
        Operands.checkSum("reduceScatter", sum, leaves, this);
        Tensor terms = leaves.size(rank()) == 0 ? null : Operands.flat("reduceScatter", "the whole", whole);
        Operands.checkDivision("reduceScatter", sum, terms, division, this);
        addUp(terms, sum, division, leaves);
        settle();
    }

    @Override
    public final void reduceScatterByEngine(Tensor whole, Tensor part, Division division) {
        Tensor sum = Operands.flat("reduceScatter", "the part", part);
        if (summingEngine(sum.dtype(), sum.device()).isEmpty()) {
            reduceScatter(whole, part, division, Leaves.of(size(), size()));
            return;
        }
        requireSums("reduceScatter");
        Tensor terms = Operands.flat("reduceScatter", "the whole", whole);
        Operands.checkDivision("reduceScatter", sum, terms, division, this);
        if (terms.elementCount() > 0) {
            scatterSum(terms, sum, division);
            settle();
            count(terms.elementCount() - sum.elementCount(), sum.dtype());
        }
    }

    @Override
    public final void allReduceByEngine(Tensor tensor) {
        Tensor flat = Operands.flat("allReduce", "the tensor", tensor);
        if (summingEngine(flat.dtype(), flat.device()).isEmpty()) {
            allReduce(tensor);
            return;
        }
        requireSums("allReduce");
        if (flat.elementCount() > 0) {
            sumAll(flat);
            settle();
            long own = Division.of(flat.elementCount(), size()).size(rank());
            count(flat.elementCount() - own + own * (size() - 1), flat.dtype());
        }
    }

    /**
     * Lets the engine add, where there is a {@link #summingEngine}, and scatter the sum.
     *
     * @param whole this rank's term, with one axis, contiguous and not empty
     * @param part overwritten with this rank's part of the sum, with one axis and contiguous
     * @param division which elements are whose part
     */
    protected abstract void scatterSum(Tensor whole, Tensor part, Division division);

    /**
     * Lets the engine add, where there is a {@link #summingEngine}.
     *
     * @param tensor this rank's term, with one axis, contiguous and not empty; overwritten with the sum
     */
    protected abstract void sumAll(Tensor tensor);

    private void requireSums(String operation) {
        if (isInBackground()) {
            throw new TensorException("[%s] nothing is added in the background; gather or send there".formatted(operation));
        }
    }

    /** Sends each rank its part of this rank's terms, adds those that arrive, and writes the sum. */
    private void addUp(Tensor terms, Tensor sum, Division division, Leaves leaves) {
        try (var scope = Scope.open(sum.device())) {
            var sums = new PartialSums(leaves.count(), scope);
            Tensor result = terms == null ? null : sums.add(leaves.node(rank()), Operands.part(terms, division, rank()), false);
            for (int round = 1; round < rounds(size()); round++) {
                int peer = rank() ^ round;
                if (peer >= size()) {
                    continue;
                }
                Tensor sent = terms == null ? null : orNull(Operands.part(terms, division, peer));
                Tensor received = leaves.size(peer) == 0 || sum.elementCount() == 0 ? null : Tensor.empty(sum.dtype(), sum.shape());
                pass(sent, received, peer);
                if (received != null) {
                    Tensor complete = sums.add(leaves.node(peer), received, true);
                    result = complete != null ? complete : result;
                }
            }
            if (sum.elementCount() > 0 && !isSame(result, sum)) {
                sum.assign(result);
            }
        }
    }

    @Override
    public final void allReduce(Tensor tensor, Leaves leaves) {
        requireSums("allReduce");
        Tensor flat = Operands.flat("allReduce", "the tensor", tensor);
        Operands.checkSum("allReduce", flat, leaves, this);
        Division division = Division.of(flat.elementCount(), size());
        Tensor part = Operands.part(flat, division, rank());
        addUp(leaves.size(rank()) == 0 ? null : flat, part, division, leaves);
        allGather(part, flat, division);
    }

    /** Rank 0 waits for all others and then lets them go on. */
    @Override
    public final void barrier() {
        try (var _ = Scope.open(Device.cpu())) {
            Tensor token = Tensor.empty(DType.U8, Shape.of(0));
            if (rank() > 0) {
                pass(token, null, 0);
                pass(null, token, 0);
                return;
            }
            for (int peer = 1; peer < size(); peer++) {
                pass(null, token, peer);
            }
            for (int peer = 1; peer < size(); peer++) {
                pass(token, null, peer);
            }
        }
    }

    @Override
    public long bytesSent() {
        return bytesSent;
    }

    /** The end of the rounds in which rank {@code i} works with rank {@code i xor round}: the smallest power of two that is not below the size. */
    static int rounds(int size) {
        return size == 1 ? 1 : Integer.highestOneBit(size - 1) * 2;
    }

    /** Nothing is sent for a part without elements; the peer knows that from the division. */
    private static Tensor orNull(Tensor part) {
        return part.elementCount() == 0 ? null : part;
    }

    private static boolean isSame(Tensor a, Tensor b) {
        return a.overlaps(b) && a.offset() == b.offset() && a.elementCount() == b.elementCount();
    }
}
