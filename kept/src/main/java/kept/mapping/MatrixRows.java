package kept.mapping;

import java.util.stream.IntStream;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Processes the rows of a large matrix with a few of them on the heap at a time, so that sums can be computed in double precision. Rows are processed
 * in parallel, each by itself and from left to right, so the bits do not depend on the number of threads.
 */
final class MatrixRows {
    /** The elements of the rows that are processed together. */
    static final long SLAB_ELEMENTS = 1 << 22;

    private MatrixRows() {}

    /** The work on one row: the elements {@code values[start]} to {@code values[start + columns - 1]}, which may be changed. */
    @FunctionalInterface
    interface RowOperation {
        void apply(int row, float[] values, int start, int columns);
    }

    /** The work on some consecutive rows. */
    @FunctionalInterface
    private interface SlabOperation {
        void apply(int first, int rows, float[] values);
    }

    /**
     * Changes a copy of a matrix row by row.
     *
     * @param matrix {@code [rows, columns]}, F32
     * @param operation overwrites a row
     * @return the changed copy, in the current scope
     */
    static Tensor map(Tensor matrix, RowOperation operation) {
        Tensor result = Tensor.empty(DType.F32, matrix.shape());
        int columns = Math.toIntExact(matrix.size(1));
        forEachSlab(matrix, (first, rows, values) -> {
            IntStream.range(0, rows).parallel().forEach(row -> operation.apply(first + row, values, row * columns, columns));
            result.slice(0, first, first + rows).assign(Tensor.of(values, rows, columns));
        });
        return result;
    }

    /**
     * The product of a matrix with a vector.
     *
     * @param matrix {@code [rows, columns]}, F32
     * @param vector {@code [columns]}, F32
     * @return {@code [rows]}
     */
    static double[] times(Tensor matrix, Tensor vector) {
        float[] factors = vector.toFloatArray();
        double[] products = new double[Math.toIntExact(matrix.size(0))];
        forEachSlab(matrix, (first, rows, values) -> IntStream.range(0, rows).parallel()
                .forEach(row -> products[first + row] = dot(values, row * factors.length, factors)));
        return products;
    }

    /**
     * The mean of each column.
     *
     * @param matrix {@code [rows, columns]}, F32
     * @return {@code [columns]}
     */
    static double[] columnMeans(Tensor matrix) {
        double[] means = new double[Math.toIntExact(matrix.size(1))];
        forEachSlab(matrix, (first, rows, values) -> {
            for (int row = 0; row < rows; row++) {
                int start = row * means.length;
                for (int column = 0; column < means.length; column++) {
                    means[column] += values[start + column];
                }
            }
        });
        for (int column = 0; column < means.length; column++) {
            means[column] /= matrix.size(0);
        }
        return means;
    }

    /** The mean of one row. */
    static double mean(float[] values, int start, int columns) {
        double sum = 0;
        for (int column = 0; column < columns; column++) {
            sum += values[start + column];
        }
        return sum / columns;
    }

    /** The product of one row with a vector. */
    static double dot(float[] values, int start, float[] vector) {
        double sum = 0;
        for (int column = 0; column < vector.length; column++) {
            sum += (double) values[start + column] * vector[column];
        }
        return sum;
    }

    /** Rounds numbers that were computed in double precision to a tensor. */
    static Tensor tensor(double[] values, Shape shape) {
        float[] rounded = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            rounded[i] = (float) values[i];
        }
        return Tensor.of(rounded).reshape(shape);
    }

    private static void forEachSlab(Tensor matrix, SlabOperation operation) {
        long rows = matrix.size(0);
        long slab = Math.max(1, SLAB_ELEMENTS / matrix.size(1));
        for (long first = 0; first < rows; first += slab) {
            long end = Math.min(rows, first + slab);
            try (var _ = Scope.open()) {
                operation.apply((int) first, (int) (end - first), matrix.slice(0, first, end).toFloatArray());
            }
        }
    }
}
