package kept.backend.cpu;

import java.util.ArrayList;
import java.util.List;

/**
 * Divides the rows of several matrices into ranges that threads claim one after another: long ones first, because each begins with waiting for
 * memory, and ever shorter ones, so that all threads end at about the same time (guided self-scheduling; Polychronopoulos and Kuck, 1987).
 *
 * <p>The ranges depend on the number of threads. So this is for kernels that compute each row in the same way whatever rows are beside it.
 */
final class GuidedRanges {
    /** What is left is divided into so many ranges for each thread, so that a thread at half the speed of others does not end last. */
    private static final int SHARES = 2;

    private GuidedRanges() {}

    /** The work on a range. */
    @FunctionalInterface
    interface Body {
        /**
         * Does it.
         *
         * @param matrix the index of the matrix
         * @param first its first row in the range
         * @param count the number of rows
         */
        void accept(int matrix, int first, int count);
    }

    /**
     * Rows of a matrix.
     *
     * @param matrix the index of the matrix
     * @param first its first row in the range
     * @param count the number of rows
     */
    record Range(int matrix, int first, int count) {}

    /**
     * Runs the work on all ranges and returns when it is done.
     *
     * @param parallel whether threads of the shared pool divide them; else the caller takes them in order
     * @param rows the number of rows of each matrix
     * @param shortest as for {@link #divide}
     * @param longest as for {@link #divide}
     * @param body the work
     */
    static void run(boolean parallel, int[] rows, int shortest, int longest, Body body) {
        WorkerPool pool = WorkerPool.shared();
        List<Range> ranges = divide(rows, shortest, longest, parallel ? pool.threads() : 1);
        if (parallel) {
            pool.run(ranges.size(), i -> accept(ranges.get(i), body));
        } else {
            ranges.forEach(range -> accept(range, body));
        }
    }

    private static void accept(Range range, Body body) {
        body.accept(range.matrix, range.first, range.count);
    }

    /**
     * The ranges.
     *
     * @param rows the number of rows of each matrix
     * @param shortest rows of the shortest range; all have a multiple of it, but for the last of a matrix
     * @param longest rows of the longest range, a multiple of shortest
     * @param threads the number of threads
     * @return ranges that contain each row once, in order
     */
    static List<Range> divide(int[] rows, int shortest, int longest, int threads) {
        long left = 0;
        for (int count : rows) {
            left += Math.ceilDiv(count, shortest);
        }
        List<Range> ranges = new ArrayList<>();
        for (int matrix = 0; matrix < rows.length; matrix++) {
            for (int first = 0; first < rows[matrix];) {
                long share = Math.clamp(left / ((long) SHARES * threads), 1, longest / shortest);
                int count = (int) Math.min(share * shortest, rows[matrix] - first);
                ranges.add(new Range(matrix, first, count));
                first += count;
                left -= Math.ceilDiv(count, shortest);
            }
        }
        return ranges;
    }
}
