package kept.distributed.tcp;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import kept.distributed.RankException;
import kept.distributed.RankTimeout;
import kept.distributed.Transport;

/**
 * Messages by TCP. Before the bytes of an exchange each side sends the other the two sizes that it expects, so that bytes move only when both agree.
 * What the other ranks say meanwhile, {@link Words} hears.
 */
final class TcpTransport implements Transport {
    private static final long NOTHING = -1;
    private static final long LOOK_MILLIS = 20;
    private static final long FAREWELL_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final Meeting meeting;
    private final Words words;
    private final Selector[] selectors;

    /**
     * Starts to hear the other ranks.
     *
     * @param meeting the connections to them
     * @param timeoutNanos after what time a rank that is not heard of is missing
     */
    TcpTransport(Meeting meeting, long timeoutNanos) {
        this.meeting = meeting;
        selectors = new Selector[meeting.size()];
        try {
            for (int peer = 0; peer < meeting.size(); peer++) {
                if (peer != meeting.rank()) {
                    selectors[peer] = Selector.open();
                    meeting.data()[peer].configureBlocking(false);
                    meeting.data()[peer].register(selectors[peer], SelectionKey.OP_READ);
                }
            }
            words = new Words(meeting, timeoutNanos);
        } catch (IOException e) {
            meeting.close();
            throw new RankException("[ranks] connections between ranks cannot be used: " + e.getMessage(), e);
        }
    }

    @Override
    public String name() {
        return "TCP";
    }

    @Override
    public int rank() {
        return meeting.rank();
    }

    @Override
    public int size() {
        return meeting.size();
    }

    @Override
    public int localRank() {
        return meeting.localRank();
    }

    @Override
    public int localSize() {
        return meeting.localSize();
    }

    @Override
    public synchronized void exchange(MemorySegment sent, MemorySegment received, int peer) {
        words.requireNoFailure();
        long sending = sent == null ? NOTHING : sent.byteSize();
        long receiving = received == null ? NOTHING : received.byteSize();
        ByteBuffer own = ByteBuffer.allocate(2 * Long.BYTES).putLong(sending).putLong(receiving).flip();
        ByteBuffer theirs = ByteBuffer.allocate(2 * Long.BYTES);
        move(own, theirs, peer);
        theirs.flip();
        long comes = theirs.getLong();
        long expected = theirs.getLong();
        if (comes != receiving || expected != sending) {
            throw new RankException("[ranks] rank %d sends %s and expects %s, but rank %d expects %s and sends %s: the ranks do not do the same"
                    .formatted(peer, bytes(comes), bytes(expected), rank(), bytes(receiving), bytes(sending)));
        }
        move(buffer(sent), buffer(received), peer);
    }

    private static String bytes(long count) {
        return count == NOTHING ? "nothing" : count + " bytes";
    }

    private static ByteBuffer buffer(MemorySegment memory) {
        return memory == null ? ByteBuffer.allocate(0) : memory.asByteBuffer();
    }

    /** Sends and receives until both buffers are through, with looks for the other ranks while nothing moves. */
    private void move(ByteBuffer out, ByteBuffer in, int peer) {
        SocketChannel channel = meeting.data()[peer];
        try {
            while (out.hasRemaining() || in.hasRemaining()) {
                long moved = out.hasRemaining() ? channel.write(out) : 0;
                int read = in.hasRemaining() ? channel.read(in) : 0;
                if (read < 0) {
                    throw lost(peer, null);
                }
                if (moved + read > 0) {
                    continue;
                }
                words.check(peer);
                words.requireNotGone(peer);
                selectors[peer].keys().iterator().next()
                        .interestOps((out.hasRemaining() ? SelectionKey.OP_WRITE : 0) | (in.hasRemaining() ? SelectionKey.OP_READ : 0));
                selectors[peer].select(LOOK_MILLIS);
                selectors[peer].selectedKeys().clear();
                if (Thread.currentThread().isInterrupted()) {
                    throw new RankException("[ranks] interrupted while waiting for another rank");
                }
            }
        } catch (IOException e) {
            throw lost(peer, e);
        }
    }

    /** A connection has ended: the rank tells why, if it can. */
    private RankException lost(int peer, IOException cause) {
        for (long start = System.nanoTime(); System.nanoTime() - start < FAREWELL_NANOS; LockSupport.parkNanos(PAUSE_NANOS)) {
            if (words.hasEnded(peer)) {
                return RankTimeout.ended(peer);
            }
        }
        return new RankException("[ranks] the connection to rank %d is lost: %s".formatted(peer, cause == null ? "it is closed" : cause.getMessage()),
                cause);
    }

    @Override
    public void check(int peer, long waitedNanos) {
        words.check(peer);
        words.requireNotGone(peer);
    }

    @Override
    public void fail(String reason) {
        words.fail(reason);
    }

    /** Says goodbye to all ranks and waits for theirs. */
    @Override
    public void close() {
        try {
            words.close();
        } finally {
            meeting.close();
            for (Selector selector : selectors) {
                Words.close(selector);
            }
        }
    }
}
