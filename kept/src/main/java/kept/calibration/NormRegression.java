package kept.calibration;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import kept.backend.LeastSquares;
import kept.distributed.Communicator;
import kept.distributed.Leaves;
import kept.distributed.SharedItems;
import kept.distributed.TreeSum;
import kept.linalg.NotPositiveDefiniteException;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * The least squares of one norm: predicts d, the difference between the LayerNorm's and the RMSNorm's output, from the RMSNorm's output y. With
 * {@code G = sum y y^T} and {@code D = sum d y^T} over tokens, {@code C = D (G + ridge mean(diag G) I)^-1} minimises
 * {@code sum |d - C y|^2 + ridge mean(diag G) |C|^2}.
 *
 * <p>Some tokens are held out to choose the ridge with the smallest error on them; the final solution includes them. All of it is computed on the
 * device if that has f64 arithmetic, else on the host.
 */
final class NormRegression implements AutoCloseable {
    /** Ridges are tried in ascending order until the error is far from the best one. */
    private static final double MIN_RIDGE = 1e-9;
    private static final double MAX_RIDGE = 1.5e-2;
    private static final double RIDGE_STEP = 10;
    private static final double FAR_FROM_BEST = 1.5;
    /** The ridge is chosen on at most this many channels of d, each an equation of its own. */
    private static final int CHANNELS = 256;

    private final Device device;
    private final int width;
    private final LeastSquares equations;
    private final List<Rows> heldOut = new ArrayList<>();
    /** Owns the held-out rows; null while there are none. */
    private Scope scope;
    /** Null for rows that are added one after another. */
    private SharedText shared;
    /** The sums of the blocks so far; null if all rows are one block of one rank. */
    private TreeSum tree;
    /** Owns {@link #sums}; null as the tree is. */
    private Scope treeScope;
    /** The sums of the last block. */
    private Tensor sums;

    /** Outputs of some tokens, {@code [tokens, width]} each. */
    private record Rows(Tensor y, Tensor d) {}

    /**
     * The correction for the projections that read a norm.
     *
     * @param correction C, {@code [width, width]}, row-major: row i predicts channel i of d
     * @param ridge what was used
     * @param error {@code sum |d - C y|^2 / sum |z|^2} over the held-out tokens, with z the LayerNorm's output and C fitted without them
     * @param constant w, {@code [width]}: w y estimates the constant 1
     */
    record Solution(float[] correction, double ridge, double error, float[] constant) {}

    NormRegression(int width, Device device) {
        this.width = width;
        this.device = device;
        equations = device.backend().leastSquares(width);
    }

    /** Clears all data for another norm, whose tokens may be divided over ranks. */
    void clear(SharedText text) {
        clear();
        shared = text;
        Leaves leaves = text.leaves();
        if (leaves.count() > 1 || leaves.ranks() > 1) {
            treeScope = Scope.detached(Device.cpu());
            tree = new TreeSum(Math.max(1, leaves.size(text.ranks().rank())));
            sums = treeScope.run(() -> Tensor.empty(DType.F64, Shape.of(width * (2L * width + 1))));
        }
    }

    private void clear() {
        equations.clear();
        heldOut.clear();
        shared = null;
        if (scope != null) {
            scope.close();
            scope = null;
        }
        clearTree();
    }

    private void clearTree() {
        if (tree != null) {
            tree.close();
            treeScope.close();
            tree = null;
            treeScope = null;
            sums = null;
        }
    }

    /** Ends a block of rows, which is a leaf of the tree. */
    void endBlock() {
        if (tree != null) {
            equations.store(sums);
            tree.add(sums);
            equations.clear();
        }
    }

    /** Takes the sums and the held-out rows of all ranks. */
    private void join() {
        if (tree == null) {
            return;
        }
        try (var _ = Scope.open(Device.cpu())) {
            shared.ranks().allReduce(sums, shared.leaves());
        }
        equations.load(sums);
        clearTree();
        if (shared.ranks().size() > 1) {
            joinHeldOut();
        }
    }

    private void joinHeldOut() {
        List<Rows> own = List.copyOf(heldOut);
        heldOut.clear();
        if (scope == null) {
            scope = Scope.detached(device);
        }
        CalibrationText text = shared.whole();
        for (int i = 0; i < text.heldOut(); i++) {
            int owner = shared.heldOut().ownerOf(i);
            Shape shape = Shape.of(CalibrationText.tokens(text.parts().get(text.parts().size() - text.heldOut() + i)), width);
            Rows rows = owner == shared.ranks().rank() ? own.get(i - shared.heldOut().first())
                    : scope.run(() -> new Rows(Tensor.empty(DType.F32, shape), Tensor.empty(DType.F32, shape)));
            try (var _ = Scope.open(device)) {
                shared.ranks().broadcast(rows.y, owner);
                shared.ranks().broadcast(rows.d, owner);
            }
            heldOut.add(rows);
        }
    }

