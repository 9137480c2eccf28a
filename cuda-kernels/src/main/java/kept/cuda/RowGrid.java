package kept.cuda;

import kept.cuda.driver.Grid;

/** The grid of kernels with one block per row. */
final class RowGrid {
    private static final int MAX_THREADS = 512;
    private static final int WARP = 32;
    /** Elements per vector load of a thread. */
    private static final int VECTOR = 4;

    private RowGrid() {}

    /**
     * Returns the grid. The number of threads per block depends on the width alone, because the summation order depends on it.
     *
     * @param rows number of rows
     * @param width elements per row
     * @return grid with one block per row
     */
    static Grid of(long rows, long width) {
        long threads = Math.ceilDiv(Math.ceilDiv(width, VECTOR), WARP) * WARP;
        return Grid.of(rows, Math.clamp(threads, WARP, MAX_THREADS));
    }
}
