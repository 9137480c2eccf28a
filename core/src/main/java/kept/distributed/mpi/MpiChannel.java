package kept.distributed.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import kept.distributed.Channel;
import kept.distributed.RankException;

/**
 * The messages of one tag. Before the bytes of an exchange each side sends the other the two sizes that it expects, so that bytes move only when both
 * are there and agree: a rank that waits for another sleeps between its looks, and one whose bytes move looks without pause. The library is called
 * while the transport's lock is held, which is not held between the looks.
 */
final class MpiChannel implements Channel {
    private static final long NOTHING = -1;

    private final MpiTransport transport;
    private final MpiCalls mpi;
    private final int tag;
    private final MemorySegment ownSizes;
    private final MemorySegment peerSizes;
    private final List<MpiCalls.Request> pending = new ArrayList<>();

    /**
     * A channel.
     *
     * @param transport its transport
     * @param mpi the library
     * @param tag the tag of its messages, which no others have
     * @param arena for its memory
     */
    MpiChannel(MpiTransport transport, MpiCalls mpi, int tag, Arena arena) {
        this.transport = transport;
        this.mpi = mpi;
        this.tag = tag;
        ownSizes = arena.allocate(2 * Long.BYTES, 8);
        peerSizes = arena.allocate(2 * Long.BYTES, 8);
    }

    int tag() {
        return tag;
    }

    @Override
    public synchronized void exchange(MemorySegment sent, MemorySegment received, int peer) {
        long sending = sent == null ? NOTHING : sent.byteSize();
        long receiving = received == null ? NOTHING : received.byteSize();
        try {
            agree(sending, receiving, peer);
            begin(sending > 0 ? sent : null, receiving > 0 ? received : null, peer);
            transport.await(this::areDone, peer, MpiTransport.MOVING_NANOS, MpiTransport.SHORTEST_NANOS);
        } catch (RankException e) {
            transport.giveUp(this::cancel);
            throw e;
        }
    }

    /** Tells the other rank the sizes of the messages, and waits until it does the same. */
    private void agree(long sending, long receiving, int peer) {
        transport.call(() -> {
            ownSizes.set(ValueLayout.JAVA_LONG, 0, sending);
            ownSizes.set(ValueLayout.JAVA_LONG, Long.BYTES, receiving);
        });
        begin(ownSizes, peerSizes, peer);
        transport.await(this::areDone, peer, MpiTransport.WATCHFUL_NANOS, MpiTransport.LONGEST_NANOS);
        transport.call(() -> {
            long comes = peerSizes.get(ValueLayout.JAVA_LONG, 0);
            long expected = peerSizes.get(ValueLayout.JAVA_LONG, Long.BYTES);
            if (comes != receiving || expected != sending) {
                throw new RankException("[ranks] rank %d sends %s and expects %s, but rank %d expects %s and sends %s: the ranks do not do the same"
                        .formatted(peer, bytes(comes), bytes(expected), transport.rank(), bytes(receiving), bytes(sending)));
            }
        });
    }

    private void begin(MemorySegment sent, MemorySegment received, int peer) {
        transport.call(() -> {
            if (received != null) {
                pending.add(mpi.receive(received, peer, tag));
            }
            if (sent != null) {
                pending.add(mpi.send(sent, peer, tag));
            }
        });
    }

    private static String bytes(long count) {
        return count == NOTHING ? "nothing" : count + " bytes";
    }

    private boolean areDone() {
        pending.removeIf(MpiCalls.Request::isDone);
        return pending.isEmpty();
    }

    /** Gives up the messages under way; called while the transport's lock is held. */
    void cancel() {
        pending.forEach(MpiCalls.Request::cancel);
        pending.clear();
    }
}
