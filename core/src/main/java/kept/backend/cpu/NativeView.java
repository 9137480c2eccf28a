package kept.backend.cpu;

import java.lang.foreign.MemorySegment;

/**
 * Makes the JIT know that a segment is off-heap memory, which keeps vector loops fast.
 *
 * <p>A segment that comes in as a parameter is of a class the JIT learns from type profiles, and those lie in the JDK's own methods, shared by all
 * callers in the process: once heap segments have passed there (the Vector API's fall-backs use them until a kernel is compiled), every access
 * branches or calls, and vectors that live across it are boxed. In the whole training step that cost AdamW a factor of fourteen. A segment made
 * where it is used has a known class. Making one is a restricted operation; where the module may not use native access, kernels work on the
 * segment as it is and are slower.
 */
final class NativeView {
    /** Whether the module may use native access: {@code --enable-native-access=kept.core}, or ALL-UNNAMED on the class path. */
    static final boolean ENABLED = NativeView.class.getModule().isNativeAccessEnabled();

    private NativeView() {}

    /**
     * The same memory as a segment whose class the JIT knows, to be called in the method that has the loop.
     *
     * @param segment off-heap memory that stays allocated while the view is used
     * @return a view without the lifetime check
     */
    @SuppressWarnings("restricted")
    static MemorySegment of(MemorySegment segment) {
        return ENABLED ? MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize()) : segment;
    }

    /**
     * The same for a run of f32. Made in the loop's method the view costs no object; a slice that is handed to the method does.
     *
     * @param segment off-heap memory that stays allocated while the view is used
     * @param first the first element's number in it
     * @param count how many
     * @return the elements, and nothing else
     */
    @SuppressWarnings("restricted")
    static MemorySegment of(MemorySegment segment, long first, int count) {
        long offset = first * Float.BYTES;
        long bytes = (long) count * Float.BYTES;
        return ENABLED ? MemorySegment.ofAddress(segment.address() + offset).reinterpret(bytes) : segment.asSlice(offset, bytes);
    }
}
