package kept.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;

/** Git LFS's pointer: the few lines that stand in place of a large file where a repository was cloned without its content. */
public final class LfsPointer {
    /** Bytes of the largest pointer, by the format's definition. */
    public static final int LARGEST = 1024;
    /** What to say of one, to follow the file's name. */
    public static final String PROBLEM = "is a pointer of Git LFS, not the file itself: run 'git lfs pull' in its directory";
    private static final byte[] BEGINNING = "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);

    private LfsPointer() { }

    /**
     * Whether some bytes begin as a pointer does.
     *
     * @param bytes the beginning of a file
     * @param length how many of them there are
     * @return true if so
     */
    public static boolean isBegun(byte[] bytes, int length) {
        return length >= BEGINNING.length && Arrays.equals(bytes, 0, BEGINNING.length, BEGINNING, 0, BEGINNING.length);
    }

    /**
     * What is wrong with a file of text, if it is a pointer. A longer text may well begin with these words.
     *
     * @param bytes the whole file, or more than {@link #LARGEST} bytes of it
     * @param length how many of them there are
     * @return {@link #PROBLEM}; empty if it is none
     */
    public static Optional<String> problem(byte[] bytes, int length) {
        return length <= LARGEST && isBegun(bytes, length) ? Optional.of(PROBLEM) : Optional.empty();
    }
}
