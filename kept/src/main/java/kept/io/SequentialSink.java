package kept.io;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A device, pipe or other non-regular file: bytes are written sequentially, and bytes that arrive early wait in memory. A path that leads to standard
 * output or standard error shares that stream, so that file and console output keep their order.
 */
final class SequentialSink implements ByteSink {
    private static final int BYTES_COPIED_AT_ONCE = 1 << 20;
    /** How long a pipe may wait for a program that reads it. */
    private static final Duration MAX_WAIT = Duration.ofSeconds(60);

    private final FileOutputStream out;
    private final boolean shared;
    /** Buffers that wait for the bytes before them, by position. */
    private final TreeMap<Long, ByteBuffer> early = new TreeMap<>();
    private long written;

    SequentialSink(Path path) throws IOException {
        this(path, MAX_WAIT);
    }

    /** Opens a path; a pipe only if a program opens it for reading within this time. */
    SequentialSink(Path path, Duration longestWait) throws IOException {
        Optional<FileDescriptor> printed = OutputPath.printed(path);
        shared = printed.isPresent();
        out = shared ? new FileOutputStream(printed.get()) : opened(path, longestWait);
    }

    /** Opening a pipe blocks until it is opened for reading, so another thread does it. */
    private static FileOutputStream opened(Path path, Duration longestWait) throws IOException {
        var opening = new FutureTask<>(() -> new FileOutputStream(path.toFile()));
        Thread.ofPlatform().daemon().name("opening " + path).start(opening);
        try {
            return opening.get(longestWait.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
        } catch (TimeoutException e) {
            release(path, opening);
            throw new IOException("no program opened it for reading within %d seconds; start the reader first".formatted(longestWait.toSeconds()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while it was opened", e);
        }
    }

    /** Ends the wait of the thread that opens a pipe, by opening the other end. */
    private static void release(Path path, FutureTask<FileOutputStream> opening) throws IOException {
        try (var _ = new FileInputStream(path.toFile())) {
            opening.get().close();
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public synchronized void write(ByteBuffer bytes, long position) throws IOException {
        if (position != written) {
            early.put(position, ByteBuffer.allocate(bytes.remaining()).put(bytes).flip());
            return;
        }
        put(bytes);
        for (ByteBuffer next = early.remove(written); next != null; next = early.remove(written)) {
            put(next);
        }
    }

    private void put(ByteBuffer bytes) throws IOException {
        int count = bytes.remaining();
        if (bytes.hasArray()) {
            out.write(bytes.array(), bytes.arrayOffset() + bytes.position(), count);
            bytes.position(bytes.limit());
        } else {
            var copy = new byte[count];
            bytes.get(copy);
            out.write(copy);
        }
        written += count;
    }

    @Override
    public void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException {
        try (var open = FileChannel.open(source, StandardOpenOption.READ)) {
            for (long done = 0; done < size;) {
                var buffer = ByteBuffer.allocate((int) Math.min(size - done, BYTES_COPIED_AT_ONCE));
                if (open.read(buffer, from + done) <= 0) {
                    throw new IOException("the source file ends at byte " + open.size());
                }
                int count = buffer.flip().remaining();
                inspector.inspect(buffer, from + done);
                write(buffer, position + done);
                done += count;
            }
        }
    }

    /** Does nothing: all bytes have been passed on. */
    @Override
    public void force() throws IOException {
        if (!early.isEmpty()) {
            throw new IOException("bytes %d to %d were not written".formatted(written, early.firstKey()));
        }
    }

    @Override
    public void close() throws IOException {
        if (!shared) {
            out.close();
        }
    }
}
