package kept.cuda.library;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Texts that native libraries hand out by address. {@link MemorySegment#getString(long)} reads eight bytes at a time from wherever a text begins, and
 * so up to seven behind its end: where a text ends with a page of memory and nothing lies behind that page, the process ends there.
 */
public final class NativeText {
    private static final int LONGEST = 1 << 16;

    private NativeText() {}

    /**
     * Reads a text, and no byte behind it.
     *
     * @param text the address of a text that ends with a zero, or null's
     * @return the text; null for the address 0
     */
    @SuppressWarnings("restricted")
    public static String at(MemorySegment text) {
        if (text.address() == 0) {
            return null;
        }
        MemorySegment bytes = text.reinterpret(LONGEST);
        int length = 0;
        while (length < LONGEST && bytes.get(ValueLayout.JAVA_BYTE, length) != 0) {
            length++;
        }
        return new String(bytes.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
}
