package kept.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A new file that is synced to disk in the background while it is written, so that disk and copying work in parallel and the final {@link #force}
 * waits only for the last piece. Large copies from other files use {@linkplain DirectCopy direct I/O}.
 */
final class FlushedFile implements ByteSink {
    /** Bytes written between two syncs. */
    private static final long BYTES_BETWEEN_FLUSHES = 128 << 20;
    /** Shorter copies do not justify threads and block alignment. */
    private static final long MIN_DIRECT_COPY = 16 << 20;
    private static final int BYTES_COPIED_AT_ONCE = 1 << 20;

    private final Path path;
    private final FileChannel channel;
    private BackgroundIo flush = BackgroundIo.none();
    private long unflushed;
    private DirectCopy direct;
    private boolean directWorks;
    private boolean directIsRefused;

    FlushedFile(Path path) throws IOException {
        this.path = path;
        channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    @Override
    public void write(ByteBuffer bytes, long position) throws IOException {
        long next = position;
        while (bytes.hasRemaining()) {
            next += channel.write(bytes, next);
        }
        written(next - position);
    }

    @Override
    public void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException {
        long end = position + size;
        Span span = size < MIN_DIRECT_COPY ? new Span(position, position) : copyDirectly(source, from, position, end, inspector);
        try (var open = FileChannel.open(source, StandardOpenOption.READ)) {
            copyBuffered(open, from, position, span.from(), inspector);
            copyBuffered(open, from + span.to() - position, span.to(), end, inspector);
        }
    }

    /** Copies with direct I/O as far as possible and returns the range of positions copied; empty if direct I/O is not possible. */
    private Span copyDirectly(Path source, long from, long position, long end, Inspector inspector) throws IOException {
        if (direct == null && !directIsRefused) {
            direct = DirectCopy.open(path);
            directIsRefused = direct == null;
        }
        if (directIsRefused) {
            return new Span(position, position);
        }
        var span = new Span(direct.ceiling(position), direct.floor(end));
        try {
            direct.copy(source, from + span.from() - position, span.to() - span.from(), span.from(), inspector);
            directWorks = true;
            return span;
        } catch (IOException e) {
            if (directWorks) {
                throw e;
            }
            // Some file systems report only here that they do not support it; any other error will recur in the normal copy.
            directIsRefused = true;
            return new Span(position, position);
        }
    }

    private void copyBuffered(FileChannel source, long from, long position, long end, Inspector inspector) throws IOException {
        var buffer = ByteBuffer.allocate((int) Math.min(end - position, BYTES_COPIED_AT_ONCE));
        for (long next = position; next < end;) {
            buffer.clear().limit((int) Math.min(buffer.capacity(), end - next));
            if (source.read(buffer, from + next - position) <= 0) {
                throw new IOException("the source file ends at byte " + source.size());
            }
            buffer.flip();
            int count = buffer.remaining();
            inspector.inspect(buffer, from + next - position);
            write(buffer, next);
            next += count;
        }
    }

    private void written(long bytes) throws IOException {
        unflushed += bytes;
        if (unflushed >= BYTES_BETWEEN_FLUSHES && flush.isDone()) {
            // The system reports a disk error only once, so an error of the background sync is an error of the file.
            flush.await();
            unflushed = 0;
            flush = BackgroundIo.start(() -> channel.force(false));
        }
    }

    @Override
    public void force() throws IOException {
        flush.await();
        channel.force(true);
    }

    @Override
    public void close() throws IOException {
        try (channel; var _ = direct) {
            flush.await();
        }
    }

    /** A range of positions in the file. */
    private record Span(long from, long to) {}
}
