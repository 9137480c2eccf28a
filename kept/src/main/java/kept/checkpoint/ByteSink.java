package kept.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Where a writer's bytes go: a new file, or in tests one whose disk is full. */
interface ByteSink extends Closeable {

    /** Opens the sink of a path. */
    @FunctionalInterface
    interface Opener {
        ByteSink open(Path path) throws IOException;
    }

    /** Writes all remaining bytes of a buffer at a position. */
    void write(ByteBuffer bytes, long position) throws IOException;

    /** Looks at bytes that are copied, in pieces, from any thread; a buffer is not to be changed or kept. */
    @FunctionalInterface
    interface Inspector {
        /** Bytes that are at a place in the file they are copied from. */
        void inspect(ByteBuffer bytes, long place);
    }

    /** Copies bytes of a file to a position. */
    default void copy(Path source, long from, long size, long position) throws IOException {
        copy(source, from, size, position, (_, _) -> { });
    }

    /** Copies bytes of a file to a position and shows them to an inspector. */
    void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException;

    /** Forces everything written to disk. */
    void force() throws IOException;

    /** A file that did not exist before. */
    static ByteSink newFile(Path path) throws IOException {
        return new FlushedFile(path);
    }

    /** A device or a pipe, which is written to from its beginning to its end and not replaced. */
    static ByteSink through(Path path) throws IOException {
        return new ThroughFile(path);
    }
}
