package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import kept.backend.BlockMatrix;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Products with matrices in blocks, C[m, n] = A[m, k] W[n, k]^T. For up to {@link MatrixVector#MAX_ROWS} rows an element of C is a dot product of
 * {@link BlockRowProducts}; for more, {@link Gemm} packs W, widened without loss.
 */
final class BlockProducts {
    /** The number of elements of W of a short task: some microseconds of reading memory. */
    private static final long TASK_WORK = 1 << 17;
    /** The number of short tasks that the longest is like. */
    private static final int LONGEST = 16;
    /** The rows of W of a short task, at least and at most. */
    private static final int MIN_ROWS = 16;
    private static final int MAX_ROWS = 1024;
    /** The number of elements of W that stay in a near cache, for the next row of A. */
    private static final int CACHED = 1 << 15;

    private BlockProducts() { }

    /**
     * {@code outs[i] = x weights[i]^T}.
     *
     * @param x {@code [n, k]}
     * @param weights for each product {@code [width, k]}
     * @param outs for each product {@code [n, width]}
     */
    static void multiplyEach(Tensor x, List<BlockMatrix> weights, List<Tensor> outs) {
        if (outs.stream().anyMatch(out -> out.dtype() != DType.F32)) {
            try (var _ = Scope.open(x.device())) {
                List<Tensor> sums = outs.stream().map(out -> Tensor.empty(DType.F32, Shape.of(out.size(0), out.size(1)))).toList();
                multiplyEach(x, weights, sums);
                for (int i = 0; i < outs.size(); i++) {
                    CopyKernel.copy(sums.get(i), outs.get(i));
                }
            }
            return;
        }
        int m = Math.toIntExact(x.size(0));
        int k = Math.toIntExact(x.size(1));
        if (m > 0 && m <= MatrixVector.MAX_ROWS) {
            new Rows(m, k, MatmulKernel.matrix(x)).multiply(weights, outs);
            return;
        }
        for (int i = 0; i < outs.size(); i++) {
            int n = Math.toIntExact(outs.get(i).size(1));
            Gemm.multiply(m, n, k, MatmulKernel.matrix(x), Blocks.of(weights.get(i)).transposed(), MatmulKernel.matrix(outs.get(i)), false);
        }
    }

    /** A few rows of A, arranged. */
    private static final class Rows {
        private final int m;
        private final int k;
        private final int size;
        private final float[] rows;

        Rows(int m, int k, Matrix a) {
            this.m = m;
            this.k = k;
            size = BlockRowProducts.arrangedSize(k);
            rows = new float[m * size];
            float[] row = new float[k];
            for (int i = 0; i < m; i++) {
                a.widen(a.index(i, 0), a.columnStride(), row, 0, k);
                BlockRowProducts.arrange(row, k, rows, i * size);
            }
        }

        /** Divides the rows of all matrices into tasks. */
        void multiply(List<BlockMatrix> weights, List<Tensor> outs) {
            int shortest = Math.clamp(TASK_WORK / Math.max(1, k) / BlockRowProducts.TOGETHER * BlockRowProducts.TOGETHER, MIN_ROWS, MAX_ROWS);
            int[] rowsOf = outs.stream().mapToInt(out -> Math.toIntExact(out.size(1))).toArray();
            long work = outs.stream().mapToLong(out -> out.size(1) * k * m).sum();
            List<Blocks> matrices = weights.stream().map(Blocks::of).toList();
            List<Matrix> results = outs.stream().map(MatmulKernel::matrix).toList();
            GuidedRanges.run(Gemm.isParallel(work), rowsOf, shortest, LONGEST * shortest,
                    (i, first, count) -> multiply(matrices.get(i).from(first), count, results.get(i).shifted(first)));
        }

        private void multiply(Blocks w, int n, Matrix c) {
            float[] sums = new float[m * n];
            int few = m == 1 ? n : Math.max(BlockRowProducts.TOGETHER, CACHED / Math.max(1, k));
            for (int first = 0; first < n; first += few) {
                for (int i = 0; i < m; i++) {
                    BlockRowProducts.multiply(Math.min(few, n - first), w.from(first), rows, i * size, sums, i * n + first);
                }
            }
            for (int i = 0; i < m; i++) {
                MemorySegment.copy(sums, i * n, c.data(), ValueLayout.JAVA_FLOAT, c.index(i, 0) * Float.BYTES, n);
            }
        }
    }
}
