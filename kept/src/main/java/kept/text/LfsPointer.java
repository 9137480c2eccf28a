package kept.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/** Git LFS pointers: the short text files that take the place of large files in a repository cloned without LFS. */
public final class LfsPointer {
    /** Maximum size of a pointer in bytes, as defined by the format. */
    public static final int MAX_BYTES = 1024;
    /** The problem and its solution, to follow the file's name. */
    public static final String PROBLEM = "is a pointer of Git LFS, not the file itself: run 'git lfs pull' in its directory";
    private static final byte[] BEGINNING = "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);

    private LfsPointer() { }

    /**
     * Whether bytes start like a pointer.
     *
     * @param bytes the start of a file
     * @param length the number of bytes
     * @return true if so
     */
    public static boolean isBegun(byte[] bytes, int length) {
        return length >= BEGINNING.length && Arrays.equals(bytes, 0, BEGINNING.length, BEGINNING, 0, BEGINNING.length);
    }

    /**
     * Checks whether a text file is a pointer. A longer text may start with the same words and is not a pointer.
     *
     * @param bytes the whole file, or more than {@link #MAX_BYTES} bytes of it
     * @param length the number of bytes
     * @return {@link #PROBLEM}; empty if it is not a pointer
     */
    public static Optional<String> problem(byte[] bytes, int length) {
        return length <= MAX_BYTES && isBegun(bytes, length) ? Optional.of(PROBLEM) : Optional.empty();
    }
}
