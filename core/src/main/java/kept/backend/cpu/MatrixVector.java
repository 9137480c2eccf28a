package kept.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
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
    /** The most rows of the left operand. */
    static final int MAX_ROWS = 4;
    /** The number of elements of B that stay in a near cache. */
    private static final int CACHED = 1 << 14;
    /** The fewest columns of B that are processed at a time, as many as {@link RowProducts} takes together. */
    private static final int FEW = 4;
    private static final int WIDTH = 1024;
    /** The number of elements of B of a short task: some microseconds of reading memory, so that no thread waits long for another. */
    private static final long TASK_WORK = 1 << 16;
    /** The number of short tasks that the longest is like: from there on the start of reading costs little. */
    private static final int LONGEST = 16;
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
        new Rows(m, k, a, b.rowStride() == 1 ? RowProducts.of(b.type()) : null).multiply(List.of(new Part(n, b, c)), accumulate, parallel);
    }

    /**
     * Computes products of the same rows with several matrices that are contiguous along k and of one type; each has the bits of {@link #multiply}.
     *
     * @param m rows of A
     * @param k columns of A, at least 1
     * @param a the left operand
     * @param parts the right operands with their results
     */
    static void multiplyEach(int m, int k, Matrix a, List<Part> parts) {
        long work = parts.stream().mapToLong(Part::n).sum() * m * k;
        new Rows(m, k, a, RowProducts.of(parts.getFirst().b.type())).multiply(parts, false, Gemm.isParallel(work));
    }

    /**
     * A right operand and its result.
     *
     * @param n columns of B and C
     * @param b the right operand
     * @param c the result, f32 with unit column stride
     */
    record Part(int n, Matrix b, Matrix c) {}

    /** The rows of A, widened, and arranged for dot products if there are any. */
    private static final class Rows {
        private final int m;
        private final int k;
        private final float[] rows;
        /** Null where B is contiguous along n. */
        private final RowProducts products;

        Rows(int m, int k, Matrix a, RowProducts products) {
            this.m = m;
            this.k = k;
            this.products = products;
            rows = new float[m * k];
            for (int i = 0; i < m; i++) {
                a.widen(a.index(i, 0), a.columnStride(), rows, i * k, k);
                if (products != null) {
                    products.arrange(rows, i * k, k);
                }
            }
        }

        /** Divides the columns of all parts into tasks. */
        void multiply(List<Part> parts, boolean accumulate, boolean parallel) {
            int shortest = Math.clamp(TASK_WORK / k / FEW * FEW, products != null ? 4 * FEW : WIDTH / 2, WIDTH);
            int longest = products != null ? LONGEST * shortest : shortest;
            int[] columns = parts.stream().mapToInt(Part::n).toArray();
            GuidedRanges.run(parallel, columns, shortest, longest, (i, first, count) -> multiply(parts.get(i), first, count, accumulate));
        }

        private void multiply(Part part, int first, int count, boolean accumulate) {
            Matrix b = part.b.shifted(first * part.b.columnStride());
            float[] sums = new float[m * count];
            if (products != null) {
                dots(m, count, k, rows, b, products, sums);
            } else {
                sums(m, count, k, rows, b, sums);
            }
            store(m, count, sums, part.c.shifted(first), accumulate);
        }
    }

    /** Processes a few columns of B at a time, so that they are in the cache for the next rows of A. */
    private static void dots(int m, int n, int k, float[] rows, Matrix b, RowProducts products, float[] sums) {
        boolean widened = b.type() == DType.F16;
        int few = m == 1 && !widened ? n : Math.max(FEW, CACHED / k);
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
            if (accumulate) {
                for (int j = 0; j < n; j++) {
                    data.set(ValueLayout.JAVA_FLOAT, start + j * 4L, data.get(ValueLayout.JAVA_FLOAT, start + j * 4L) + sums[i * n + j]);
                }
            } else {
                MemorySegment.copy(sums, i * n, data, ValueLayout.JAVA_FLOAT, start, n);
            }
        }
    }
}
