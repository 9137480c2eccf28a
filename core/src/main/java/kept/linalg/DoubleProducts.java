package kept.linalg;

import java.util.ServiceLoader;
import kept.backend.DoubleKernels;

/**
 * Adds products of matrices in double precision. Each element of a result is a sum, in order, over blocks of the inner dimension, each a chain of
 * fused multiply-adds; the blocks depend only on the inner dimension, so results do not depend on the number of threads or on other columns.
 */
public final class DoubleProducts {
    private DoubleProducts() {}

    /** Loaded on first use. */
    private static final class Kernels {
        private static final DoubleKernels INSTANCE = ServiceLoader.load(DoubleKernels.class, DoubleKernels.class.getClassLoader()).findFirst()
                .orElseThrow(() -> new IllegalStateException("[linalg] no kernels for double precision; put kept.core on the module path whole"));
    }

    static DoubleKernels kernels() {
        return Kernels.INSTANCE;
    }

    /**
     * {@code C = C + sign A B}.
     *
     * @param sign 1 or -1
     * @param a {@code [m, k]}
     * @param b {@code [k, n]}
     * @param c {@code [m, n]}, not overlapping the operands
     * @throws IllegalArgumentException if the sizes do not match or C overlaps an operand
     */
    public static void addProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        requirePresent(a, b, c);
        require("A B", sign, a.rows(), a.columns(), b, c);
        requireApart(c, a, b);
        kernels().addProduct(sign, a, b, c);
    }

    /**
     * {@code C = C + sign A^T B}.
     *
     * @param sign 1 or -1
     * @param a {@code [k, m]}
     * @param b {@code [k, n]}
     * @param c {@code [m, n]}, not overlapping the operands
     * @throws IllegalArgumentException if the sizes do not match or C overlaps an operand
     */
    public static void addTransposedProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        requirePresent(a, b, c);
        require("A^T B", sign, a.columns(), a.rows(), b, c);
        requireApart(c, a, b);
        kernels().addTransposedProduct(sign, a, b, c);
    }

    /**
     * {@code C = C + sign A^T A}, upper triangle only; elements below the diagonal are neither read nor written. Half the work of the whole product.
     *
     * @param sign 1 or -1
     * @param a {@code [k, n]}
     * @param c {@code [n, n]}, not overlapping A
     * @throws IllegalArgumentException if the sizes do not match or C overlaps an operand
     */
    public static void addGram(int sign, DoubleMatrix a, DoubleMatrix c) {
        requirePresent(a, c);
        require("A^T A", sign, a.columns(), a.rows(), a, c);
        requireApart(c, a);
        kernels().addGram(sign, a, c);
    }

    private static void requirePresent(DoubleMatrix... matrices) {
        for (DoubleMatrix matrix : matrices) {
            if (matrix == null) {
                throw new IllegalArgumentException("[linalg] a matrix of the product is null");
            }
        }
    }

    private static void requireApart(DoubleMatrix c, DoubleMatrix... operands) {
        for (DoubleMatrix operand : operands) {
            if (c.overlaps(operand)) {
                throw new IllegalArgumentException("[linalg] C overlaps an operand of the product that is added to it; copy one of them first");
            }
        }
    }

    private static void require(String product, int sign, int m, int k, DoubleMatrix b, DoubleMatrix c) {
        if (sign != 1 && sign != -1) {
            throw new IllegalArgumentException("[linalg] the sign of a product is 1 or -1, not " + sign);
        }
        if (b.rows() != k || c.rows() != m || c.columns() != b.columns()) {
            throw new IllegalArgumentException("[linalg] sizes of C = C + %s differ: C %d x %d, the product %d x %d, inner sizes %d and %d".formatted(
                    product, c.rows(), c.columns(), m, b.columns(), k, b.rows()));
        }
    }
}
