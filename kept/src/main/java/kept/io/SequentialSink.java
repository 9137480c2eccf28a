package kept.io;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.TreeMap;

/**
 * A device, pipe or other non-regular file: bytes are written sequentially, and bytes that arrive early wait in memory. A path that leads to standard
 * output shares that stream, so that file and console output keep their order.
 */
final class SequentialSink implements ByteSink {
    private static final Path STANDARD_OUTPUT = Path.of("/dev/stdout");
    private static final int BYTES_COPIED_AT_ONCE = 1 << 20;

    private final FileOutputStream out;
    private final boolean shared;
    /** Buffers that wait for the bytes before them, by position. */
    private final TreeMap<Long, ByteBuffer> early = new TreeMap<>();
    private long written;

    SequentialSink(Path path) throws IOException {
        shared = Files.exists(STANDARD_OUTPUT) && Files.isSameFile(path, STANDARD_OUTPUT);
        out = shared ? new FileOutputStream(FileDescriptor.out) : new FileOutputStream(path.toFile());
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
