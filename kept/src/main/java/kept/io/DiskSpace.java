package kept.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether a disk has room for what is going to be written: better asked before than found out after an hour. */
public final class DiskSpace {
    private DiskSpace() { }

    /**
     * Refuses to begin what cannot be finished.
     *
     * @param directory where the files will be written; it exists
     * @param output what is named in the error
     * @param needed bytes
     * @throws CheckpointException if fewer bytes are free there, telling both numbers
     */
    public static void require(Path directory, Path output, long needed) {
        require(directory, output, needed, "");
    }

    /**
     * Refuses to begin what cannot be finished.
     *
     * @param directory where the files will be written; it exists
     * @param output what is named in the error
     * @param needed bytes
     * @param parts what they are needed for, for the error; may be empty
     * @throws CheckpointException if fewer bytes are free there, telling both numbers
     */
    public static void require(Path directory, Path output, long needed, String parts) {
        try {
            require(output, needed, Files.getFileStore(directory).getUsableSpace(), parts);
        } catch (IOException e) {
            throw new CheckpointException("output", directory, "the free space cannot be told: " + AtomicFiles.reason(e), e);
        }
    }

    static void require(Path output, long needed, long available, String parts) {
        // A disk that says nothing of its size says 0, as those of some networks do; a full one would refuse the directory itself.
        if (available < needed && available > 0) {
            throw new CheckpointException("output", output, ("needs %,d bytes%s, but only %,d are free there; make room for %,d more, or choose an "
                + "output on another disk").formatted(needed, parts.isEmpty() ? "" : " (%s)".formatted(parts), available, needed - available));
        }
    }
}
