package kept.bench;

import kept.tensor.Tensor;

/** A memory-bound operation on F32 rows {@code [rows, width]} larger than the cache, compared with the copy bandwidth. */
abstract class RowsBenchmark extends OperationBenchmark {
    /** Number of rows. */
    protected final int rows;
    /** Elements per row. */
    protected final int width;

    private final String name;
    private final int forwardPasses;
    private final int backwardPasses;

    /**
     * Creates a benchmark.
     *
     * @param name name of the operation in the table
     * @param rows number of rows
     * @param width elements per row
     * @param forwardPasses minimum memory traffic of the forward pass in multiples of {@code [rows, width]}, reads and writes together
     * @param backwardPasses the same for the backward pass
     */
    RowsBenchmark(String name, int rows, int width, int forwardPasses, int backwardPasses) {
        this.name = name;
        this.rows = rows;
        this.width = width;
        this.forwardPasses = forwardPasses;
        this.backwardPasses = backwardPasses;
    }

    /** Creates a tensor {@code [rows, width]} of normally distributed numbers. */
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
    HardwareBound bound() {
        return HardwareBound.COPY;
    }

    @Override
    double work() {
        return (double) Float.BYTES * rows * width * (pass == Pass.FORWARD ? forwardPasses : backwardPasses);
    }
}
