package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import kept.tensor.Tensor;

/**
 * Sums over rows, for the gradients of weights. The division of rows into chunks depends on their number alone; each chunk has its own sums, and the
 * sums of chunks are added in order.
 */
final class PartialSums {
    /** The maximum number of chunks: enough for as many threads, few enough that adding them costs little. */
    static final int CHUNKS = 32;
    /** The fewest rows of a chunk; fewer would not be worth its sums. */
    private static final long MIN_ROWS = 16;
    /** The columns of a task that adds the sums of chunks. */
    private static final int COLUMNS = 1024;

    /** The workspace of the calling thread, whose sums the tasks use. */
    private final Workspace workspace = Workspace.ofThread();
    private final float[][] chunks;
    private final int count;
    private final int width;
    private final long rows;
    private final long rowsPerChunk;

    /**
     * Sums for one or more weights of a width.
     *
     * @param rows the number of rows to sum
     * @param width elements of a chunk's sums: all weights', one after another
     */
    PartialSums(long rows, int width) {
        this.rows = rows;
        rowsPerChunk = Math.max(MIN_ROWS, Math.ceilDiv(rows, CHUNKS));
        count = (int) Math.ceilDiv(rows, rowsPerChunk);
        this.width = width;
        chunks = new float[count][];
    }

    /** The work on the rows of a chunk. */
    @FunctionalInterface
    interface Chunk {
        /**
         * Adds rows to sums.
         *
         * @param sums the chunk's sums, from 0
         * @param first the first row
         * @param end the row after the last
         */
        void accept(float[] sums, long first, long end);
    }

    /**
     * Runs the chunks in parallel.
     *
     * @param body the work on a chunk
     */
    void forEach(Chunk body) {
        WorkerPool.shared().run(count, chunk -> {
            chunks[chunk] = workspace.floats(Workspace.Slot.CHUNK_SUMS, chunk, width);
            Arrays.fill(chunks[chunk], 0, width, 0f);
            body.accept(chunks[chunk], chunk * rowsPerChunk, Math.min(rows, (chunk + 1) * rowsPerChunk));
        });
    }

    /**
     * Adds the sums of all chunks to a gradient. May be called once for each weight, because the first chunk's sums are overwritten.
     *
     * @param from the index where the weight's sums begin in a chunk's
     * @param gradient rows {@code [width]}, F32; null if not needed
     */
    void addTo(int from, Tensor gradient) {
        if (gradient == null || count == 0) {
            return;
        }
        MemorySegment memory = Elements.segment(gradient);
        WorkerPool.shared().forRanges(gradient.elementCount(), COLUMNS, (first, end) -> {
            float[] total = chunks[0];
            for (int chunk = 1; chunk < count; chunk++) {
                for (int i = from + (int) first; i < from + end; i++) {
                    total[i] += chunks[chunk][i];
                }
            }
            for (long i = first; i < end; i++) {
                long index = gradient.offset() + i;
                memory.setAtIndex(JAVA_FLOAT, index, memory.getAtIndex(JAVA_FLOAT, index) + total[from + (int) i]);
            }
        });
    }
}
