package kept.cuda;

import kept.cuda.driver.Grid;

/** The grid of kernels that give a block to each row. */
final class RowBlocks {
    private static final int MOST_THREADS = 512;
    private static final int WARP = 32;
    /** What a thread loads at once. */
    private static final int VECTOR = 4;

    private RowBlocks() {}

    /**
     * One block for each row.
     *
     * @param rows how many
     * @param width elements of a row, by which alone a block has its threads: sums depend on them
     * @return the grid
     */
    static Grid grid(long rows, long width) {
        long threads = Math.ceilDiv(Math.ceilDiv(width, VECTOR), WARP) * WARP;
        return Grid.of(rows, Math.clamp(threads, WARP, MOST_THREADS));
    }
}
