package kept.distributed;

import java.lang.foreign.MemorySegment;

/** Messages between ranks that do not mix with those of other channels. One thread at a time uses a channel. */
public interface Channel {
    /**
     * Sends one message to another rank and receives one from it at the same time; ends when both are done. Messages between two ranks arrive in the
     * order in which they were sent.
     *
     * @param sent the bytes to send, or null for no message
     * @param received overwritten with the other rank's message, of as many bytes, or null for no message
     * @param peer the other rank
     * @throws RankException if another rank has {@linkplain Transport#fail failed}, this one does not answer in time, or its message has another size
     */
    void exchange(MemorySegment sent, MemorySegment received, int peer);
}
