package kept.distributed;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;
import kept.tensor.DType;
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

    @Override
    public Optional<String> summingEngine(DType dtype, Device device) {
        return type(dtype).filter(type -> transport.sums().filter(sums -> sums.has(type)).isPresent()).map(_ -> transport.name());
    }

    private static Optional<EngineSums.Type> type(DType dtype) {
        return switch (dtype) {
            case F32 -> Optional.of(EngineSums.Type.F32);
            case F64 -> Optional.of(EngineSums.Type.F64);
            case BF16 -> Optional.of(EngineSums.Type.BF16);
            default -> Optional.empty();
        };
    }

    @Override
    protected void sumAll(Tensor tensor) {
        requireOpen();
        EngineSums sums = transport.sums().orElseThrow();
        for (long message = 0; message < messages(tensor); message++) {
            Tensor piece = piece(tensor, message);
            MemorySegment terms = sums.terms(piece.elementCount() * piece.dtype().bytes());
            TensorInternals.onHost(piece, null, (from, _) -> terms.copyFrom(from));
            sums.allReduce(type(piece.dtype()).orElseThrow(), Math.toIntExact(piece.elementCount()));
            TensorInternals.onHost(null, piece, (_, to) -> to.copyFrom(terms));
        }
    }

    /** A message has as many elements of each rank's part, as far as they go. */
    @Override
    protected void scatterSum(Tensor whole, Tensor part, Division division) {
        requireOpen();
        long most = Math.max(1, elements(whole) / size());
        for (long begin = 0; begin < division.size(0); begin += most) {
            scatterSum(whole, part, division, begin, begin + most);
        }
    }

    private void scatterSum(Tensor whole, Tensor part, Division division, long begin, long end) {
        EngineSums sums = transport.sums().orElseThrow();
        Tensor[] pieces = new Tensor[size()];
        int[] counts = new int[size()];
        long count = 0;
        for (int rank = 0; rank < pieces.length; rank++) {
            pieces[rank] = run(Operands.part(whole, division, rank), begin, end);
            counts[rank] = Math.toIntExact(pieces[rank].elementCount());
            count += counts[rank];
        }
        MemorySegment terms = sums.terms(count * whole.dtype().bytes());
        long at = 0;
        for (Tensor piece : pieces) {
            if (piece.elementCount() > 0) {
                MemorySegment place = terms.asSlice(at, piece.elementCount() * piece.dtype().bytes());
                TensorInternals.onHost(piece, null, (from, _) -> place.copyFrom(from));
                at += place.byteSize();
            }
        }
        sums.reduceScatter(type(whole.dtype()).orElseThrow(), counts);
        Tensor own = run(part, begin, end);
        if (own.elementCount() > 0) {
            TensorInternals.onHost(null, own, (_, to) -> to.copyFrom(terms.asSlice(0, to.byteSize())));
        }
    }

    /** The elements from begin to end, as far as there are any. */
    private static Tensor run(Tensor tensor, long begin, long end) {
        return Operands.run(tensor, Math.min(begin, tensor.elementCount()), Math.min(end, tensor.elementCount()));
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
        return run(tensor, begin, begin + elements(tensor));
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
