package kept.distributed;

import java.util.function.Consumer;
import kept.tensor.Device;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;

/** Carries tensors through host memory, in messages of limited size. */
final class HostCommunicator extends PairwiseCommunicator {
    /** Far below the 2^31 bytes that engines count; also bounds the memory for copies of a device's tensors. */
    static final long MESSAGE_BYTES = 64 << 20;

    private final Transport transport;
    private final Channel channel;
    private final long messageBytes;
    /** Null in a background communicator. */
    private final BackgroundCalls background;
    private volatile boolean closed;

    /**
     * A communicator on an engine, which it closes.
     *
     * @param transport carries the messages
     * @param messageBytes the largest message, equal in all ranks
     */
    HostCommunicator(Transport transport, long messageBytes) {
        this.transport = transport;
        channel = transport;
        this.messageBytes = messageBytes;
        background = new BackgroundCalls(new HostCommunicator(this));
    }

    /** The communicator for calls that go on beside those of another. */
    private HostCommunicator(HostCommunicator foreground) {
        transport = foreground.transport;
        channel = transport.background();
        messageBytes = foreground.messageBytes;
        background = null;
    }

    /** Carries tensors beside this communicator; for one thread, and not to be closed. */
    HostCommunicator background() {
        return background.ranks();
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
            TensorInternals.onHost(piece(sent, message), piece(received, message), (from, to) -> channel.exchange(from, to, peer));
        }
    }

    /** Tensors of other devices are copied by the device's own thread, so nothing goes on meanwhile. */
    @Override
    public Pending begin(Device device, Consumer<Communicator> calls) {
        requireOpen();
        if (isInBackground()) {
            throw new TensorException("[begin] calls in the background cannot begin others");
        }
        if (device == Device.cpu()) {
            return background.begin(device, calls);
        }
        calls.accept(background.ranks());
        return () -> { };
    }

    @Override
    protected boolean isInBackground() {
        return background == null;
    }

    /** With what has been sent in the background. */
    @Override
    public long bytesSent() {
        return super.bytesSent() + (background == null ? 0 : background.ranks().bytesSent());
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
            if (background != null) {
                background.close();
                transport.close();
            }
        }
    }
}
