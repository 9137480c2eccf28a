package kept.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A new file that goes to disk while it is written: another thread forces what is there, every so many bytes, so that disk and copying work at the
 * same time and {@link #force} in the end waits for the last piece alone.
 */
final class FlushedFile implements ByteSink {
    /** So much is written between two flushes. */
    private static final long BYTES_BETWEEN_FLUSHES = 128 << 20;
    private static final int BYTES_COPIED_AT_ONCE = 8 << 20;

    private final FileChannel channel;
    private CompletableFuture<Void> flush = CompletableFuture.completedFuture(null);
    private long unflushed;
    /** What is copied from another file goes through here. */
    private ByteBuffer copied = ByteBuffer.allocate(0);
    /** Frees it with the file; a buffer of the collector's would outlive hundreds of small files. */
    private final Arena buffers = Arena.ofShared();

    FlushedFile(Path path) throws IOException {
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
    public void copy(FileChannel source, long from, long size, long position) throws IOException {
        int room = (int) Math.min(size, BYTES_COPIED_AT_ONCE);
        if (copied.capacity() < room) {
            copied = buffers.allocate(room).asByteBuffer();
        }
        for (long done = 0; done < size;) {
            copied.clear().limit((int) Math.min(copied.capacity(), size - done));
            if (source.read(copied, from + done) <= 0) {
                throw new IOException("the file that is copied ends at byte " + source.size());
            }
            copied.flip();
            int count = copied.remaining();
            write(copied, position + done);
            done += count;
        }
    }

    private void written(long bytes) throws IOException {
        unflushed += bytes;
        if (unflushed >= BYTES_BETWEEN_FLUSHES && flush.isDone()) {
            await();
            unflushed = 0;
            flush = CompletableFuture.runAsync(() -> {
                try {
                    channel.force(false);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }

    /** Waits for a flush; the system tells an error of the disk once, so the one that a flush met is the file's. */
    private void await() throws IOException {
        try {
            flush.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException failed) {
                throw failed.getCause();
            }
            throw e;
        }
    }

    @Override
    public void force() throws IOException {
        await();
        channel.force(true);
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            await();
        } finally {
            copied = ByteBuffer.allocate(0);
            if (buffers.scope().isAlive()) {
                buffers.close();
            }
        }
    }
}
