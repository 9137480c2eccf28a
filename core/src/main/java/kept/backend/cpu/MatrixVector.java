package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/**
 * Products of a few rows with a matrix, C[m, n] = A[m, k] B[k, n] for m from 1 to {@value #MAX_ROWS}. B is read once, without packing.
 *
 * <p>Where B is contiguous along k (a linear layer's weight), an element of C is a dot product of {@link RowProducts}; where B is contiguous along
 * n, rows of C are sums of multiples of rows of B, in ascending k.
 */
final class MatrixVector {
    private static final int MAX_ROWS = 4;
    /** The number of elements of B that stay in the first-level cache. */
    private static final int CACHED = 1 << 12;
    private static final int WIDTH = 1024;
    private static final long TASK_WORK = 1 << 17;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();

    private MatrixVector() { }

    /**
     * Whether this class computes a product; its sums have another order than those of {@link Gemm}.
     *
     * @param m rows of the left operand
     * @param b the right operand
     * @return whether m is small and b contiguous in one direction
     */
    static boolean handles(int m, Matrix b) {
        return m <= MAX_ROWS && (b.rowStride() == 1 || b.columnStride() == 1);
    }

    /**
     * Computes a product.
     *
     * @param m rows of A and C
     * @param n columns of B and C
     * @param k columns of A and rows of B, at least 1
     * @param a the left operand
     * @param b the right operand, with a unit stride
     * @param c the result, f32 with unit column stride
     * @param accumulate whether to add to C
     * @param parallel whether to divide the columns among threads
     */
    static void multiply(int m, int n, int k, Matrix a, Matrix b, Matrix c, boolean accumulate, boolean parallel) {
        float[] rows = new float[m * k];
        boolean dots = b.rowStride() == 1;
        RowProducts products = RowProducts.of(b.type());
        for (int i = 0; i < m; i++) {
            Elements.widen(a.data(), a.type(), a.index(i, 0), a.columnStride(), rows, i * k, k);
            if (dots) {
                products.arrange(rows, i * k, k);
            }
        }
        WorkerPool.RangeBody body = (first, end) -> {
            Matrix part = b.shifted(first * b.columnStride());
            float[] sums = new float[m * (int) (end - first)];
            if (dots) {
                dots(m, (int) (end - first), k, rows, part, products, sums);
            } else {
                sums(m, (int) (end - first), k, rows, part, sums);
            }
            store(m, (int) (end - first), sums, c.shifted(first), accumulate);
        };
        long grain = Math.clamp(TASK_WORK / k, dots ? 16 : WIDTH / 2, WIDTH);
        if (parallel) {
            WorkerPool.shared().forRanges(n, grain, body);
        } else {
            for (long first = 0; first < n; first += grain) {
                body.accept(first, Math.min(n, first + grain));
            }
        }
    }

    /** Processes a few columns of B at a time, so that they are in the cache for the next rows of A. */
    private static void dots(int m, int n, int k, float[] rows, Matrix b, RowProducts products, float[] sums) {
        boolean widened = b.type() == DType.F16;
        int few = m == 1 && !widened ? n : Math.max(1, CACHED / k);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment columns = widened ? arena.allocate(ValueLayout.JAVA_FLOAT, (long) few * k) : null;
            for (int first = 0; first < n; first += few) {
                int count = Math.min(few, n - first);
                Matrix part = b.shifted(first * b.columnStride());
                if (widened) {
                    for (int j = 0; j < count; j++) {
                        Elements.widen(part.data(), part.type(), part.index(0, j), 1, columns.asSlice((long) j * k * Float.BYTES), k);
                    }
                    part = new Matrix(columns, DType.F32, 0, 1, k);
                }
                Matrix w = part.transposed();
                for (int i = 0; i < m; i++) {
                    products.multiply(count, k, w, rows, i * k, sums, i * n + first);
                }
            }
        }
    }

    private static void sums(int m, int n, int k, float[] rows, Matrix b, float[] sums) {
        float[] row = Workspace.ofThread().floats(Workspace.Slot.ROW, WIDTH);
        for (int p = 0; p < k; p++) {
            Elements.widen(b.data(), b.type(), b.index(p, 0), 1, row, 0, n);
            for (int i = 0; i < m; i++) {
                add(rows[i * k + p], row, sums, i * n, n);
            }
        }
    }

    private static void add(float factor, float[] row, float[] sums, int at, int count) {
        FloatVector f = FloatVector.broadcast(SPECIES, factor);
        int whole = SPECIES.loopBound(count);
        for (int i = 0; i < whole; i += LANES) {
            f.fma(FloatVector.fromArray(SPECIES, row, i), FloatVector.fromArray(SPECIES, sums, at + i)).intoArray(sums, at + i);
        }
        if (whole < count) {
            addEnd(factor, row, sums, at, count);
        }
    }

    private static void addEnd(float factor, float[] row, float[] sums, int at, int count) {
        int first = SPECIES.loopBound(count);
        VectorMask<Float> mask = SPECIES.indexInRange(first, count);
        FloatVector x = FloatVector.fromArray(SPECIES, row, first, mask);
        FloatVector.broadcast(SPECIES, factor).fma(x, FloatVector.fromArray(SPECIES, sums, at + first, mask)).intoArray(sums, at + first, mask);
    }

    private static void store(int m, int n, float[] sums, Matrix c, boolean accumulate) {
        for (int i = 0; i < m; i++) {
            MemorySegment data = c.data();
            long start = c.index(i, 0) * Float.BYTES;
            for (int j = 0; j < n; j++) {
                float old = accumulate ? data.get(ValueLayout.JAVA_FLOAT, start + j * 4L) : 0f;
                data.set(ValueLayout.JAVA_FLOAT, start + j * 4L, accumulate ? old + sums[i * n + j] : sums[i * n + j]);
            }
        }
    }
}
