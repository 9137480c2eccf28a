package kept.bench;

import kept.tensor.Tensor;

/** An operation whose time is that of the memory: rows of F32 beyond the cache, against the bandwidth of copying. */
abstract class RowsBenchmark extends OperationBenchmark {
    /** How many rows. */
    protected final int rows;
    /** The elements of each. */
    protected final int width;

    private final String name;
    private final int forwardPasses;
    private final int backwardPasses;

    /**
     * An operation of two sizes.
     *
     * @param forwardPasses how often as many bytes as the rows have must be read or written at least, forward
     * @param backwardPasses the same backward
     */
    RowsBenchmark(String name, int rows, int width, int forwardPasses, int backwardPasses) {
        this.name = name;
        this.rows = rows;
        this.width = width;
        this.forwardPasses = forwardPasses;
        this.backwardPasses = backwardPasses;
    }

    /** Rows of random numbers. */
    final Tensor normal(int stream) {
        return Tensor.normal(1, stream, rows, width);
    }

    @Override
    String label() {
        return name + " " + pass.label();
    }

    @Override
    String sizes() {
        return rows + "x" + width;
    }

    @Override
    Ceiling ceiling() {
        return Ceiling.COPY;
    }

    @Override
    double work() {
        return (double) Float.BYTES * rows * width * (pass == Pass.FORWARD ? forwardPasses : backwardPasses);
    }
}
