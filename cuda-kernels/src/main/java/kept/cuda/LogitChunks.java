package kept.cuda;

/**
 * The number of rows of logits that a loss computes at a time. cuBLAS divides a product into tiles, one for each multiprocessor at a time, and a
 * round that does not fill the device takes as long as one that does. Of the multiples of a tile's rows the one with the least time is taken.
 */
final class LogitChunks {
    /** Rows and columns of cuBLAS's largest tile. */
    private static final long TILE_ROWS = 128;
    private static final long TILE_COLUMNS = 256;
    private static final long MIN = 64;
    private static final long MAX = 2048;

    private LogitChunks() {}

    /**
     * Chooses the number of rows.
     *
     * @param rows all rows
     * @param vocabulary logits of a row
     * @param width width of the hidden states
     * @param most most rows that memory allows
     * @param multiprocessors multiprocessors of the device
     * @return a multiple of {@value #TILE_ROWS}, or fewer rows if memory allows only these; from 64 to 2048
     */
    static long rows(long rows, long vocabulary, long width, long most, int multiprocessors) {
        long best = Math.clamp(most, MIN, MAX);
        long least = Long.MAX_VALUE;
        for (long chunk = TILE_ROWS; chunk <= Math.min(most, MAX); chunk += TILE_ROWS) {
            long time = rows / chunk * time(chunk, vocabulary, width, multiprocessors) + time(rows % chunk, vocabulary, width, multiprocessors);
            if (time <= least) {
                least = time;
                best = chunk;
            }
        }
        return best;
    }

    /** The time of a chunk: logits of two models, and the gradient of the hidden states, each as rounds times the inner dimension. */
    private static long time(long rows, long vocabulary, long width, int multiprocessors) {
        return 2 * rounds(rows, vocabulary, multiprocessors) * width + rounds(rows, width, multiprocessors) * vocabulary;
    }

    private static long rounds(long rows, long columns, int multiprocessors) {
        return Math.ceilDiv(Math.ceilDiv(rows, TILE_ROWS) * Math.ceilDiv(columns, TILE_COLUMNS), multiprocessors);
    }
}
