package kept.backend.cpu;

import java.lang.foreign.MemorySegment;

/** A loop over runs of contiguous f32; the result may overwrite an operand. */
@FunctionalInterface
interface ElementwiseLoop {
    /**
     * Computes a run of results.
     *
     * @param a one operand's memory
     * @param aAt its first byte
     * @param b the other's memory, if there are two
     * @param bAt its first byte
     * @param out receives the results
     * @param outAt the first one's byte
     * @param count the number of elements
     */
    void run(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, int count);
}
