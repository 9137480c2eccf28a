package kept.backend.cpu;

/**
 * The innermost part of matrix products: C = A B or C += A B for a tile of C, held in registers while k runs.
 *
 * <pre>
 *            b: COLUMNS = 2 vectors                 for each k
 *            [ b0      | b1      ]                      b0, b1    = b[k, :]
 *   a: [a0]  [ c00     | c01     ]                      c_r0, c_r1 += a[r, k] * b0, b1
 *      [a1]  [ c10     | c11     ]
 *       ...    ...                                  then C = or += tile
 * </pre>
 *
 * <p>It works on arrays alone: with a {@link java.lang.foreign.MemorySegment} among the operands the JIT boxed every accumulator once the process had
 * met segments of other kinds, which made the training step seven times slower. Operands come in several layouts, a {@link Form} for each.
 *
 * <p>Each element of C is one chain of fused multiply-adds in ascending k, so its bits do not depend on where in a tile it lies, nor on the
 * width of vectors.
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
     * How the operands of a product lie.
     *
     * @param aRow elements from a row of A to the next
     * @param aDepth elements from a column of A to the next
     * @param bDepth elements from a row of B to the next; its columns are neighbours
     * @param accumulate whether to add to C
     */
    record Form(int aRow, int aDepth, int bDepth, boolean accumulate) { }

    /**
     * The product of a form.
     *
     * @param form the layout
     * @return code for it, to be kept in a static final field
     */
    static TileProduct of(Form form) {
        return Specialized.instance(TileProductLoop.class, TileProduct.class, form);
    }

    /**
     * C[0..ROWS, 0..COLUMNS] = or += A B.
     *
     * @param depth how many k
     * @param a holds A
     * @param aStart where its first element lies
     * @param b holds B
     * @param bStart where its first element lies
     * @param c receives the tile
     * @param cStart where its first element goes
     * @param cStride elements from a row of C to the next
     */
    void multiply(int depth, float[] a, int aStart, float[] b, int bStart, float[] c, int cStart, int cStride);
}
