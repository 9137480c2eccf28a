package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import kept.linalg.Cholesky;
import kept.linalg.DoubleMatrix;
import kept.linalg.DoubleProducts;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Sums, factors and solutions in double precision have the same bits for any number of threads. */
class DoubleDeterminismTest {
    private static final int SIZE = 401;
    private static final int DEPTH = 1100;

    private final int threads = WorkerPool.shared().threads();

    @AfterEach
    void restoreThreads() {
        WorkerPool.shareThreads(threads);
    }

    private static DoubleMatrix random(int rows, int columns, long seed) {
        DoubleMatrix x = DoubleMatrix.zeros(rows, columns);
        var random = new Random(seed);
        Arrays.setAll(x.array(), _ -> random.nextGaussian());
        return x;
    }

    /** The solution of least squares, through all kernels, and what is left of the right side. */
    private static double[][] leastSquares(int withThreads) {
        WorkerPool.shareThreads(withThreads);
        DoubleMatrix y = random(DEPTH, SIZE, 1);
        DoubleMatrix d = random(DEPTH, 77, 2);
        DoubleMatrix gram = DoubleMatrix.zeros(SIZE, SIZE);
        DoubleMatrix cross = DoubleMatrix.zeros(SIZE, 77);
        DoubleProducts.addGram(1, y, gram);
        DoubleProducts.addTransposedProduct(1, y, d, cross);
        Cholesky.of(gram, 1e-3).solve(cross);
        DoubleProducts.addProduct(-1, y, cross, d);
        return new double[][] {gram.array(), cross.array(), d.array()};
    }

    @Test
    void leastSquaresHaveTheSameBitsOnAnyNumberOfThreads() {
        double[][] one = leastSquares(1);
        for (int several : new int[] {2, 3, 5}) {
            assertThat(leastSquares(several)).as("%d threads", several).isDeepEqualTo(one);
        }
    }
}
