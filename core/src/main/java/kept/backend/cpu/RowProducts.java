package kept.backend.cpu;

import kept.tensor.DType;

/**
 * Dot products of one vector with the rows of a matrix, y = W x. Rows are read in place, and so many at a time as accumulators fit into registers,
 * each from its own part of W: the processor's prefetcher then follows several streams, and starts anew in one page while others arrive. Four rows
 * side by side in memory would be one stream. A row in bf16 is read as pairs of numbers in the bits of one f32: the upper half, and the lower half
 * shifted, are numbers in f32, without moves between lanes.
 *
 * <pre>
 *   a step of a row in f32:   | w0 ... w15 | w16 ... w31 | w32 ... w47 | w48 ... w63 |      chains 0 to 3
 *   in bf16:                  | w1 w0 ... w31 w30 | w33 w32 ... w63 w62 |                   lower halves: chains 0 and 2, upper ones: 1 and 3
 * </pre>
 *
 * <p>Each row has four accumulators, vectors of fused multiply-adds in ascending k. Their sum is reduced as by {@link VectorMath#sum}, and the
 * elements after the last whole step are added one by one. So its bits depend on k, the values and the type of W alone.
 */
interface RowProducts {
    /** The number of elements of a row in a step. */
    int STEP = 4 * VectorMath.LANES;

    /** For W in f32. */
    RowProducts F32 = Specialized.instance(RowProductsLoop.class, RowProducts.class, DType.F32);
    /** For W in bf16. */
    RowProducts BF16 = Specialized.instance(RowProductsLoop.class, RowProducts.class, DType.BF16);

    /**
     * The loops for a type of W.
     *
     * @param type f32, bf16 or f16; rows of f16 are widened to f32 first
     * @return the loops
     */
    static RowProducts of(DType type) {
        return type == DType.BF16 ? BF16 : F32;
    }

    /**
     * Arranges the elements of x in the order in which the accumulators read them; elements after the last whole step keep their positions.
     *
     * @param x the array that contains x
     * @param start the index of its first element
     * @param k the number of elements
     */
    void arrange(float[] x, int start, int k);

    /**
     * y = W x.
     *
     * @param n rows of W
     * @param k elements of a row
     * @param w W, with unit column stride
     * @param x the array that contains x, arranged
     * @param xStart the index of its first element
     * @param y receives the products
     * @param yStart the index of the first product
     */
    void multiply(int n, int k, Matrix w, float[] x, int xStart, float[] y, int yStart);
}
