package kept.distributed;

import java.lang.foreign.MemorySegment;

/**
 * Sums over all ranks that an engine computes itself, in an order that it chooses; for the authors of engines. Terms and sums are in memory of the
 * engine, which stays while a failed sum may still be under way. All ranks make the same calls in the same order.
 */
public interface EngineSums {
    /** Types of elements that engines may add. */
    enum Type {
        /** Of 32 bits. */
        F32(Float.BYTES),
        /** Of 64 bits. */
        F64(Double.BYTES),
        /** The upper half of F32. */
        BF16(Short.BYTES);

        private final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }

        /**
         * The size of an element.
         *
         * @return bytes
         */
        public int bytes() {
            return bytes;
        }
    }

    /**
     * Whether the engine adds elements of a type.
     *
     * @param type the type
     * @return true if so
     */
    boolean has(Type type);

    /**
     * The memory of the next sum: first this rank's terms, then the sum.
     *
     * @param bytes the size of the terms
     * @return that many bytes, of arbitrary contents, until the next call
     */
    MemorySegment terms(long bytes);

    /**
     * Adds the terms of all ranks; each rank then has the sum in their place, with the same bits.
     *
     * @param type the type of the terms
     * @param count the number of elements, 1 or more
     * @throws RankException if another rank has failed, does not answer or does not add the same
     */
    void allReduce(Type type, int count);

    /**
     * Adds the terms of all ranks; each rank then has its part of the sum, where its terms begin.
     *
     * @param type the type of the terms
     * @param counts the number of elements of each rank's part; the parts of the terms follow one another
     * @throws RankException if another rank has failed, does not answer or does not add the same
     */
    void reduceScatter(Type type, int... counts);
}
