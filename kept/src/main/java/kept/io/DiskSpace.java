package kept.io;

import java.nio.file.Path;

/** Checks that a disk has enough free space before a long operation starts. */
public final class DiskSpace {
    private DiskSpace() { }

    /**
     * Throws if there is not enough space.
     *
     * @param directory where the files will be written; must exist
     * @param output the path named in the error
     * @param needed bytes
     * @throws FileException if fewer bytes are free; the message states both numbers
     */
    public static void require(Path directory, Path output, long needed) {
        require(directory, output, needed, "");
    }

    /**
     * Throws if there is not enough space.
     *
     * @param directory where the files will be written; must exist
     * @param output the path named in the error
     * @param needed bytes
     * @param parts what the bytes are for, for the error; may be empty
     * @throws FileException if fewer bytes are free; the message states both numbers
     */
    public static void require(Path directory, Path output, long needed, String parts) {
        require(output, needed, free(directory), parts);
    }

    /**
     * Returns the free space of the disk of a directory. It is asked of the file itself: {@link java.nio.file.Files#getFileStore} fails where the
     * table of mounts does not list the directory's disk, as in a changed root directory.
     *
     * @param directory a directory
     * @return bytes; 0 if unknown
     */
    static long free(Path directory) {
        return directory.toFile().getUsableSpace();
    }

    static void require(Path output, long needed, long available, String parts) {
        // Some network file systems do not report their size and return 0; on a disk that is really full, creating the directory would have failed.
        if (available < needed && available > 0) {
            throw new FileException("output", output, ("needs %,d bytes%s, but only %,d are free there; make room for %,d more, or choose an "
                + "output on another disk").formatted(needed, parts.isEmpty() ? "" : " (%s)".formatted(parts), available, needed - available));
        }
    }
}
