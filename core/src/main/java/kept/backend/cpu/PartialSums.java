package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import kept.tensor.Tensor;

/**
 * Sums over rows, for the gradients of weights: rows are divided into chunks by their number alone, each chunk adds up its own row of sums, and the
 * chunks are added in their order.
 */
final class PartialSums {
    /** The most chunks: enough for as many threads, few enough that adding them up costs little. */
    static final int CHUNKS = 32;
    /** A chunk of fewer rows is not worth its row of sums. */
    private static final long MIN_ROWS = 16;
    /** Columns of a task when chunks are added up. */
    private static final int COLUMNS = 1024;

    /** The calling thread's, whose rows of sums the tasks use. */
    private final Workspace workspace = Workspace.ofThread();
    private final float[][] chunks;
    private final int count;
    private final int width;
    private final long rows;
    private final long rowsPerChunk;

    /**
     * Sums for one or more weights of a width.
     *
     * @param rows how many rows are to be summed
     * @param width elements of a chunk's sums: all weights', one behind the other
     */
    PartialSums(long rows, int width) {
        this.rows = rows;
        rowsPerChunk = Math.max(MIN_ROWS, Math.ceilDiv(rows, CHUNKS));
        count = (int) Math.ceilDiv(rows, rowsPerChunk);
        this.width = width;
        chunks = new float[count][];
    }

    /** What is done with the rows of a chunk. */
    @FunctionalInterface
    interface Chunk {
        /**
         * Adds rows to sums.
         *
         * @param sums the chunk's sums, from 0
         * @param first the first row
         * @param end the row behind the last
         */
        void accept(float[] sums, long first, long end);
    }

    /**
     * Runs the chunks in parallel.
     *
     * @param body what to do with a chunk
     */
    void forEach(Chunk body) {
        WorkerPool.shared().run(count, chunk -> {
            chunks[chunk] = workspace.floats(Workspace.Slot.CHUNK_SUMS, chunk, width);
            Arrays.fill(chunks[chunk], 0, width, 0f);
            body.accept(chunks[chunk], chunk * rowsPerChunk, Math.min(rows, (chunk + 1) * rowsPerChunk));
        });
    }

    /**
     * Adds the sums of all chunks to a gradient; once for each weight, because they are added up in the first chunk's place.
     *
     * @param from where the weight's sums begin within a chunk's
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
