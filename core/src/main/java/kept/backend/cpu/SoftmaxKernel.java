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
                RowExponentials exponentials = new RowExponentials(width, 1f);
                int kept = logarithm ? RowExponentials.BLOCK : width;
                MemorySegment scratch = RowMath.slice(Workspace.ofThread().segment(7, kept), 0, kept);
                for (long row = first; row < end; row++) {
                    if (logarithm) {
                        logarithm(exponentials, from.read(row * width, width), width, to.place(row * width, width), scratch);
                    } else {
                        probabilities(exponentials, from.read(row * width, width), width, to.place(row * width, width), scratch);
                    }
                    to.write(row * width, width);
                }
            }
        });
    }

    private static void probabilities(RowExponentials exponentials, MemorySegment x, int width, MemorySegment out, MemorySegment scratch) {
        MemorySegment raised = x.address() == out.address() ? scratch : out;
        exponentials.raise(x, width, raised);
        exponentials.multiply(raised, width, 1 / exponentials.sum(), out);
    }

    private static void logarithm(RowExponentials exponentials, MemorySegment x, int width, MemorySegment out, MemorySegment scratch) {
        exponentials.raise(x, width, scratch);
        RowMath.subtract(x, width, exponentials.shift(), (float) StrictMath.log(exponentials.sum()), out);
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
                RowExponentials exponentials = new RowExponentials(width, 1f);
                MemorySegment scratch = RowMath.slice(Workspace.ofThread().segment(7, RowExponentials.BLOCK), 0, RowExponentials.BLOCK);
                for (long row = first; row < end; row++) {
                    exponentials.raise(from.read(row * width, width), width, scratch);
                    results.setAtIndex(JAVA_FLOAT, out.offset() + row, logSumExp(exponentials));
                }
            }
        });
    }

    private static float logSumExp(RowExponentials exponentials) {
        float shift = exponentials.shift();
        return shift == Float.POSITIVE_INFINITY ? shift : (float) (shift + StrictMath.log(exponentials.sum()));
    }
}
