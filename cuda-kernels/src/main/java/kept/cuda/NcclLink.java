package kept.cuda;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import kept.cuda.driver.CudaException;
import kept.cuda.driver.Driver;
import kept.cuda.nccl.ElementType;
import kept.cuda.nccl.FfmNccl;
import kept.cuda.nccl.NcclCalls;
import kept.distributed.Communicator;
import kept.distributed.DeviceLink;
import kept.distributed.Division;
import kept.distributed.Peers;
import kept.distributed.RankException;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The GPUs of all ranks, joined by NCCL. Messages are queued on the stream of the device's kernels, so that they run in order with these; those of a
 * link for the background have a stream of their own, which waits for the kernels that were queued before a message. While this rank waits it looks
 * whether NCCL reports an error, and asks for the other ranks: a rank that is gone ends the wait.
 */
final class NcclLink implements DeviceLink {
    private static final long WATCHFUL_NANOS = TimeUnit.MICROSECONDS.toNanos(200);
    private static final long SHORTEST_NANOS = TimeUnit.MICROSECONDS.toNanos(20);
    private static final long LONGEST_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long END_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int IDENTITY = 3;

    private final Gpu gpu;
    private final Driver driver;
    private final NcclCalls nccl;
    private final Peers peers;
    private final String name;
    private final long event;
    /** The stream of a link for the background; 0 if messages are on that of the kernels. */
    private final long ownStream;
    private final long communicator;
    /** The ranks with which messages are queued. */
    private final BitSet queued = new BitSet();
    private final BitSet others = new BitSet();
    private final int rank;
    private boolean ended;

    private NcclLink(Gpu gpu, NcclCalls nccl, Peers peers, int ranks, byte[] id, int rank, boolean isBackground) {
        this.gpu = gpu;
        this.driver = gpu.driver();
        this.nccl = nccl;
        this.peers = peers;
        name = "NCCL " + FfmNccl.text(nccl.version());
        communicator = nccl.join(ranks, id, rank);
        event = driver.createEvent();
        ownStream = isBackground ? driver.createStream() : 0;
        this.rank = rank;
        others.set(0, ranks);
        others.clear(rank);
        try {
            poll(() -> nccl.isDone(communicator), others);
        } catch (RuntimeException | Error e) {
            abort();
            throw e;
        }
    }

    /**
     * Joins the GPUs of all ranks.
     *
     * @param gpu this rank's
     * @param nccl the library
     * @param hosts carries what the ranks tell each other before
     * @param peers asked while this rank waits
     * @param isBackground whether kernels do not wait for messages
     * @return the link
     * @throws RankException if two ranks have one GPU, or other versions of NCCL
     */
    static NcclLink open(Gpu gpu, NcclCalls nccl, Communicator hosts, Peers peers, boolean isBackground) {
        gpu.stream(); // Makes the context current.
        byte[] id = hosts.rank() == 0 ? nccl.uniqueId() : new byte[NcclCalls.ID_BYTES];
        try (var _ = Scope.open(Device.cpu())) {
            long[] own = new long[IDENTITY];
            ByteBuffer.wrap(gpu.driver().uuid(gpu.ordinal())).asLongBuffer().get(own, 0, IDENTITY - 1);
            own[IDENTITY - 1] = nccl.version();
            Tensor all = Tensor.empty(DType.I64, Shape.of((long) hosts.size() * IDENTITY));
            hosts.allGather(Tensor.of(own), all);
            requireDistinct(all.toLongArray());
            long[] words = new long[NcclCalls.ID_BYTES / Long.BYTES];
            ByteBuffer.wrap(id).asLongBuffer().get(words);
            Tensor shared = Tensor.of(words);
            hosts.broadcast(shared, 0);
            ByteBuffer.wrap(id).asLongBuffer().put(shared.toLongArray());
        }
        return new NcclLink(gpu, nccl, peers, hosts.size(), id, hosts.rank(), isBackground);
    }

    private static void requireDistinct(long... identities) {
        for (int rank = 1; rank < identities.length / IDENTITY; rank++) {
            if (identities[rank * IDENTITY + 2] != identities[2]) {
                throw new RankException("[nccl] rank 0 has NCCL %s and rank %d has %s; give all ranks the same version".formatted(
                        FfmNccl.text((int) identities[2]), rank, FfmNccl.text((int) identities[rank * IDENTITY + 2])));
            }
            for (int other = 0; other < rank; other++) {
                if (identities[rank * IDENTITY] == identities[other * IDENTITY]
                        && identities[rank * IDENTITY + 1] == identities[other * IDENTITY + 1]) {
                    throw new RankException(("[nccl] ranks %d and %d compute on one GPU, %s, and each rank needs its own; start at most as many "
                            + "ranks of a machine as it has GPUs, with --device cuda").formatted(other, rank, uuid(identities, rank * IDENTITY)));
                }
            }
        }
    }

