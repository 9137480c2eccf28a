package kept.distributed.tcp;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import kept.distributed.Channel;
import kept.distributed.RankException;
import kept.distributed.RankTimeout;

/**
 * The messages on one connection to each rank. Before the bytes of an exchange each side sends the other the two sizes that it expects, so that bytes
 * move only when both agree.
 */
final class TcpChannel implements Channel, AutoCloseable {
    private static final long NOTHING = -1;
    private static final long LOOK_MILLIS = 20;
    private static final long FAREWELL_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final int rank;
    private final SocketChannel[] connections;
    private final Words words;
    private final Selector[] selectors;

    /**
     * A channel.
     *
     * @param rank this rank
     * @param connections to each rank; null to itself
     * @param words hears the other ranks
     */
    TcpChannel(int rank, SocketChannel[] connections, Words words) throws IOException {
        this.rank = rank;
        this.connections = connections;
        this.words = words;
        selectors = new Selector[connections.length];
        for (int peer = 0; peer < connections.length; peer++) {
            if (peer != rank) {
                selectors[peer] = Selector.open();
                connections[peer].configureBlocking(false);
                connections[peer].register(selectors[peer], SelectionKey.OP_READ);
            }
        }
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
                    .formatted(peer, bytes(comes), bytes(expected), rank, bytes(receiving), bytes(sending)));
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
        SocketChannel channel = connections[peer];
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
    public void close() {
        for (Selector selector : selectors) {
            Words.close(selector);
        }
    }
}
