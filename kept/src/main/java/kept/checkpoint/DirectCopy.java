package kept.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Copies long parts of other files into a file past the system's cache of pages ({@code O_DIRECT}), where filling the pages of 29 GB that nobody will
 * read again costs more time than the disk takes. Two threads take turns: while one reads, the other writes.
 *
 * <p>Only whole blocks can be written so, and not every file system can: the caller has the ordinary way for the rest.
 */
final class DirectCopy implements Closeable {
    private static final int BYTES_AT_ONCE = 8 << 20;
    private static final int PAGE = 4096;

    private final FileChannel channel;
    private final int block;
    /** Frees the buffers with the file; those of the collector would outlive hundreds of files. */
    private final Arena buffers = Arena.ofShared();
    private final ByteBuffer first;
    private final ByteBuffer second;

    private DirectCopy(FileChannel channel, int block) {
        this.channel = channel;
        this.block = block;
        first = buffers.allocate(BYTES_AT_ONCE, block).asByteBuffer();
        second = buffers.allocate(BYTES_AT_ONCE, block).asByteBuffer();
    }

    /**
     * Opens a file for this kind of writing.
     *
     * @param path a file that exists
     * @return null where the file system does not know it
     */
    static DirectCopy open(Path path) {
        try {
            long block = Math.max(PAGE, Files.getFileStore(path).getBlockSize());
            if (BYTES_AT_ONCE % block != 0) {
                return null;
            }
            return new DirectCopy(FileChannel.open(path, StandardOpenOption.WRITE, directOption()), (int) block);
        } catch (IOException | UnsupportedOperationException | ClassNotFoundException e) {
            return null;
        }
    }

    /** By reflection: a JDK need not have it, and the compiler warns of it beyond suppression. */
    private static OpenOption directOption() throws ClassNotFoundException {
        for (Object option : Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants()) {
            if (option.toString().equals("DIRECT")) {
                return (OpenOption) option;
            }
        }
        throw new ClassNotFoundException("DIRECT");
    }

    /** The first position from a given one on that a copy can begin at, or the last before it that one can end at. */
    long ceiling(long position) {
        return Math.ceilDiv(position, block) * block;
    }

    long floor(long position) {
        return Math.floorDiv(position, block) * block;
    }

    /**
     * Copies bytes from a file.
     *
     * @param source the other file
     * @param from the place in it, any
     * @param size how many bytes; whole blocks
     * @param position where to; at a block's beginning
     * @throws IOException if the source ends early, or source or disk refuse; some of the bytes may have been written
     */
    void copy(FileChannel source, long from, long size, long position) throws IOException {
        var next = new AtomicLong();
        BackgroundIo other = BackgroundIo.start(() -> copyPieces(source, from, size, position, next, second));
        try {
            copyPieces(source, from, size, position, next, first);
        } finally {
            // What failed here ends the other thread too, which must not outlive the buffers.
            next.set(size);
            other.await();
        }
    }

    private void copyPieces(FileChannel source, long from, long size, long position, AtomicLong next, ByteBuffer buffer) throws IOException {
        for (long done = next.getAndAdd(BYTES_AT_ONCE); done < size; done = next.getAndAdd(BYTES_AT_ONCE)) {
            buffer.clear().limit((int) Math.min(BYTES_AT_ONCE, size - done));
            while (buffer.hasRemaining()) {
                if (source.read(buffer, from + done + buffer.position()) < 0) {
                    throw new IOException("the file that is copied ends at byte " + source.size());
                }
            }
            buffer.flip();
            while (buffer.hasRemaining()) {
                channel.write(buffer, position + done + buffer.position());
            }
        }
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            if (buffers.scope().isAlive()) {
                buffers.close();
            }
        }
    }
}
