package kept.bench;

import ai.djl.ndarray.NDArray;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import kept.linalg.Cholesky;
import kept.linalg.DoubleMatrix;
import kept.linalg.DoubleProducts;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/**
 * The parts of least squares in double precision, as the mapping {@code calibrated} solves it for each norm: accumulation of the normal equations
 * over tokens, their Cholesky factor, their solution. 5120 is the hidden size of Orion-14B. libtorch has no product that computes one triangle alone,
 * so it computes both. OpenBLAS computes one triangle where this library does, on the same arrays.
 */
public class LeastSquaresBenchmark extends BenchmarkCase {
    /** Rows of the matrices Y and D that one run accumulates. */
    private static final int TOKENS = 512;
    /** Ridge on the diagonal. It makes the equations well-conditioned although the tokens are fewer than the unknowns. */
    private static final double RIDGE = 100;

    /** Hidden size of the model: rows and columns of the normal equations. */
    @Param({"1024", "2048", "5120"})
    public int width;

    /** Part of the solution to measure. */
    @Param
    public Part part;

    private DoubleMatrix y;
    private DoubleMatrix d;
    private DoubleMatrix gram;
    private DoubleMatrix cross;
    private DoubleMatrix memory;
    private DoubleMatrix right;
    private Cholesky factor;

    /** For JMH. */
    public LeastSquaresBenchmark() {}

    /** A part of least squares. */
    public enum Part {
        /** Accumulates the Gram matrix {@code G = G + Y^T Y}, upper triangle only. */
        GRAM,
        /** Accumulates the right-hand sides {@code B = B + Y^T D}. */
        CROSS,
        /** Factors {@code G = U^T U}. */
        FACTOR,
        /** Solves {@code G X = B} with as many right-hand sides as equations. */
        SOLVE
    }

    @Override
    void prepare() {
        y = random(TOKENS, 1);
        d = random(TOKENS, 2);
        gram = DoubleMatrix.zeros(width, width);
        cross = DoubleMatrix.zeros(width, width);
        if (part == Part.FACTOR || part == Part.SOLVE) {
            DoubleProducts.addGram(1, y, gram);
            DoubleProducts.addTransposedProduct(1, y, d, cross);
            memory = DoubleMatrix.zeros(width, width);
            factor = Cholesky.of(gram, RIDGE, memory);
        }
        right = part == Part.SOLVE ? cross.copy() : null;
    }

    private DoubleMatrix random(int rows, long seed) {
        DoubleMatrix x = DoubleMatrix.zeros(rows, width);
        var random = new SplittableRandom(seed);
        Arrays.setAll(x.array(), _ -> random.nextDouble(-1, 1));
        return x;
    }

    @Override
    void run() {
        switch (part) {
            case GRAM -> DoubleProducts.addGram(1, y, gram);
            case CROSS -> DoubleProducts.addTransposedProduct(1, y, d, cross);
            case FACTOR -> factor = Cholesky.of(gram, RIDGE, memory);
            case SOLVE -> {
                copy(cross, right);
                factor.solve(right);
            }
        }
    }

    private static void copy(DoubleMatrix from, DoubleMatrix to) {
        System.arraycopy(from.array(), 0, to.array(), 0, from.array().length);
    }

    @Override
    Runnable preparePeer(Libtorch torch) {
        return switch (part) {
            case GRAM -> accumulate(torch, torch.copy(y), torch.copy(y), torch.copy(gram));
            case CROSS -> accumulate(torch, torch.copy(y), torch.copy(d), torch.copy(cross));
            case FACTOR -> {
                NDArray equations = torch.copy(symmetric());
                Libtorch.Function function = torch.function("g: Tensor", "return torch.linalg_cholesky(g)");
                yield () -> function.run(equations);
            }
            case SOLVE -> {
                NDArray b = torch.copy(cross);
                NDArray lower = torch.function("g: Tensor", "return torch.linalg_cholesky(g)").call(torch.copy(symmetric())).singletonOrThrow();
                Libtorch.Function function = torch.function("b: Tensor, l: Tensor", "return torch.cholesky_solve(b, l)");
                yield () -> function.run(b, lower);
            }
        };
    }

    private static Runnable accumulate(Libtorch torch, NDArray left, NDArray right, NDArray sum) {
        Libtorch.Function function = torch.function("a: Tensor, b: Tensor, c: Tensor", "return torch.addmm_(c, torch.t(a), b)");
        return () -> function.run(left, right, sum);
    }

