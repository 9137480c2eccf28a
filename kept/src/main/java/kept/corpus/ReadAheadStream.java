package kept.corpus;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * The text of a compressed file, decompressed by a thread of its own while the caller parses what came before. Bytes, errors and positions come in
 * the order in which the file has them. The thread starts after {@link #ALONE} bytes, so that small files need none, holds at most {@link #CHUNKS}
 * chunks, and has ended when {@link #close} returns.
 */
final class ReadAheadStream extends PackedStream {
    /** Bytes of text that the caller decompresses itself. */
    static final int ALONE = 1 << 18;
    /** Bytes of the largest chunk. */
    static final int CHUNK = 1 << 16;
    /** The most chunks that wait for the caller. */
    static final int CHUNKS = 16;
    /** The name of the thread. */
    static final String THREAD = "kept-unpack";

    private final PackedStream stream;
    private final Thread thread = Thread.ofPlatform().daemon().name(THREAD).unstarted(this::decompress);

    /** Guards itself and the two below. */
    private final Queue<Chunk> ready = new ArrayDeque<>();
    private boolean closed;
    private Throwable failure;

    private Chunk current;
    private int at;
    private int alone;

    /** A part of the text; empty at its end. The position is the offset after it in the compressed file. */
    private record Chunk(byte[] bytes, int length, long position) { }

    /** Reads on where a stream is, which is closed with this. */
    ReadAheadStream(PackedStream stream) {
        this.stream = stream;
        this.current = new Chunk(new byte[CHUNK], 0, stream.position());
    }

    @Override
    long position() {
        return current.position;
    }

    @Override
    public int read(byte[] target, int from, int count) throws IOException {
        if (count == 0) {
            return 0;
        }
        if (at == current.length) {
            current = alone < ALONE ? decompress(current.bytes) : await();
            at = 0;
            alone = Math.min(ALONE, alone + current.length);
        }
        if (current.length == 0) {
            return -1;
        }
        int part = Math.min(count, current.length - at);
        System.arraycopy(current.bytes, at, target, from, part);
        at += part;
        return part;
    }

    private Chunk decompress(byte[] bytes) throws IOException {
        int length = Math.max(0, stream.read(bytes, 0, bytes.length));
        return new Chunk(bytes, length, stream.position());
    }

    private Chunk await() throws IOException {
        synchronized (ready) {
            if (thread.getState() == Thread.State.NEW) {
                thread.start();
            }
            while (ready.isEmpty() && failure == null) {
                try {
                    ready.wait();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new InterruptedIOException("reading was interrupted");
                }
            }
            if (ready.isEmpty()) {
                throw failed();
            }
            // The end stays: it can be read again.
            Chunk next = ready.peek().length == 0 ? ready.peek() : ready.remove();
            ready.notifyAll();
            return next;
        }
    }

    private IOException failed() {
        return switch (failure) {
            case IOException io -> io;
            case RuntimeException runtime -> throw runtime;
            case Error error -> throw error;
            default -> new IOException(failure);
        };
    }

    /** The work of the thread: decompresses chunks until the end of the text, an error, or the end of this stream. */
    private void decompress() {
        try {
            boolean ended = false;
            while (!ended && hasRoom()) {
                Chunk next = decompress(new byte[CHUNK]);
                ended = next.length == 0;
                synchronized (ready) {
                    ready.add(next);
                    ready.notifyAll();
                }
            }
        } catch (Throwable e) {
            // The caller throws it, after what came before.
            synchronized (ready) {
                failure = e;
                ready.notifyAll();
            }
        }
    }

    /** Waits for room for a chunk; false once this is closed. */
    private boolean hasRoom() throws InterruptedException {
        synchronized (ready) {
            while (ready.size() == CHUNKS && !closed) {
                ready.wait();
            }
            return !closed;
        }
    }

    @Override
    public void close() throws IOException {
        synchronized (ready) {
            closed = true;
            ready.notifyAll();
        }
        joinThread();
        stream.close();
    }

    /** Only when the thread has ended may the file and the decompressor be closed, which it uses. */
    private void joinThread() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
