package kept.backend.cpu;

import java.lang.foreign.MemorySegment;

/**
 * Makes the JIT know that a segment is off-heap memory, which keeps vector loops fast.
 *
 * <p>The JIT learns the class of a segment parameter from type profiles of the JDK's own methods, which all callers in the process share. Once heap
 * segments have passed there (the Vector API's fall-backs use them until a kernel is compiled), every access branches or calls, and vectors that live
 * across it are boxed: within a training step AdamW took fourteen times as long. A segment created in the method that uses it has a known class.
 * Creating one is a restricted operation; without native access kernels use the segment itself and are slower.
 */
final class NativeView {
    /** Whether the module may use native access: {@code --enable-native-access=kept.core}, or ALL-UNNAMED on the class path. */
    static final boolean ENABLED = NativeView.class.getModule().isNativeAccessEnabled();

    private NativeView() {}

    /**
     * The same memory as a segment whose class the JIT knows; called by the method with the loop.
     *
     * @param segment off-heap memory that stays allocated while the view is used
     * @return a view without the lifetime check
     */
    @SuppressWarnings("restricted")
    static MemorySegment of(MemorySegment segment) {
        return ENABLED ? MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize()) : segment;
    }

    /**
     * A view of a run of f32; called by the method with the loop. There the view costs no object, unlike a slice that is passed as an argument.
     *
     * @param segment off-heap memory that stays allocated while the view is used
     * @param first the index of the first element in it
     * @param count the number of elements
     * @return exactly these elements
     */
    @SuppressWarnings("restricted")
    static MemorySegment of(MemorySegment segment, long first, int count) {
        long offset = first * Float.BYTES;
        long bytes = (long) count * Float.BYTES;
        return ENABLED ? MemorySegment.ofAddress(segment.address() + offset).reinterpret(bytes) : segment.asSlice(offset, bytes);
    }
}
