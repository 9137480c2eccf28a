package kept.io;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Where a writer's bytes go: a new file, a device or a pipe. */
public interface ByteSink extends Closeable {
    /** Opens the sink of a path. */
    @FunctionalInterface
    interface Opener {
        /**
         * Opens it.
         *
         * @param path the path
         * @return the open sink
         * @throws IOException if it cannot be opened
         */
        ByteSink open(Path path) throws IOException;
    }

    /**
     * Writes all remaining bytes of a buffer at a position.
     *
     * @param bytes the buffer
     * @param position bytes from the start of the file
     * @throws IOException if the disk refuses them
     */
    void write(ByteBuffer bytes, long position) throws IOException;

    /** Looks at bytes that are copied, in pieces, from any thread; a buffer is not to be changed or kept. */
    @FunctionalInterface
    interface Inspector {
        /**
         * Looks at some bytes.
         *
         * @param bytes the bytes
         * @param place where they are in what is copied
         */
        void inspect(ByteBuffer bytes, long place);
    }

    /**
     * Copies bytes of a file to a position.
     *
     * @param source the file
     * @param from where in it the bytes begin
     * @param size how many
     * @param position bytes from the start of this file
     * @throws IOException if they cannot be read, or the disk refuses them
     */
    default void copy(Path source, long from, long size, long position) throws IOException {
        copy(source, from, size, position, (_, _) -> { });
    }

    /**
     * Copies bytes of a file to a position and shows them to an inspector.
     *
     * @param source the file
     * @param from where in it the bytes begin
     * @param size how many
     * @param position bytes from the start of this file
     * @param inspector looks at them
     * @throws IOException if they cannot be read, or the disk refuses them
     */
    void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException;

    /**
     * Forces everything written to disk.
     *
     * @throws IOException if the disk refuses it
     */
    void force() throws IOException;

    /**
     * A file that did not exist before.
     *
     * @param path its path
     * @return the open file
     * @throws IOException if it cannot be made
     */
    static ByteSink newFile(Path path) throws IOException {
        return new FlushedFile(path);
    }

    /**
     * A device or a pipe, which is written to from its beginning to its end and not replaced.
     *
     * @param path its path
     * @return the open device
     * @throws IOException if it cannot be opened
     */
    static ByteSink through(Path path) throws IOException {
        return new ThroughFile(path);
    }
}
