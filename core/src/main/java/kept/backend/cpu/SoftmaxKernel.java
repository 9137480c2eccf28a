package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import kept.tensor.Tensor;

/**
 * Softmax, its logarithm, and the logarithm of sums of exponentials, row by row: a row is read from memory once and stays in the cache after that.
 */
final class SoftmaxKernel {
    private SoftmaxKernel() {}

    /**
     * {@link kept.backend.Backend#softmax}.
     *
     * @param logarithm whether to give the logarithm
     * @param x rows
     * @param out rows
     */
    static void softmax(boolean logarithm, Tensor x, Tensor out) {
        int width = RowWindow.width(x);
        if (x.elementCount() == 0) {
            return;
        }
        WorkerPool.shared().forRanges(x.elementCount() / width, RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                RowWindow to = new RowWindow(out, width, arena);
                MemorySegment scratch = arena.allocate(JAVA_FLOAT, RowMath.BLOCK);
                for (long row = first; row < end; row++) {
                    if (logarithm) {
                        logarithm(from.read(row * width, width), width, to.place(row * width, width), scratch);
                    } else {
                        probabilities(from.read(row * width, width), width, to.place(row * width, width));
                    }
                    to.write(row * width, width);
                }
            }
        });
    }

    private static void probabilities(MemorySegment x, int width, MemorySegment out) {
        double sum = RowMath.sumExp(x, width, RowMath.max(x, width), 1f, out);
        RowMath.multiply(out, width, (float) (1 / sum), out);
    }

    private static void logarithm(MemorySegment x, int width, MemorySegment out, MemorySegment scratch) {
        float max = RowMath.max(x, width);
        double sum = RowMath.sumExp(x, width, max, 1f, scratch);
        RowMath.subtract(x, width, max, (float) StrictMath.log(sum), out);
    }

    /**
     * {@link kept.backend.Backend#logSumExp}.
     *
     * @param x rows
     * @param out one element for each row
     */
    static void logSumExp(Tensor x, Tensor out) {
        int width = RowWindow.width(x);
        MemorySegment results = Elements.segment(out);
        WorkerPool.shared().forRanges(out.elementCount(), RowWindow.rowsPerTask(width), (first, end) -> {
            try (Arena arena = Arena.ofConfined()) {
                RowWindow from = new RowWindow(x, width, arena);
                MemorySegment scratch = arena.allocate(JAVA_FLOAT, RowMath.BLOCK);
                for (long row = first; row < end; row++) {
                    results.setAtIndex(JAVA_FLOAT, out.offset() + row, logSumExp(from.read(row * width, width), width, scratch));
                }
            }
        });
    }

    private static float logSumExp(MemorySegment x, int width, MemorySegment scratch) {
        float max = RowMath.max(x, width);
        if (max == Float.POSITIVE_INFINITY) {
            return max;
        }
        // A row of nothing but minus infinity sums to 0, whatever it is shifted by.
        float shift = max == Float.NEGATIVE_INFINITY ? 0f : max;
        return (float) (shift + StrictMath.log(RowMath.sumExp(x, width, shift, 1f, scratch)));
    }
}
