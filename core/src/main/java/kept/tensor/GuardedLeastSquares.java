package kept.tensor;

import kept.backend.LeastSquares;

/** Wraps a device's least squares in the memory checks of {@link KernelCall}, and checks the shapes of rows and the order of calls. */
final class GuardedLeastSquares implements LeastSquares {
    private final int width;
    private final LeastSquares equations;
    private boolean factored;
    private boolean fitted;
    private boolean solved;

    GuardedLeastSquares(int width, LeastSquares equations) {
        this.width = width;
        this.equations = equations;
    }

    @Override
    public void clear() {
        factored = false;
        fitted = false;
        solved = false;
        equations.clear();
    }

    @Override
    public void add(Tensor y, Tensor d) {
        require(!solved, "the right sides were overwritten by the solution; clear first");
        requireRows(y, d);
        try (var call = new KernelCall("leastSquares")) {
            equations.add(call.reads(y), call.reads(d));
        }
    }

    @Override
    public void store(Tensor sums) {
        require(!solved, "the right sides were overwritten by the solution; clear first");
        requireSums(sums);
        equations.store(sums);
    }

    @Override
    public void load(Tensor sums) {
        requireSums(sums);
        clear();
        equations.load(sums);
    }

    private void requireSums(Tensor sums) {
        long elements = width * (2L * width + 1);
        if (sums.dtype() != DType.F64 || sums.rank() != 1 || sums.size(0) != elements || sums.device() != Device.cpu() || !sums.isContiguous()) {
            throw new ShapeException("[leastSquares] the sums are F64 [%d] on the CPU, not %s %s on %s".formatted(
                    elements, sums.dtype().label(), sums.shape(), sums.device()));
        }
    }

    @Override
    public double trace() {
        return equations.trace();
    }

    @Override
    public void factor(double shift) {
        factored = false;
        equations.factor(shift);
        factored = true;
    }

    @Override
    public void fit(int channels) {
        require(factored && !solved, "nothing is factored, or the right sides were overwritten");
        if (channels < 1 || channels > width) {
            throw new ShapeException("[leastSquares] a fit takes 1 to %d channels, not %d".formatted(width, channels));
        }
        equations.fit(channels);
        fitted = true;
    }

    @Override
    public void evaluate(Tensor y, Tensor d) {
        require(fitted, "nothing is fitted");
        requireRows(y, d);
        try (var call = new KernelCall("leastSquares")) {
            equations.evaluate(call.reads(y), call.reads(d));
        }
    }

    @Override
    public Errors errors() {
        require(fitted, "nothing is fitted");
        return equations.errors();
    }

    @Override
    public Solution solve() {
        require(factored && !solved, "nothing is factored, or the right sides were overwritten");
        solved = true;
        return equations.solve();
    }

    @Override
    public Solution solve(int from, int to) {
        require(factored && !solved, "nothing is factored, or the right sides were overwritten");
        if (from < 0 || to < from || to > width) {
            throw new ShapeException("[leastSquares] there are %d channels, not %d to %d".formatted(width, from, to));
        }
        solved = true;
        return equations.solve(from, to);
    }

    @Override
    public void close() {
        equations.close();
    }

    private void requireRows(Tensor y, Tensor d) {
        boolean rows = y.rank() == 2 && y.size(1) == width && y.isContiguous() && y.shape().equals(d.shape()) && d.isContiguous();
        if (!rows) {
            throw new ShapeException("[leastSquares] y and d must be contiguous rows [tokens, %d], not %s and %s".formatted(
                    width, y.shape(), d.shape()));
        }
        for (Tensor tensor : new Tensor[] {y, d}) {
            if (!tensor.dtype().isFloating() || tensor.dtype() == DType.F64) {
                throw new DTypeException("[leastSquares] rows are F32, BF16 or F16, not " + tensor.dtype());
            }
        }
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalStateException("[leastSquares] " + message);
        }
    }
}
