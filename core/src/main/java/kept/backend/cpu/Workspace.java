package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A thread's working memory for blocks, which grows to what its largest task needed and is used again by the next. Contents are arbitrary. */
final class Workspace {
    private static final int SLOTS = 12;
    private static final ThreadLocal<Workspace> OF_THREAD = ThreadLocal.withInitial(Workspace::new);

    private final float[][] arrays = new float[SLOTS][0];
    private final MemorySegment[] segments = new MemorySegment[SLOTS];

    private Workspace() { }

    /**
     * The calling thread's.
     *
     * @return the workspace
     */
    static Workspace ofThread() {
        return OF_THREAD.get();
    }

    /**
     * Memory that packed panels are read from.
     *
     * @param slot which one, from 0 to 11
     * @param floats how much
     * @return an array at least so long
     */
    float[] array(int slot, int floats) {
        if (arrays[slot].length < floats) {
            // The keys of a long text grow piece by piece, or token by token: not each time by an array of its own.
            arrays[slot] = new float[Math.max(floats, arrays[slot].length + arrays[slot].length / 4)];
        }
        return arrays[slot];
    }

    /**
     * Memory that tiles are written to.
     *
     * @param slot which one, from 0 to 11
     * @param floats how much
     * @return a native segment at least so long
     */
    MemorySegment segment(int slot, int floats) {
        long bytes = (long) floats * Float.BYTES;
        if (segments[slot] == null || segments[slot].byteSize() < bytes) {
            segments[slot] = Arena.ofAuto().allocate(bytes, 64);
        }
        return segments[slot];
    }
}
