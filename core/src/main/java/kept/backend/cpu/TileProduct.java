package kept.backend.cpu;

/**
 * The inner tile of matrix products: C = A B or C += A B for a tile of C that stays in registers while k runs.
 *
 * <pre>
 *            b: COLUMNS = 2 vectors                 for each k
 *            [ b0      | b1      ]                      b0, b1    = b[k, :]
 *   a: [a0]  [ c00     | c01     ]                      c_r0, c_r1 += a[r, k] * b0, b1
 *      [a1]  [ c10     | c11     ]
 *       ...    ...                                  then C = or += tile
 * </pre>
 *
 * <p>Operands are arrays: with a {@link java.lang.foreign.MemorySegment} among them the JIT boxed every accumulator once the process had used
 * segments of other kinds, which made the training step seven times slower. Each layout of the operands is a {@link Form}.
 *
 * <p>Each element of C is one chain of fused multiply-adds in ascending k, so its bits depend neither on its position in a tile nor on the width of
 * vectors.
 */
interface TileProduct {
    /**
     * Rows of a tile: 16 accumulators need the 32 vector registers of AVX-512, NEON and SVE; with 16 registers there is room for 8. With more
     * rows the JIT, which loads all of a before it multiplies, would keep accumulators in memory.
     */
    int ROWS = VectorMath.LANES >= 16 || "aarch64".equals(System.getProperty("os.arch")) ? 8 : 4;
    /** Columns of a tile. */
    int COLUMNS = 2 * VectorMath.LANES;

    /**
     * The layout of the operands of a product.
     *
     * @param aRow the distance between rows of A in elements
     * @param aDepth the distance between columns of A in elements
     * @param bDepth the distance between rows of B in elements; its columns are contiguous
     * @param accumulate whether to add to C
     */
    record Form(int aRow, int aDepth, int bDepth, boolean accumulate) { }

    /**
     * The loop for a layout.
     *
     * @param form the layout
     * @return the loop, to be kept in a static final field
     */
    static TileProduct of(Form form) {
        return Specialized.instance(TileProductLoop.class, TileProduct.class, form);
    }

    /**
     * C[0..ROWS, 0..COLUMNS] = or += A B.
     *
     * @param depth the extent of k
     * @param a the array that contains A
     * @param aStart the index of its first element
     * @param b the array that contains B
     * @param bStart the index of its first element
     * @param c receives the tile
     * @param cStart the index of the tile's first element
     * @param cStride the distance between rows of C in elements
     */
    void multiply(int depth, float[] a, int aStart, float[] b, int bStart, float[] c, int cStart, int cStride);
}
