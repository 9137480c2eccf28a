package kept.distributed;

import java.lang.foreign.MemorySegment;
import kept.tensor.DType;

/**
 * Sums over all ranks that an engine computes itself, in an order that it chooses; for the authors of engines. Terms and sums are in memory of the
 * engine, which stays while a failed sum may still be under way. All ranks make the same calls in the same order.
 */
public interface EngineSums {
    /**
     * Whether the engine adds elements of a type.
     *
     * @param dtype the type
     * @return true if so
     */
    boolean has(DType dtype);

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
     * @param dtype the type of the terms
     * @param count the number of elements, 1 or more
     * @throws RankException if another rank has failed, does not answer or does not add the same
     */
    void allReduce(DType dtype, int count);

    /**
     * Adds the terms of all ranks; each rank then has its part of the sum, where its terms begin.
     *
     * @param dtype the type of the terms
     * @param counts the number of elements of each rank's part; the parts of the terms follow one another
     * @throws RankException if another rank has failed, does not answer or does not add the same
     */
    void reduceScatter(DType dtype, int... counts);
}