    /**
     * Adds tokens.
     *
     * @param y the RMSNorm's outputs, {@code [tokens, width]}
     * @param d the LayerNorm's outputs minus y
     * @param held whether they are held out
     */
    void add(Tensor y, Tensor d, boolean held) {
        if (held) {
            if (scope == null) {
                scope = Scope.detached(device);
            }
            heldOut.add(scope.run(() -> new Rows(copy(y), copy(d))));
        } else {
            equations.add(y, d);
        }
    }

    private static Tensor copy(Tensor x) {
        Tensor copy = Tensor.empty(x.dtype(), x.shape());
        copy.assign(x);
        return copy;
    }

    /**
     * Chooses the ridge unless it is given, and solves. Nothing can be added afterwards until this is cleared.
     *
     * @param ridge relative to the mean of G's diagonal; NaN to choose it automatically
     * @return the correction
     * @throws CalibrationException if the equations cannot be solved
     */
    Solution solve(double ridge) {
        join();
        double[] choice = Double.isNaN(ridge) ? choose() : new double[] {ridge, heldOutError(ridge)};
        double chosen = choice[0];
        double error = choice[1];
        heldOut.forEach(rows -> equations.add(rows.y, rows.d));
        try {
            equations.factor(shift(chosen));
        } catch (NotPositiveDefiniteException e) {
            String tried = Double.isNaN(chosen) ? "any ridge from %s to %s".formatted(MIN_RIDGE, MAX_RIDGE) : "ridge " + chosen;
            throw new CalibrationException("[calibration] a norm's least squares cannot be solved with %s; give more text or a larger --ridge"
                    .formatted(tried), e);
        }
        return solved(chosen, error);
    }

    /** Ranks divide the channels. */
    private Solution solved(double ridge, double error) {
        SharedItems channels = SharedItems.of(width, ranks());
        LeastSquares.Solution solution = equations.solve(channels.first(), channels.end());
        if (ranks().size() == 1) {
            return new Solution(solution.matrix(), ridge, error, solution.constant());
        }
        var matrix = new float[Math.multiplyExact(width, width)];
        System.arraycopy(solution.matrix(), 0, matrix, channels.first() * width, solution.matrix().length);
        channels.gather(matrix);
        return new Solution(matrix, ridge, error, solution.constant());
    }

    private Communicator ranks() {
        return shared == null ? Communicator.single() : shared.ranks();
    }

    /** The ridge with the smallest held-out error, and that error. Ranks try as many at a time as there are ranks. */
    private double[] choose() {
        double[] choice = {Double.NaN, Double.POSITIVE_INFINITY};
        double[] ridges = DoubleStream.iterate(MIN_RIDGE, ridge -> ridge <= MAX_RIDGE, ridge -> ridge * RIDGE_STEP).toArray();
        for (int from = 0; from < ridges.length; from += ranks().size()) {
            SharedItems some = SharedItems.of(Math.min(ranks().size(), ridges.length - from), ranks());
            var errors = new double[some.items()];
            for (int i = some.first(); i < some.end(); i++) {
                errors[i] = heldOutError(ridges[from + i]);
            }
            some.gather(errors);
            for (int i = 0; i < errors.length; i++) {
                if (errors[i] < choice[1]) {
                    choice = new double[] {ridges[from + i], errors[i]};
                } else if (errors[i] > FAR_FROM_BEST * choice[1]) {
                    return choice;
                }
            }
        }
        return choice;
    }

    private double shift(double ridge) {
        return ridge * equations.trace() / width;
    }

    /** NaN if there is no solution. */
    private double heldOutError(double ridge) {
        try {
            equations.factor(shift(ridge));
        } catch (NotPositiveDefiniteException _) {
            return Double.NaN;
        }
        equations.fit(Math.min(CHANNELS, width));
        heldOut.forEach(rows -> equations.evaluate(rows.y, rows.d));
        LeastSquares.Errors errors = equations.errors();
        return errors.missed() / errors.all();
    }

    @Override
    public void close() {
        clear();
        equations.close();
    }
}
