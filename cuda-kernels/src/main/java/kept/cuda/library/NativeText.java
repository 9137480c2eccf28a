package kept.cuda.library;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Reads C strings that native libraries return by address. {@link MemorySegment#getString(long)} reads eight bytes at a time, up to seven bytes
 * beyond the end of the string, and crashes the process where the string ends with its memory page and the next page is not mapped.
 */
public final class NativeText {
    private static final int MAX_LENGTH = 1 << 16;

    private NativeText() {}

    /**
     * Reads a C string without reading beyond its terminator.
     *
     * @param text address of a zero-terminated UTF-8 string, or NULL
     * @return string; null for NULL
     */
    @SuppressWarnings("restricted")
    public static String at(MemorySegment text) {
        if (text.address() == 0) {
            return null;
        }
        MemorySegment bytes = text.reinterpret(MAX_LENGTH);
        int length = 0;
        while (length < MAX_LENGTH && bytes.get(ValueLayout.JAVA_BYTE, length) != 0) {
            length++;
        }
        return new String(bytes.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
}
