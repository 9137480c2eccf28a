package kept.backend.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;
import kept.linalg.DoubleMatrix;

/**
 * The inner tile of matrix products in double precision: {@code C += sign A B} for a tile of C that stays in registers while k runs, as {@link
 * TileProduct} for f32. Both operands are packed in panels {@code [k][WIDTH]}, so that one copy of a matrix can be either of them.
 *
 * <p>Each element is one chain of fused multiply-adds in ascending k, added to C at the end; so its bits depend neither on its position in a tile nor
 * on the width of vectors.
 */
final class DoubleTile {
    static final VectorSpecies<Double> SPECIES = DoubleVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();
    /** Rows of a tile. */
    static final int ROWS = TileProduct.ROWS;
    /** Columns of a tile. */
    static final int COLUMNS = 2 * LANES;
    /** Columns of a panel: whole tiles of either operand. */
    static final int WIDTH = Math.max(ROWS, COLUMNS);

    private DoubleTile() {}

    /**
     * The position of a column in consecutive panels: that of its first row; the other rows follow at distances of {@link #WIDTH} elements.
     *
     * @param column which column
     * @param depth the number of rows of the panels
     * @return elements from the beginning of the first panel
     */
    static int start(int column, int depth) {
        return column / WIDTH * WIDTH * depth + column % WIDTH;
    }

    /**
     * C[0..ROWS, 0..COLUMNS] += sign A B. The method is longer than a screen, because an accumulator that escapes into a call is boxed.
     *
     * @param depth the extent of k
     * @param a panels of A, k by k
     * @param aStart the index of its first element
     * @param b panels of B, k by k
     * @param bStart the index of its first element
     * @param sign a factor of the product
     * @param matrix C, which receives the tile
     * @param cStart the index of the tile's first element in its array
     */
    static void add(int depth, double[] a, int aStart, double[] b, int bStart, double sign, DoubleMatrix matrix, int cStart) {
        double[] c = matrix.array();
        int cStride = matrix.stride();
        DoubleVector c00 = DoubleVector.zero(SPECIES);
        DoubleVector c01 = c00;
        DoubleVector c10 = c00;
        DoubleVector c11 = c00;
        DoubleVector c20 = c00;
        DoubleVector c21 = c00;
        DoubleVector c30 = c00;
        DoubleVector c31 = c00;
        DoubleVector c40 = c00;
        DoubleVector c41 = c00;
        DoubleVector c50 = c00;
        DoubleVector c51 = c00;
        DoubleVector c60 = c00;
        DoubleVector c61 = c00;
        DoubleVector c70 = c00;
        DoubleVector c71 = c00;
        for (int k = 0; k < depth; k++) {
            int x = aStart + k * WIDTH;
            int y = bStart + k * WIDTH;
            DoubleVector b0 = DoubleVector.fromArray(SPECIES, b, y);
            DoubleVector b1 = DoubleVector.fromArray(SPECIES, b, y + LANES);
            DoubleVector a0 = DoubleVector.broadcast(SPECIES, a[x]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            DoubleVector a1 = DoubleVector.broadcast(SPECIES, a[x + 1]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            DoubleVector a2 = DoubleVector.broadcast(SPECIES, a[x + 2]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            DoubleVector a3 = DoubleVector.broadcast(SPECIES, a[x + 3]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            if (ROWS == 8) {
                DoubleVector a4 = DoubleVector.broadcast(SPECIES, a[x + 4]);
                c40 = a4.fma(b0, c40);
                c41 = a4.fma(b1, c41);
                DoubleVector a5 = DoubleVector.broadcast(SPECIES, a[x + 5]);
                c50 = a5.fma(b0, c50);
                c51 = a5.fma(b1, c51);
                DoubleVector a6 = DoubleVector.broadcast(SPECIES, a[x + 6]);
                c60 = a6.fma(b0, c60);
                c61 = a6.fma(b1, c61);
                DoubleVector a7 = DoubleVector.broadcast(SPECIES, a[x + 7]);
                c70 = a7.fma(b0, c70);
                c71 = a7.fma(b1, c71);
            }
        }
        DoubleVector s = DoubleVector.broadcast(SPECIES, sign);
        s.fma(c00, DoubleVector.fromArray(SPECIES, c, cStart)).intoArray(c, cStart);
        s.fma(c01, DoubleVector.fromArray(SPECIES, c, cStart + LANES)).intoArray(c, cStart + LANES);
        int row = cStart + cStride;
        s.fma(c10, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
        s.fma(c11, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
        row += cStride;
        s.fma(c20, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
        s.fma(c21, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
        row += cStride;
        s.fma(c30, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
        s.fma(c31, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
        if (ROWS == 8) {
            row += cStride;
            s.fma(c40, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
            s.fma(c41, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
            row += cStride;
            s.fma(c50, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
            s.fma(c51, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
            row += cStride;
            s.fma(c60, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
            s.fma(c61, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
            row += cStride;
            s.fma(c70, DoubleVector.fromArray(SPECIES, c, row)).intoArray(c, row);
            s.fma(c71, DoubleVector.fromArray(SPECIES, c, row + LANES)).intoArray(c, row + LANES);
        }
    }
}
