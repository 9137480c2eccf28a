package kept.backend.cpu;

/**
 * The innermost part of attention's products on arrays: C = A B or C += A B for a tile of C, {@link #ROWS} x {@link #COLUMNS}.
 *
 * <p>Attention multiplies what it has just computed, so its operands come in several layouts, a {@link Form} for each, and its results stay in
 * arrays. {@link MicroKernel} has one layout and a result in native memory. Each element of C is one chain of fused multiply-adds in ascending k.
 */
interface TileProduct {
    /** Rows of a tile: 16 accumulators need the 32 vector registers of AVX-512, NEON and SVE; with 16 registers there is room for 8. */
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