    private static String uuid(long[] identities, int at) {
        return "GPU-" + HexFormat.of().toHexDigits(identities[at]) + HexFormat.of().toHexDigits(identities[at + 1]);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void queue(Tensor sent, Tensor received, int peer) {
        queued.set(peer);
        BitSet other = new BitSet();
        other.set(peer);
        synchronized (this) {
            requireWhole();
            long on = stream();
            nccl.groupStart();
            try {
                if (sent != null) {
                    nccl.send(Gpu.address(sent), sent.elementCount(), ElementType.of(sent.dtype()), peer, communicator, on);
                }
                if (received != null) {
                    nccl.receive(Gpu.address(received), received.elementCount(), ElementType.of(received.dtype()), peer, communicator, on);
                }
            } finally {
                nccl.groupEnd();
            }
        }
        // At the first message between two ranks NCCL connects them, which takes both.
        poll(() -> nccl.isDone(communicator), other);
    }

    @Override
    public boolean adds(DType dtype) {
        return dtype == DType.F32 || dtype == DType.BF16;
    }

    @Override
    public void queueSum(Tensor tensor) {
        queueForAll(on -> nccl.allReduce(Gpu.address(tensor), tensor.elementCount(), ElementType.of(tensor.dtype()), communicator, on));
    }

    /** Parts of different sizes are a sum each. */
    @Override
    public void queueScatteredSum(Tensor whole, Tensor part, Division division) {
        ElementType type = ElementType.of(whole.dtype());
        if (division.size(0) == division.size(division.ranks() - 1)) {
            queueForAll(on -> nccl.reduceScatter(Gpu.address(whole), Gpu.address(part), part.elementCount(), type, communicator, on));
            return;
        }
        queueForAll(on -> {
            nccl.groupStart();
            try {
                for (int root = 0; root < division.ranks(); root++) {
                    if (division.size(root) > 0) {
                        nccl.reduce(Gpu.address(whole) + division.begin(root) * type.bytes(), root == rank ? Gpu.address(part) : 0,
                                division.size(root), type, root, communicator, on);
                    }
                }
            } finally {
                nccl.groupEnd();
            }
        });
    }

    private void queueForAll(LongConsumer calls) {
        queued.or(others);
        synchronized (this) {
            requireWhole();
            calls.accept(stream());
        }
        poll(() -> nccl.isDone(communicator), others);
    }

    /** The stream of the next message. */
    private long stream() {
        long kernels = gpu.stream();
        if (ownStream == 0) {
            return kernels;
        }
        driver.record(event, kernels);
        driver.awaitEvent(ownStream, event);
        return ownStream;
    }

    @Override
    public void await() {
        synchronized (this) {
            requireWhole();
            long kernels = gpu.stream();
            driver.record(event, ownStream == 0 ? kernels : ownStream);
        }
        poll(() -> nccl.isDone(communicator) && driver.isReached(event), queued);
        queued.clear();
    }

    private void requireWhole() {
        if (ended) {
            throw new RankException("[nccl] the communicator has ended");
        }
    }

    /** Looks at first without pause, then with pauses that grow, before each of which it asks for the ranks that are waited for. */
    private void poll(BooleanSupplier done, BitSet whom) {
        long start = System.nanoTime();
        long pause = SHORTEST_NANOS;
        while (!look(done)) {
            long waited = System.nanoTime() - start;
            if (waited < WATCHFUL_NANOS) {
                Thread.onSpinWait();
                continue;
            }
            for (int peer = whom.nextSetBit(0); peer >= 0; peer = whom.nextSetBit(peer + 1)) {
                try {
                    peers.check(peer, waited);
                } catch (RankException e) {
                    if (look(done)) {
                        return; // All that is waited for came before the other rank failed.
                    }
                    throw e;
                }
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new RankException("[ranks] interrupted while waiting for another rank");
            }
            LockSupport.parkNanos(pause);
            pause = Math.min(pause + pause / 4, LONGEST_NANOS);
        }
    }

    private synchronized boolean look(BooleanSupplier done) {
        requireWhole();
        gpu.stream();
        return done.getAsBoolean();
    }

    @Override
    public synchronized void abort() {
        if (!ended) {
            ended = true;
            try {
                gpu.stream();
                nccl.abort(communicator);
                free();
            } catch (RuntimeException e) {
                // It is told already why the link ends.
            }
        }
    }

    @Override
    public synchronized void close() {
        if (ended) {
            return;
        }
        try {
            gpu.stream();
            nccl.end(communicator);
            long start = System.nanoTime();
            while (!nccl.isDone(communicator)) {
                if (System.nanoTime() - start > END_NANOS) {
                    abort();
                    return;
                }
                LockSupport.parkNanos(LONGEST_NANOS);
            }
            nccl.destroy(communicator);
        } catch (CudaException e) {
            abort(); // Another rank has failed since; this one has all its messages.
            return;
        }
        ended = true;
        free();
    }

    private void free() {
        driver.destroyEvent(event);
        if (ownStream != 0) {
            driver.destroyStream(ownStream);
        }
    }
}
