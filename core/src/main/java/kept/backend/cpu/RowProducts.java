package kept.backend.cpu;

import kept.tensor.DType;

/**
 * Dot products of one vector with the rows of a matrix, y = W x. Rows are read where they lie, one after another, short ones in pairs: in one
 * stream memory is read at up to twice the rate of four. Rows in bf16 are read as pairs of numbers, two in the bits of one in f32: the upper half
 * as it is and the lower one shifted are numbers in f32, without moves from lane to lane.
 *
 * <pre>
 *   a step of a row in f32:   | w0 ... w15 | w16 ... w31 | w32 ... w47 | w48 ... w63 |      chains 0 to 3
 *   in bf16:                  | w1 w0 ... w31 w30 | w33 w32 ... w63 w62 |                   lower halves: chains 0 and 2, upper ones: 1 and 3
 * </pre>
 *
 * <p>Each row has four chains of vectors of fused multiply-adds in ascending k; their sum is summed as {@link VectorMath#sum} does, and what is left
 * of k behind the last whole step is added element by element. So its bits depend on k, the values and the type of W alone.
 */
interface RowProducts {
    /** Numbers of a row that a step takes. */
    int STEP = 4 * VectorMath.LANES;

    /** For W in f32. */
    RowProducts F32 = Specialized.instance(RowProductsLoop.class, RowProducts.class, DType.F32);
    /** For W in bf16. */
    RowProducts BF16 = Specialized.instance(RowProductsLoop.class, RowProducts.class, DType.BF16);

    /**
     * The products for a type of W.
     *
     * @param type f32, bf16 or f16; rows of f16 are widened to f32 first
     * @return code for it
     */
    static RowProducts of(DType type) {
        return type == DType.BF16 ? BF16 : F32;
    }

    /**
     * Puts the elements of x into the order that the chains take them in; what is left behind the last whole step keeps its place.
     *
     * @param x holds x
     * @param start where its first element lies
     * @param k how many elements
     */
    void arrange(float[] x, int start, int k);

    /**
     * y = W x.
     *
     * @param n rows of W
     * @param k elements of a row
     * @param w W, with unit column stride
     * @param x holds x, arranged
     * @param xStart where its first element lies
     * @param y receives the products
     * @param yStart where the first goes
     */
    void multiply(int n, int k, Matrix w, float[] x, int xStart, float[] y, int yStart);
}
