package kept.distributed;

import java.util.BitSet;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;

/**
 * Carries the tensors of one device by a link between the ranks' devices, and all others through the host's memory. The messages of a collective
 * operation are queued one behind the other, with the additions between them, and awaited at its end: after a call, the result is there.
 */
final class LinkedCommunicator extends PairwiseCommunicator {
    /** How long a failed link waits for the word of the rank that is the cause. */
    private static final long WORD_NANOS = TimeUnit.SECONDS.toNanos(2);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final HostCommunicator hosts;
    private final Device device;
    private final DeviceLink link;
    /** Opens the link of the {@link #background}; null in that. */
    private final Supplier<DeviceLink> second;
    /** Null before the first call in the background. */
    private LinkedCommunicator background;
    /** The ranks with which messages are queued. */
    private final BitSet awaited = new BitSet();
    /** Whether a message has failed, so that the link is of no more use. */
    private volatile boolean broken;

    /**
     * A communicator over the same ranks, which closes both.
     *
     * @param hosts carries tensors of the CPU and the words of failing ranks
     * @param device this rank's device
     * @param link carries its tensors
     * @param second opens another link, when all ranks need it
     */
    LinkedCommunicator(HostCommunicator hosts, Device device, DeviceLink link, Supplier<DeviceLink> second) {
        this.hosts = hosts;
        this.device = device;
        this.link = link;
        this.second = second;
    }

    @Override
    public int rank() {
        return hosts.rank();
    }

    @Override
    public int size() {
        return hosts.size();
    }

    @Override
    public int localRank() {
        return hosts.localRank();
    }

    @Override
    public int localSize() {
        return hosts.localSize();
    }

    @Override
    public String carrier(Device of) {
        return of == device ? link.name() : hosts.carrier(of);
    }

    /** A tensor of the device without elements is no message. */
    @Override
    protected void transfer(Tensor sent, Tensor received, int peer) {
        if (!isLinked(sent, received)) {
            hosts.transfer(sent, received, peer);
            return;
        }
        requireWhole();
        Tensor from = orNull(sent);
        Tensor to = orNull(received);
        if (from != null || to != null) {
            awaited.set(peer);
            guarded(() -> TensorInternals.onDevice(from, to, () -> link.queue(from, to, peer)));
        }
    }

    @Override
    public Optional<String> summingEngine(DType dtype, Device of) {
        if (of != device) {
            return hosts.summingEngine(dtype, of);
        }
        return link.adds(dtype) ? Optional.of(link.name()) : Optional.empty();
    }

    @Override
    protected void sumAll(Tensor tensor) {
        if (tensor.device() != device) {
            hosts.sumAll(tensor);
            return;
        }
        queueForAll(null, tensor, () -> link.queueSum(tensor));
    }

    @Override
    protected void scatterSum(Tensor whole, Tensor part, Division division) {
        if (whole.device() != device) {
            hosts.scatterSum(whole, part, division);
            return;
        }
        boolean isInPlace = part.overlaps(whole);
        queueForAll(isInPlace ? null : whole, isInPlace ? whole : orNull(part), () -> link.queueScatteredSum(whole, part, division));
    }

    private void queueForAll(Tensor read, Tensor written, Runnable sum) {
        requireWhole();
        awaited.set(0, size());
        awaited.clear(rank());
        guarded(() -> TensorInternals.onDevice(read, written, sum));
    }

    private boolean isLinked(Tensor sent, Tensor received) {
        boolean sends = sent != null && sent.device() == device;
        boolean receives = received != null && received.device() == device;
        if (sends && received != null && !receives || receives && sent != null && !sends) {
            throw new DeviceException("[exchange] the tensor to send lives on %s, the one to receive into on %s; both must be on one device"
                    .formatted(sent.device(), received.device()));
        }
        return sends || receives;
    }

    private static Tensor orNull(Tensor tensor) {
        return tensor == null || tensor.elementCount() == 0 ? null : tensor;
    }

    private void requireWhole() {
        hosts.requireOpen();
        if (broken) {
            throw new RankException("[ranks] the link between the devices, %s, has failed before".formatted(link.name()));
        }
    }

    /** The messages are queued on the link of their own. */
    @Override
    public Pending begin(Device of, Consumer<Communicator> calls) {
        if (of != device) {
            return hosts.begin(of, calls);
        }
        if (isInBackground()) {
            throw new TensorException("[begin] calls in the background cannot begin others");
        }
        requireWhole();
        if (background == null) {
            background = new LinkedCommunicator(hosts, device, second.get(), null);
        }
        calls.accept(background);
        return background::awaitAll;
    }

    @Override
    protected boolean isInBackground() {
        return second == null;
    }

    /** In the background, {@link #awaitAll} waits instead. */
    @Override
    protected void settle() {
        if (!isInBackground()) {
            awaitAll();
        }
    }

    private void awaitAll() {
        if (!awaited.isEmpty()) {
            requireWhole();
            guarded(link::await);
            awaited.clear();
        }
    }

    /** Ends the link after a failure, so that neither the device nor another rank waits for messages that nobody sends. */
    private void guarded(Runnable call) {
        try {
            call.run();
        } catch (RankException e) {
            breakOff();
            throw e;
        } catch (RuntimeException | Error e) {
            breakOff();
            throw explained(e);
        }
    }

    /** The link tells that another rank is gone; that rank, or the transport, tells why. */
    private RankException explained(Throwable failure) {
        RankException word = null;
        for (long start = System.nanoTime(); word == null && System.nanoTime() - start < WORD_NANOS; LockSupport.parkNanos(PAUSE_NANOS)) {
            try {
                awaited.stream().forEach(peer -> hosts.check(peer, 0));
            } catch (RankException e) {
                word = e;
            }
        }
        if (word == null) {
            return new RankException("[ranks] the link between the devices has failed: %s".formatted(failure.getMessage()), failure);
        }
        word.addSuppressed(failure);
        return word;
    }

    private void breakOff() {
        broken = true;
        link.abort();
    }

    @Override
    public long bytesSent() {
        return super.bytesSent() + (background == null ? 0 : background.bytesSent());
    }

    @Override
    public void fail(String reason) {
        hosts.fail(reason);
        breakOff();
        if (background != null) {
            background.breakOff();
        }
    }

    @Override
    public void close() {
        if (background != null) {
            background.end();
        }
        end();
        hosts.close();
    }

    private void end() {
        if (broken || !awaited.isEmpty()) {
            breakOff();
        } else {
            link.close();
        }
    }
}
