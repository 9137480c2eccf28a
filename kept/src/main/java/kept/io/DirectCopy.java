package kept.io;

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
 * Copies long parts of other files into a file past the system's cache of pages ({@code O_DIRECT}), on both sides: to fill the pages of 29 GB that
 * nobody will read again, and to find free ones for the next, costs more time than the disk takes. Two threads take turns: while one reads, the other
 * writes.
 *
 * <p>Only whole blocks can be written so, and not every file system can: the caller has the ordinary way for the rest. A source whose file system
 * cannot is read the ordinary way.
 */
final class DirectCopy implements Closeable {
    private static final int BYTES_AT_ONCE = 8 << 20;
    private static final int PAGE = 4096;
    private static final int LARGEST_BLOCK = 64 << 10;

    private final FileChannel channel;
    private final int block;
    /** Frees the buffers with the file; those of the collector would outlive hundreds of files. */
    private final Arena buffers = Arena.ofShared();
    private final Buffers first = new Buffers(buffers);
    private final Buffers second = new Buffers(buffers);
    private Path sourcePath;
    private FileChannel source;

    /** What a thread reads into, with room for the blocks in which the bytes begin and end, and what it writes from. */
    private record Buffers(ByteBuffer read, ByteBuffer write) {
        Buffers(Arena arena) {
            this(arena.allocate(BYTES_AT_ONCE + 2 * LARGEST_BLOCK, LARGEST_BLOCK).asByteBuffer(),
                    arena.allocate(BYTES_AT_ONCE, LARGEST_BLOCK).asByteBuffer());
        }
    }

    private DirectCopy(FileChannel channel, int block) {
        this.channel = channel;
        this.block = block;
    }

    /**
     * Opens a file for this kind of writing.
     *
     * @param path a file that exists
     * @return null where the file system does not know it
     */
    static DirectCopy open(Path path) {
        try {
            return new DirectCopy(FileChannel.open(path, StandardOpenOption.WRITE, directOption()), blockSize(path));
        } catch (IOException | UnsupportedOperationException | ClassNotFoundException e) {
            return null;
        }
    }

    private static int blockSize(Path path) throws IOException {
        long block = Math.max(PAGE, Files.getFileStore(path).getBlockSize());
        if (LARGEST_BLOCK % block != 0) {
            throw new IOException("blocks of " + block + " bytes");
        }
        return (int) block;
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
     * @param file the other file
     * @param from the place in it, any
     * @param size how many bytes; whole blocks
     * @param position where to; at a block's beginning
     * @param inspector is shown the bytes
     * @throws IOException if the source ends early, or source or disk refuse; some of the bytes may have been written
     */
    void copy(Path file, long from, long size, long position, ByteSink.Inspector inspector) throws IOException {
        openSource(file);
        var next = new AtomicLong();
        BackgroundIo other = BackgroundIo.start(() -> copyPieces(from, size, position, next, second, inspector));
        try {
            copyPieces(from, size, position, next, first, inspector);
        } finally {
            // What failed here ends the other thread too, which must not outlive the buffers.
            next.set(size);
            other.await();
        }
    }

    /** The last source stays open: a file's tensors come one after the other. */
    private void openSource(Path file) throws IOException {
        if (file.equals(sourcePath)) {
            return;
        }
        closeSource();
        try {
            blockSize(file);
            source = FileChannel.open(file, StandardOpenOption.READ, directOption());
        } catch (IOException | UnsupportedOperationException | ClassNotFoundException e) {
            source = FileChannel.open(file, StandardOpenOption.READ);
        }
        sourcePath = file;
    }

    private void closeSource() throws IOException {
        if (source != null) {
            source.close();
        }
    }

    private void copyPieces(long from, long size, long position, AtomicLong next, Buffers buffers, ByteSink.Inspector inspector)
            throws IOException {
        for (long done = next.getAndAdd(BYTES_AT_ONCE); done < size; done = next.getAndAdd(BYTES_AT_ONCE)) {
            int count = (int) Math.min(BYTES_AT_ONCE, size - done);
            ByteBuffer bytes = read(from + done, count, buffers);
            inspector.inspect(bytes, from + done);
            while (bytes.hasRemaining()) {
                channel.write(bytes, position + done + bytes.position());
            }
        }
    }

    /** Reads the whole blocks in which some bytes lie. */
    private ByteBuffer read(long from, int count, Buffers buffers) throws IOException {
        int before = (int) (from % LARGEST_BLOCK);
        ByteBuffer read = buffers.read.clear().limit(Math.ceilDiv(before + count, LARGEST_BLOCK) * LARGEST_BLOCK);
        while (read.position() < before + count) {
            if (source.read(read, from - before + read.position()) <= 0) {
                throw new IOException("the file that is copied ends at byte " + source.size());
            }
        }
        return before == 0 ? read.position(0).limit(count) : buffers.write.clear().put(read.slice(before, count)).flip();
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            closeSource();
            if (buffers.scope().isAlive()) {
                buffers.close();
            }
        }
    }
}
