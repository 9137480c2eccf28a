package kept.linalg;

import java.util.ServiceLoader;
import kept.backend.DoubleKernels;

/**
 * Sums of products of matrices in double precision. Each element of a result is a sum over blocks of the inner dimension, in order, of one chain of
 * fused multiply-adds each; the blocks depend on the inner dimension alone, so the bits depend neither on threads nor on what else is computed.
 */
public final class DoubleProducts {
    private DoubleProducts() {}

    /** Found when it is first needed. */
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
     * @throws IllegalArgumentException if the sizes do not go together
     */
    public static void addProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        require("A B", sign, a.rows(), a.columns(), b, c);
        kernels().addProduct(sign, a, b, c);
    }

    /**
     * {@code C = C + sign A^T B}.
     *
     * @param sign 1 or -1
     * @param a {@code [k, m]}
     * @param b {@code [k, n]}
     * @param c {@code [m, n]}, not overlapping the operands
     * @throws IllegalArgumentException if the sizes do not go together
     */
    public static void addTransposedProduct(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        require("A^T B", sign, a.columns(), a.rows(), b, c);
        kernels().addTransposedProduct(sign, a, b, c);
    }

    /**
     * {@code C = C + sign A^T A}, on and right of the diagonal; what lies left of it is neither read nor written. Half the work of the whole product.
     *
     * @param sign 1 or -1
     * @param a {@code [k, n]}
     * @param c {@code [n, n]}, not overlapping A
     * @throws IllegalArgumentException if the sizes do not go together
     */
    public static void addGram(int sign, DoubleMatrix a, DoubleMatrix c) {
        require("A^T A", sign, a.columns(), a.rows(), a, c);
        kernels().addGram(sign, a, c);
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
