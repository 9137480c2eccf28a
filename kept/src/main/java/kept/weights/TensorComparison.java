package kept.weights;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.LongConsumer;
import kept.io.AtomicFiles;
import kept.io.FileException;

/**
 * Reads tensors back from disk and compares them byte by byte with their source. Files are read, not mapped, so that a disk error is an exception,
 * not a fault of the JVM.
 */
public final class TensorComparison {
    private static final int CHUNK = 4 << 20;

    private final ByteBuffer left = ByteBuffer.allocateDirect(CHUNK);
    private final ByteBuffer right = ByteBuffer.allocateDirect(CHUNK);

    /** Allocates two buffers. Not thread-safe. */
    public TensorComparison() { }

    /**
     * Compares a tensor with the one it was copied from.
     *
     * @param source the original
     * @param copy the copy
     * @param progress receives the number of bytes of each piece compared
     * @throws FileException naming the copy and the first byte that differs, or the file that cannot be read
     */
    public void requireSame(TensorEntry source, TensorEntry copy, LongConsumer progress) {
        if (source.byteSize() != copy.byteSize()) {
            throw new FileException("verify", copy.file(), copy.name(), copy.offset(),
                "has %d bytes, but %d in %s".formatted(copy.byteSize(), source.byteSize(), source.file()));
        }
        try (FileChannel original = open(source.file()); FileChannel written = open(copy.file())) {
            for (long done = 0; done < copy.byteSize();) {
                int size = (int) Math.min(CHUNK, copy.byteSize() - done);
                read(original, source, done, left.clear().limit(size));
                compare(left, written, copy, done, source.file().toString());
                done += size;
                progress.accept(size);
            }
        } catch (IOException e) {
            throw unreadable(copy, e);
        }
    }

    /**
     * Compares a tensor with values in memory.
     *
     * @param values the expected little-endian elements in row-major order
     * @param copy the tensor in its file
     * @param progress receives the number of bytes of each piece compared
     * @throws FileException naming the tensor and the first byte that differs, or the file that cannot be read
     */
    public void requireSame(MemorySegment values, TensorEntry copy, LongConsumer progress) {
        try (FileChannel written = open(copy.file())) {
            for (long done = 0; done < copy.byteSize();) {
                int size = (int) Math.min(CHUNK, copy.byteSize() - done);
                compare(values.asSlice(done, size).asByteBuffer(), written, copy, done, "the converted values");
                done += size;
                progress.accept(size);
            }
        } catch (IOException e) {
            throw unreadable(copy, e);
        }
    }

    private void compare(ByteBuffer expected, FileChannel written, TensorEntry copy, long done, String origin) {
        read(written, copy, done, right.clear().limit(expected.remaining()));
        int difference = expected.mismatch(right);
        if (difference >= 0) {
            throw new FileException("verify", copy.file(), copy.name(), copy.offset() + done + difference,
                "differs from %s: this byte should be %d but is %d; the disk or the memory is faulty, so convert again and compare"
                .formatted(origin, expected.get(difference) & 0xff, right.get(difference) & 0xff));
        }
    }

    private static FileChannel open(Path file) {
        try {
            return FileChannel.open(file, StandardOpenOption.READ);
        } catch (IOException e) {
            throw new FileException("verify", file, "cannot be opened: " + AtomicFiles.reason(e), e);
        }
    }

    private static void read(FileChannel channel, TensorEntry tensor, long done, ByteBuffer buffer) {
        long next = tensor.offset() + done;
        try {
            while (buffer.hasRemaining()) {
                int count = channel.read(buffer, next);
                if (count <= 0) {
                    throw new IOException("the file ends at byte " + channel.size());
                }
                next += count;
            }
        } catch (IOException e) {
            throw unreadable(tensor, e);
        }
        buffer.flip();
    }

    private static FileException unreadable(TensorEntry tensor, IOException cause) {
        return new FileException("verify", tensor.file(), tensor.name(), tensor.offset(), "cannot be read: " + AtomicFiles.reason(cause),
            cause);
    }
}
