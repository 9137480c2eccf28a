package kept.io;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** The destination of a writer's bytes: a new file, a device or a pipe. */
public interface ByteSink extends Closeable {
    /** Opens the sink of a path. */
    @FunctionalInterface
    interface Opener {
        /**
         * Opens the sink.
         *
         * @param path the path
         * @return the open sink
         * @throws IOException if it cannot be opened
         */
        ByteSink open(Path path) throws IOException;
    }

    /**
     * Writes the remaining bytes of a buffer at a position.
     *
     * @param bytes the buffer
     * @param position bytes from the start of the file
     * @throws IOException if writing fails
     */
    void write(ByteBuffer bytes, long position) throws IOException;

    /** Inspects bytes while they are copied, in pieces and from any thread. Must not change or keep the buffer. */
    @FunctionalInterface
    interface Inspector {
        /**
         * Inspects a piece.
         *
         * @param bytes the bytes
         * @param place its offset in the source file
         */
        void inspect(ByteBuffer bytes, long place);
    }

    /**
     * Copies bytes from a file to a position.
     *
     * @param source the file
     * @param from offset of the bytes in the source file
     * @param size how many
     * @param position bytes from the start of this file
     * @throws IOException if reading or writing fails
     */
    default void copy(Path source, long from, long size, long position) throws IOException {
        copy(source, from, size, position, (_, _) -> { });
    }

    /**
     * Copies bytes from a file to a position and passes them to an inspector.
     *
     * @param source the file
     * @param from offset of the bytes in the source file
     * @param size how many
     * @param position bytes from the start of this file
     * @param inspector looks at them
     * @throws IOException if reading or writing fails
     */
    void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException;

    /**
     * Syncs everything written to disk.
     *
     * @throws IOException if syncing fails
     */
    void force() throws IOException;

    /**
     * Creates a new file.
     *
     * @param path its path
     * @return the open file
     * @throws IOException if it cannot be created
     */
    static ByteSink newFile(Path path) throws IOException {
        return new FlushedFile(path);
    }

    /**
     * Opens a device or pipe for sequential writing.
     *
     * @param path its path
     * @return the open device
     * @throws IOException if it cannot be opened
     */
    static ByteSink sequential(Path path) throws IOException {
        return new SequentialSink(path);
    }
}
