package kept.backend.composition;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.BiConsumer;
import kept.backend.LeastSquares;
import kept.linalg.Cholesky;
import kept.linalg.DoubleMatrix;
import kept.linalg.DoubleProducts;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/** Least squares on the host, for any device: rows are downloaded, and {@code kept.linalg} computes. The memory is on the Java heap. */
public final class HostLeastSquares implements LeastSquares {
    /** Tokens converted to double at a time. */
    private static final int PIECE = 512;

    private final int width;
    /** Only its upper triangle is maintained. */
    private final DoubleMatrix gram;
    /** The products of y (rows) and d (columns). */
    private final DoubleMatrix cross;
    /** A column. */
    private final DoubleMatrix sums;
    private final DoubleMatrix memory;
    private final DoubleMatrix pieceOfY;
    private final DoubleMatrix pieceOfD;
    private Cholesky factor;
    private DoubleMatrix fitted;
    private double missed;
    private double all;

    /**
     * Allocates the memory.
     *
     * @param width the number of channels
     */
    public HostLeastSquares(int width) {
        this.width = width;
        gram = DoubleMatrix.zeros(width, width);
        cross = DoubleMatrix.zeros(width, width);
        sums = DoubleMatrix.zeros(width, 1);
        memory = DoubleMatrix.zeros(width, width);
        pieceOfY = DoubleMatrix.zeros(PIECE, width);
        pieceOfD = DoubleMatrix.zeros(PIECE, width);
    }

    /** {@inheritDoc} Allocating new memory would take seconds at a large width. */
    @Override
    public void clear() {
        Arrays.fill(gram.array(), 0);
        Arrays.fill(cross.array(), 0);
        Arrays.fill(sums.array(), 0);
        factor = null;
        fitted = null;
    }

    @Override
    public void add(Tensor y, Tensor d) {
        float[] ofY = y.toFloatArray();
        float[] ofD = d.toFloatArray();
        int tokens = ofY.length / width;
        for (int token = 0; token < tokens; token++) {
            addRow(ofY, token * width, sums.array());
        }
        for (int from = 0; from < tokens; from += PIECE) {
            int count = Math.min(PIECE, tokens - from);
            DoubleMatrix rows = pieceOfY.fill(ofY, from * width, count);
            DoubleProducts.addGram(1, rows, gram);
            DoubleProducts.addTransposedProduct(1, rows, pieceOfD.fill(ofD, from * width, count), cross);
        }
    }

    private static void addRow(float[] rows, int from, double[] sums) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] += rows[from + i];
        }
    }

    @Override
    public void store(Tensor sums) {
        pass(sums, Tensor::upload);
    }

    @Override
    public void load(Tensor sums) {
        clear();
        pass(sums, Tensor::download);
    }

    private void pass(Tensor all, BiConsumer<Tensor, MemorySegment> copy) {
        long square = (long) width * width;
        try (var _ = Scope.open(all.device())) {
            copy.accept(all.slice(0, 0, square), MemorySegment.ofArray(gram.array()));
            copy.accept(all.slice(0, square, 2 * square), MemorySegment.ofArray(cross.array()));
            copy.accept(all.slice(0, 2 * square, 2 * square + width), MemorySegment.ofArray(sums.array()));
        }
    }

    @Override
    public double trace() {
        double trace = 0;
        for (int i = 0; i < width; i++) {
            trace += gram.get(i, i);
        }
        return trace;
    }

    @Override
    public void factor(double shift) {
        factor = null;
        factor = Cholesky.of(gram, shift, memory);
    }

    @Override
    public void fit(int channels) {
        DoubleMatrix some = DoubleMatrix.zeros(width, channels);
        for (int j = 0; j < width; j++) {
            for (int q = 0; q < channels; q++) {
                some.set(j, q, cross.get(j, channel(q, channels)));
            }
        }
        factor.solve(some);
        fitted = some;
        missed = 0;
        all = 0;
    }

    private int channel(int q, int channels) {
        return (int) ((long) q * width / channels);
    }

    @Override
    public void evaluate(Tensor y, Tensor d) {
        float[] ofY = y.toFloatArray();
        float[] ofD = d.toFloatArray();
        int tokens = ofY.length / width;
        for (int from = 0; from < tokens; from += PIECE) {
            evaluate(ofY, ofD, from, Math.min(PIECE, tokens - from));
        }
    }

    private void evaluate(float[] y, float[] d, int from, int count) {
        int channels = fitted.columns();
        DoubleMatrix left = DoubleMatrix.zeros(count, channels);
        double ofPiece = 0;
        for (int t = 0; t < count; t++) {
            for (int q = 0; q < channels; q++) {
                int at = (from + t) * width + channel(q, channels);
                left.set(t, q, d[at]);
                double z = (double) d[at] + y[at];
                ofPiece += z * z;
            }
        }
        DoubleProducts.addProduct(-1, pieceOfY.fill(y, from * width, count), fitted, left);
        double rest = 0;
        for (double value : left.array()) {
            rest += value * value;
        }
        missed += rest;
        all += ofPiece;
    }

    @Override
    public Errors errors() {
        return new Errors(missed, all);
    }

    @Override
    public Solution solve() {
        return solve(0, width);
    }

    @Override
    public Solution solve(int from, int to) {
        if (to > from) {
            factor.solve(cross.block(0, width, from, to));
        }
        factor.solve(sums);
        var matrix = new float[Math.multiplyExact(to - from, width)];
        var constant = new float[width];
        for (int j = 0; j < width; j++) {
            for (int i = from; i < to; i++) {
                matrix[(i - from) * width + j] = (float) cross.get(j, i);
            }
            constant[j] = (float) sums.get(j, 0);
        }
        return new Solution(matrix, constant);
    }

    @Override
    public void close() {
        // The garbage collector frees the memory.
    }
}
