package kept.distributed;

import kept.tensor.Tensor;
import kept.tensor.internal.TensorInternals;

/** Carries tensors through host memory, in messages of limited size. */
final class HostCommunicator extends PairwiseCommunicator {
    /** Far below the 2^31 bytes that engines count; also bounds the memory for copies of a device's tensors. */
    static final long MESSAGE_BYTES = 64 << 20;

    private final Transport transport;
    private final long messageBytes;
    private boolean closed;

    /**
     * A communicator on an engine, which it closes.
     *
     * @param transport carries the messages
     * @param messageBytes the largest message, equal in all ranks
     */
    HostCommunicator(Transport transport, long messageBytes) {
        this.transport = transport;
        this.messageBytes = messageBytes;
    }

    @Override
    public int rank() {
        return transport.rank();
    }

    @Override
    public int size() {
        return transport.size();
    }

    @Override
    public int localRank() {
        return transport.localRank();
    }

    @Override
    public int localSize() {
        return transport.localSize();
    }

    /** A tensor without elements is one message without bytes. Tensors of any dtype are cut at the same bytes, so that both sides agree. */
    @Override
    protected void transfer(Tensor sent, Tensor received, int peer) {
        requireOpen();
        long messages = Math.max(messages(sent), messages(received));
        for (long message = 0; message < messages; message++) {
            TensorInternals.onHost(piece(sent, message), piece(received, message), (from, to) -> transport.exchange(from, to, peer));
        }
    }

    /** Throws if this communicator is closed. */
    void requireOpen() {
        if (closed) {
            throw new RankException("[ranks] the communicator of rank %d is closed".formatted(rank()));
        }
    }

    /** Looks for news of a rank, as {@link Peers} does. */
    void check(int peer, long waitedNanos) {
        requireOpen();
        transport.check(peer, waitedNanos);
    }

    private long messages(Tensor tensor) {
        return tensor == null ? 0 : Math.max(1, Math.ceilDiv(tensor.elementCount(), elements(tensor)));
    }

    private Tensor piece(Tensor tensor, long message) {
        if (message >= messages(tensor)) {
            return null;
        }
        long begin = message * elements(tensor);
        return Operands.run(tensor, begin, Math.min(begin + elements(tensor), tensor.elementCount()));
    }

    private long elements(Tensor tensor) {
        return messageBytes / tensor.dtype().bytes();
    }

    @Override
    public void fail(String reason) {
        if (!closed) {
            transport.fail(reason);
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            transport.close();
        }
    }
}
