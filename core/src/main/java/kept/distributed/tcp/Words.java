package kept.distributed.tcp;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import kept.distributed.LastHeard;
import kept.distributed.RankException;
import kept.distributed.RankTimeout;

/**
 * What ranks say to each other beside their messages, on connections of its own: that they live, have failed, or have ended. A thread hears it at any
 * time. A rank whose connection ends without a goodbye has been killed, or its machine or network is gone.
 */
final class Words {
    /** A word: its kind, the rank that it is about, the length of a text, and the text. */
    private static final int HEAD = Byte.BYTES + 2 * Integer.BYTES;
    private static final int LONGEST_TEXT = 1024;
    private static final byte LIVES = 1;
    private static final byte FAILED = 2;
    private static final byte GOODBYE = 3;

    private static final int BEATS = 10;
    private static final long SHORTEST_BEAT_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long LONGEST_BEAT_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long SAYING_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final Meeting meeting;
    private final long timeoutNanos;
    private final Selector selector;
    private final ByteBuffer[] heads;
    private final LastHeard heard;
    private final boolean[] ended;
    /** When each rank that has ended was heard of for the last time. */
    private final long[] endedAt;
    private volatile RankException failure;
    private volatile boolean closed;
    private long lastBeat = System.nanoTime();

    Words(Meeting meeting, long timeoutNanos) throws IOException {
        this.meeting = meeting;
        this.timeoutNanos = timeoutNanos;
        heads = new ByteBuffer[meeting.size()];
        heard = new LastHeard(meeting.size(), timeoutNanos);
        ended = new boolean[meeting.size()];
        endedAt = new long[meeting.size()];
        ended[meeting.rank()] = true;
        selector = Selector.open();
        for (int peer = 0; peer < meeting.size(); peer++) {
            if (peer != meeting.rank()) {
                heads[peer] = ByteBuffer.allocate(HEAD + LONGEST_TEXT);
                meeting.control()[peer].configureBlocking(false);
                meeting.control()[peer].register(selector, SelectionKey.OP_READ, peer);
            }
        }
        Thread.ofPlatform().name("kept-rank").daemon().start(this::hear);
    }

    private void hear() {
        long beatNanos = Math.clamp(timeoutNanos / BEATS, SHORTEST_BEAT_NANOS, LONGEST_BEAT_NANOS);
        try {
            while (!closed) {
                selector.select(Math.max(1, TimeUnit.NANOSECONDS.toMillis(beatNanos / 2)));
                look();
                selector.selectedKeys().forEach(key -> hear((int) key.attachment()));
                selector.selectedKeys().clear();
                if (System.nanoTime() - lastBeat >= beatNanos / 2) {
                    lastBeat = System.nanoTime();
                    sayToAll(LIVES, meeting.rank(), "", 0);
                }
            }
        } catch (IOException | RuntimeException e) {
            if (!closed) {
                failed(new RankException("[ranks] rank %d cannot hear the others: %s".formatted(meeting.rank(), e.getMessage()), e));
            }
        }
    }

    private synchronized void look() {
        heard.look();
    }

    /** Reads what one rank says. */
    private synchronized void hear(int peer) {
        SocketChannel channel = meeting.control()[peer];
        ByteBuffer words = heads[peer];
        try {
            int read = channel.read(words);
            heard.hear(peer);
            words.flip();
            while (words.remaining() >= HEAD && words.remaining() >= HEAD + words.getInt(words.position() + HEAD - Integer.BYTES)) {
                understand(peer, words);
            }
            words.compact();
            if (read < 0) {
                left(peer);
            }
        } catch (IOException e) {
            left(peer);
        }
    }

    private void understand(int peer, ByteBuffer words) {
        byte kind = words.get();
        int about = words.getInt();
        byte[] text = new byte[words.getInt()];
        words.get(text);
        if (kind == FAILED) {
            failed(new RankException("[ranks] rank %d has failed: %s".formatted(about, new String(text, StandardCharsets.UTF_8))));
        } else if (kind == GOODBYE) {
            ended[peer] = true;
            endedAt[peer] = System.nanoTime();
        }
    }

    /** A connection has ended. */
    private void left(int peer) {
        meeting.control()[peer].keyFor(selector).cancel();
        if (!ended[peer]) {
            ended[peer] = true;
            failed(new RankException("[ranks] rank %d has ended without a word: it was killed, or its machine or network is gone".formatted(peer)));
        }
    }

    private void failed(RankException why) {
        if (failure == null) {
            failure = why;
        }
    }

    /** Throws if a rank has failed. */
    void requireNoFailure() {
        if (failure != null) {
            throw failure;
        }
    }

    /** Throws if a rank has failed, or one has not been heard of for too long. */
    synchronized void check(int peer) {
        requireNoFailure();
        if (!ended[peer]) {
            heard.requireLiving(peer);
        }
    }

    /** Whether a rank has ended with a goodbye; throws if it, or another one, has ended otherwise. */
    synchronized boolean hasEnded(int peer) {
        requireNoFailure();
        return ended[peer];
    }

    /** Throws if a rank has ended so long ago that its last messages are not on their way any more. */
    synchronized void requireNotGone(int peer) {
        requireNoFailure();
        if (ended[peer] && System.nanoTime() - endedAt[peer] > RankTimeout.ofEnded(timeoutNanos)) {
            throw RankTimeout.ended(peer);
        }
    }

    /** Tells all others that this rank cannot go on; the first failure counts. */
    void fail(String reason) {
        synchronized (this) {
            if (failure != null) {
                return;
            }
            failure = new RankException("[ranks] rank %d has failed: %s".formatted(meeting.rank(), reason));
        }
        sayToAll(FAILED, meeting.rank(), reason, SAYING_NANOS);
    }

    private synchronized void sayToAll(byte kind, int about, String text, long nanos) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, LONGEST_TEXT);
        ByteBuffer word = ByteBuffer.allocate(HEAD + length).put(kind).putInt(about).putInt(length).put(bytes, 0, length).flip();
        for (int peer = 0; peer < meeting.size(); peer++) {
            if (peer != meeting.rank()) {
                say(peer, word.duplicate(), nanos);
            }
        }
    }

    /** A rank that does not take it for some time is not told; a word that has begun is said to its end. */
    private void say(int peer, ByteBuffer word, long nanos) {
        long start = System.nanoTime();
        try {
            while (word.hasRemaining()) {
                if (meeting.control()[peer].write(word) == 0) {
                    if (System.nanoTime() - start >= nanos && word.position() == 0) {
                        return;
                    }
                    LockSupport.parkNanos(PAUSE_NANOS);
                }
            }
        } catch (IOException e) {
            // The connection has ended, which is heard.
        }
    }

    /** Says goodbye and waits until all others have. */
    void close() {
        sayToAll(GOODBYE, meeting.rank(), "", SAYING_NANOS);
        try {
            while (true) {
                int missing = firstMissing();
                if (missing < 0) {
                    return;
                }
                if (Thread.currentThread().isInterrupted()) {
                    throw new RankException("[ranks] interrupted while waiting for other ranks to end");
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } finally {
            closed = true;
            close(selector);
        }
    }

    /** The first rank that has not ended; -1 if all have. */
    private synchronized int firstMissing() {
        for (int peer = 0; peer < meeting.size(); peer++) {
            if (!ended[peer]) {
                heard.requireLiving(peer);
                return peer;
            }
        }
        return -1;
    }

    static void close(Selector selector) {
        if (selector != null) {
            try {
                selector.close();
            } catch (IOException e) {
                // It is of no more use.
            }
        }
    }
}
