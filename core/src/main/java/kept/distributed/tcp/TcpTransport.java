package kept.distributed.tcp;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import kept.distributed.Channel;
import kept.distributed.RankException;
import kept.distributed.Transport;

/** Messages by TCP, on two {@linkplain TcpChannel channels}. What the other ranks say meanwhile, {@link Words} hears. */
final class TcpTransport implements Transport {
    private final Meeting meeting;
    private final Words words;
    private final TcpChannel data;
    private final TcpChannel background;

    /**
     * Starts to hear the other ranks.
     *
     * @param meeting the connections to them
     * @param timeoutNanos after what time a rank that is not heard of is missing
     */
    TcpTransport(Meeting meeting, long timeoutNanos) {
        this.meeting = meeting;
        try {
            words = new Words(meeting, timeoutNanos);
            data = new TcpChannel(meeting.rank(), meeting.data(), words);
            background = new TcpChannel(meeting.rank(), meeting.background(), words);
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
    public void exchange(MemorySegment sent, MemorySegment received, int peer) {
        data.exchange(sent, received, peer);
    }

    @Override
    public Channel background() {
        return background;
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
            data.close();
            background.close();
        }
    }
}
