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
                    long at = from.read(row * width, width);
                    if (logarithm) {
                        logarithm(from.memory(), at, width, to.memory(), to.place(row * width), scratch);
                    } else {
                        probabilities(from.memory(), at, width, to.memory(), to.place(row * width));
                    }
                    to.write(row * width, width);
                }
            }
        });
    }

    private static void probabilities(MemorySegment x, long at, int width, MemorySegment out, long outAt) {
        float max = RowMath.max(x, at, width);
        double sum = 0;
        for (int i = 0; i < width; i += RowMath.BLOCK) {
            sum += RowMath.exp(x, at + 4L * i, Math.min(RowMath.BLOCK, width - i), max, 1f, out, outAt + 4L * i);
        }
        RowMath.multiply(out, outAt, width, (float) (1 / sum), out, outAt);
    }

    private static void logarithm(MemorySegment x, long at, int width, MemorySegment out, long outAt, MemorySegment scratch) {
        float max = RowMath.max(x, at, width);
        double sum = RowMath.sumExp(x, at, width, max, 1f, scratch);
        RowMath.subtract(x, at, width, max, (float) StrictMath.log(sum), out, outAt);
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
                    long at = from.read(row * width, width);
                    results.setAtIndex(JAVA_FLOAT, out.offset() + row, logSumExp(from.memory(), at, width, scratch));
                }
            }
        });
    }

    private static float logSumExp(MemorySegment x, long at, int width, MemorySegment scratch) {
        float max = RowMath.max(x, at, width);
        if (max == Float.POSITIVE_INFINITY) {
            return max;
        }
        // A row of nothing but minus infinity sums to 0, whatever it is shifted by.
        float shift = max == Float.NEGATIVE_INFINITY ? 0f : max;
        return (float) (shift + StrictMath.log(RowMath.sumExp(x, at, width, shift, 1f, scratch)));
    }
}
