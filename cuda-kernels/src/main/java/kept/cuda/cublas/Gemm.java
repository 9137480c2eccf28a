package kept.cuda.cublas;

import java.util.Objects;

/**
 * A product {@code c = alpha op(a) op(b) + beta c} for each matrix of a batch. cuBLAS checks sizes and leading dimensions.
 *
 * @param m rows of c
 * @param n columns of c
 * @param k inner dimension
 * @param alpha factor of the product
 * @param a left operand, {@code op(a)} is {@code m x k}
 * @param b right operand of a's type, {@code op(b)} is {@code k x n}
 * @param beta factor of the previous c; with 0, c may be uninitialized
 * @param c result {@code m x n} of a's type, or F32 of shorter ones, not transposed
 * @param batch number of matrices
 */
public record Gemm(int m, int n, int k, float alpha, Matrix a, Matrix b, float beta, Matrix c, int batch) {
    /** Checks that the operands are there. */
    public Gemm {
        Objects.requireNonNull(a, "a");
        Objects.requireNonNull(b, "b");
        Objects.requireNonNull(c, "c");
    }
}
