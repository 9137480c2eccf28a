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
 * Copies large parts of other files into a file without the page cache ({@code O_DIRECT}), on both sides: filling the cache with 29 GB that are not
 * read again, and evicting pages for them, takes longer than the disk needs. Two threads alternate: one reads while the other writes.
 *
 * <p>Only whole blocks can be written this way, and not on every file system; the caller copies the rest normally. A source on a file system without
 * direct I/O is read normally.
 */
final class DirectCopy implements Closeable {
    private static final int BYTES_AT_ONCE = 8 << 20;
    private static final int PAGE = 4096;
    private static final int MAX_BLOCK_BYTES = 64 << 10;

    private final FileChannel channel;
    private final int block;
    /** Frees the buffers with the file; garbage-collected buffers would stay allocated across hundreds of files. */
    private final Arena buffers = Arena.ofShared();
    private final Buffers first = new Buffers(buffers);
    private final Buffers second = new Buffers(buffers);
    private Path sourcePath;
    private FileChannel source;

    /** The buffers of one thread: one to read into, with room for the partial blocks at both ends, and one to write from. */
    private record Buffers(ByteBuffer read, ByteBuffer write) {
        Buffers(Arena arena) {
            this(arena.allocate(BYTES_AT_ONCE + 2 * MAX_BLOCK_BYTES, MAX_BLOCK_BYTES).asByteBuffer(),
                    arena.allocate(BYTES_AT_ONCE, MAX_BLOCK_BYTES).asByteBuffer());
        }
    }

    private DirectCopy(FileChannel channel, int block) {
        this.channel = channel;
        this.block = block;
    }

    /**
     * Opens a file for direct writing.
     *
     * @param path a file that exists
     * @return null if the file system does not support it
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
        if (MAX_BLOCK_BYTES % block != 0) {
            throw new IOException("blocks of " + block + " bytes");
        }
        return (int) block;
    }

    /** By reflection: not every JDK has it, and the compiler's warning about it cannot be suppressed. */
    private static OpenOption directOption() throws ClassNotFoundException {
        for (Object option : Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants()) {
            if (option.toString().equals("DIRECT")) {
                return (OpenOption) option;
            }
        }
        throw new ClassNotFoundException("DIRECT");
    }

    /** Rounds a position up to one where a copy can start; {@link #floor} rounds down to one where it can end. */
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
     * @param from start of the bytes in the source; any alignment
     * @param size number of bytes; a multiple of the block size
     * @param position destination; a multiple of the block size
     * @param inspector receives the copied bytes
     * @throws IOException if the source ends early, or reading or writing fails; some of the bytes may have been written
     */
    void copy(Path file, long from, long size, long position, ByteSink.Inspector inspector) throws IOException {
        openSource(file);
        var next = new AtomicLong();
        BackgroundIo other = BackgroundIo.start(() -> copyPieces(from, size, position, next, second, inspector));
        try {
            copyPieces(from, size, position, next, first, inspector);
        } finally {
            // A failure also stops the other thread, which must not outlive the buffers.
            next.set(size);
            other.await();
        }
    }

    /** The source stays open because consecutive copies usually have the same source. */
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

    /** Reads the blocks that contain the requested bytes. */
    private ByteBuffer read(long from, int count, Buffers buffers) throws IOException {
        int before = (int) (from % MAX_BLOCK_BYTES);
        ByteBuffer read = buffers.read.clear().limit(Math.ceilDiv(before + count, MAX_BLOCK_BYTES) * MAX_BLOCK_BYTES);
        while (read.position() < before + count) {
            if (source.read(read, from - before + read.position()) <= 0) {
                throw new IOException("the source file ends at byte " + source.size());
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