    @Override
    Map<Peer, Supplier<Runnable>> otherPeers() {
        return Map.of(Peer.OPENBLAS, () -> prepare(OpenBlas.open()));
    }

    private Runnable prepare(OpenBlas blas) {
        return switch (part) {
            case GRAM -> blas.gram(y, gram);
            case CROSS -> blas.transposedProduct(y, d, cross);
            case FACTOR -> {
                DoubleMatrix equations = symmetric();
                Runnable function = blas.factor(memory);
                yield () -> {
                    copy(equations, memory);
                    function.run();
                };
            }
            case SOLVE -> {
                Runnable function = blas.solve(memory, right);
                yield () -> {
                    copy(cross, right);
                    function.run();
                };
            }
        };
    }

    /** Runs OpenBLAS's implementation once. */
    @Benchmark
    public final void openBlas() {
        run(Peer.OPENBLAS);
    }

    /** The regularized Gram matrix with both triangles. */
    private DoubleMatrix symmetric() {
        DoubleMatrix symmetric = gram.copy();
        for (int i = 0; i < width; i++) {
            for (int j = 0; j < i; j++) {
                symmetric.set(i, j, symmetric.get(j, i));
            }
            symmetric.set(i, i, symmetric.get(i, i) + RIDGE);
        }
        return symmetric;
    }

    /** Computes each part row by row, with scaled additions of one row to another. */
    @Override
    Runnable preparePlain() {
        return switch (part) {
            case GRAM -> () -> addProducts(y, y, gram, true);
            case CROSS -> () -> addProducts(y, d, cross, false);
            case FACTOR -> () -> plainFactor(symmetric());
            case SOLVE -> () -> plainSolve(memory, cross.copy());
        };
    }

    private void addProducts(DoubleMatrix a, DoubleMatrix b, DoubleMatrix c, boolean upper) {
        for (int k = 0; k < TOKENS; k++) {
            for (int i = 0; i < width; i++) {
                addRow(a.get(k, i), b, k, c, i, upper ? i : 0);
            }
        }
    }

    private void plainFactor(DoubleMatrix g) {
        for (int k = 0; k < width; k++) {
            scaleRow(1 / Math.sqrt(g.get(k, k)), g, k, k);
            for (int i = k + 1; i < width; i++) {
                addRow(-g.get(k, i), g, k, g, i, i);
            }
        }
    }

    private void plainSolve(DoubleMatrix u, DoubleMatrix b) {
        for (int i = 0; i < width; i++) {
            for (int k = 0; k < i; k++) {
                addRow(-u.get(k, i), b, k, b, i, 0);
            }
            scaleRow(1 / u.get(i, i), b, i, 0);
        }
        for (int i = width - 1; i >= 0; i--) {
            for (int k = i + 1; k < width; k++) {
                addRow(-u.get(i, k), b, k, b, i, 0);
            }
            scaleRow(1 / u.get(i, i), b, i, 0);
        }
    }

    private static void addRow(double by, DoubleMatrix from, int fromRow, DoubleMatrix to, int toRow, int column) {
        double[] x = from.array();
        double[] z = to.array();
        int shift = from.index(fromRow, 0) - to.index(toRow, 0);
        for (int at = to.index(toRow, column); at < to.index(toRow, 0) + to.columns(); at++) {
            z[at] += by * x[at + shift];
        }
    }

    private static void scaleRow(double by, DoubleMatrix x, int row, int column) {
        for (int at = x.index(row, column); at < x.index(row, 0) + x.columns(); at++) {
            x.array()[at] *= by;
        }
    }

    @Override
    String label() {
        return "least squares " + part.name().toLowerCase(Locale.ROOT);
    }

    @Override
    String sizes() {
        return part == Part.GRAM || part == Part.CROSS ? "%dx%dx%d".formatted(width, width, TOKENS) : "%dx%d".formatted(width, width);
    }

    @Override
    HardwareBound bound() {
        return HardwareBound.DOUBLE_MULTIPLY_ADD;
    }

    @Override
    double work() {
        double n = width;
        return switch (part) {
            case GRAM -> n * (n + 1) * TOKENS;
            case CROSS -> 2 * n * n * TOKENS;
            case FACTOR -> n * n * n / 3;
            case SOLVE -> 2 * n * n * n;
        };
    }
}
