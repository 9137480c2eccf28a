package kept.cuda;

import kept.cuda.cublas.DataType;
import kept.cuda.cublas.Gemm;
import kept.cuda.cublas.Matrix;
import kept.cuda.driver.Grid;

/**
 * Products in f64 by cuBLAS, and the factorisation {@code G = U^T U} made of them. Factorisation and triangular solutions recursively halve the
 * matrix as {@link kept.linalg.Cholesky} does, so that nearly all work is in few large products; kernels of ours take diagonal blocks of up to
 * {@value #BLOCK} rows.
 */
final class DoubleCholesky {
    /** PTX module of the kernels. */
    static final String MODULE = "equations";
    /** Threads per block of all kernels in the module. */
    static final int THREADS = 256;
    /** Rows of the largest triangle that a kernel takes. */
    private static final int BLOCK = 64;
    /** Columns of the right sides that a block of threads solves. */
    private static final int COLUMNS = 32;
    /** Rows of a Gram matrix that are computed at a time, from the diagonal on: at a width of 5120, 55 % of the whole product. */
    private static final int GRAM_ROWS = 512;

    private final Gpu gpu;

    DoubleCholesky(Gpu gpu) {
        this.gpu = gpu;
    }

    /** {@code C = C + sign A B}. */
    void addProduct(int sign, DoubleBlock a, DoubleBlock b, DoubleBlock c) {
        product(sign, a, false, b, c);
    }

    /** {@code C = C + sign A^T B}. */
    void addTransposedProduct(int sign, DoubleBlock a, DoubleBlock b, DoubleBlock c) {
        product(sign, a, true, b, c);
    }

    /** {@code C = C + sign A^T A} on and right of the diagonal; some elements left of it are changed too. */
    void addGram(int sign, DoubleBlock a, DoubleBlock c) {
        int size = c.rows();
        for (int from = 0; from < size; from += GRAM_ROWS) {
            int to = Math.min(size, from + GRAM_ROWS);
            product(sign, a.block(0, a.rows(), from, to), true, a.block(0, a.rows(), from, size), c.block(from, to, from, size));
        }
    }

    /** cuBLAS is column-major, so it computes the transpose: {@code C^T = C^T + sign B^T op(A)^T}. */
    private void product(int sign, DoubleBlock a, boolean transposed, DoubleBlock b, DoubleBlock c) {
        gpu.blas().gemm(gpu.blasHandle(), new Gemm(c.columns(), c.rows(), b.rows(), sign, matrix(b, false), matrix(a, transposed), 1,
                matrix(c, false), 1));
    }

    private static Matrix matrix(DoubleBlock block, boolean transposed) {
        return new Matrix(block.address(), DataType.F64, block.stride(), 0, transposed);
    }

    /**
     * Factors a matrix in place; what lies left of the diagonal is undefined afterwards.
     *
     * @param g symmetric matrix, on and right of the diagonal
     * @param failure device address of two zeros; of the first pivot that is not positive, the row's number from 1 on and the pivot's square are
     *     stored there
     */
    void factor(DoubleBlock g, long failure) {
        factor(g, 0, failure);
    }

    private void factor(DoubleBlock g, int row, long failure) {
        int size = g.rows();
        if (size <= BLOCK) {
            gpu.launch(MODULE, "cholesky_block_f64", Grid.of(1, THREADS))
                    .i64(g.address()).i64(g.stride()).i32(size).i32(row).i64(failure).run();
            return;
        }
        int half = half(size);
        DoubleBlock right = g.block(0, half, half, size);
        DoubleBlock rest = g.block(half, size, half, size);
        factor(g.block(0, half, 0, half), row, failure);
        solveTransposed(g.block(0, half, 0, half), right);
        addGram(-1, right, rest);
        factor(rest, row + half, failure);
    }

    /** Size of the first half of a matrix larger than a block. */
    private static int half(int size) {
        return (Math.ceilDiv(size, BLOCK) + 1) / 2 * BLOCK;
    }

    /**
     * Solves {@code U^T U X = B} in place.
     *
     * @param u the factor
     * @param b the right sides; overwritten with X
     */
    void solve(DoubleBlock u, DoubleBlock b) {
        solveTransposed(u, b);
        solveUpper(u, b);
    }

    /** Solves {@code U^T Y = B}. */
    private void solveTransposed(DoubleBlock u, DoubleBlock b) {
        int size = u.rows();
        if (size <= BLOCK) {
            solveBlock("solve_transposed_f64", u, b);
            return;
        }
        int half = half(size);
        DoubleBlock first = b.block(0, half, 0, b.columns());
        DoubleBlock second = b.block(half, size, 0, b.columns());
        solveTransposed(u.block(0, half, 0, half), first);
        addTransposedProduct(-1, u.block(0, half, half, size), first, second);
        solveTransposed(u.block(half, size, half, size), second);
    }

    /** Solves {@code U X = Y}. */
    private void solveUpper(DoubleBlock u, DoubleBlock b) {
        int size = u.rows();
        if (size <= BLOCK) {
            solveBlock("solve_upper_f64", u, b);
            return;
        }
        int half = half(size);
        DoubleBlock first = b.block(0, half, 0, b.columns());
        DoubleBlock second = b.block(half, size, 0, b.columns());
        solveUpper(u.block(half, size, half, size), second);
        addProduct(-1, u.block(0, half, half, size), second, first);
        solveUpper(u.block(0, half, 0, half), first);
    }

    private void solveBlock(String entry, DoubleBlock u, DoubleBlock b) {
        gpu.launch(MODULE, entry, Grid.of(Math.ceilDiv(b.columns(), COLUMNS), THREADS))
                .i64(u.address()).i64(u.stride()).i32(u.rows()).i64(b.address()).i64(b.stride()).i64(b.columns()).run();
    }
}
