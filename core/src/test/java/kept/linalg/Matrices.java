package kept.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;

/** Matrices for tests, and what is expected of them by the plain definitions. */
final class Matrices {
    private static final int BORDER = 3;

    private Matrices() {}

    /** Normal numbers, as a block inside a larger matrix of NaN, so that what is read or written beside it shows. */
    static DoubleMatrix random(int rows, int columns, long seed) {
        DoubleMatrix whole = DoubleMatrix.zeros(rows + 2 * BORDER, columns + 2 * BORDER);
        Arrays.fill(whole.array(), Double.NaN);
        DoubleMatrix block = whole.block(BORDER, BORDER + rows, BORDER, BORDER + columns);
        var random = new Random(seed);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                block.set(i, j, random.nextGaussian());
            }
        }
        return block;
    }

    /** {@code I + F F^T / size} with NaN left of the diagonal. */
    static DoubleMatrix positiveDefinite(int size) {
        DoubleMatrix factor = random(size, size, 1);
        DoubleMatrix matrix = random(size, size, 2);
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                double sum = i == j ? 1 : 0;
                for (int k = 0; k < size && j >= i; k++) {
                    sum += factor.get(i, k) * factor.get(j, k) / size;
                }
                matrix.set(i, j, j < i ? Double.NaN : sum);
            }
        }
        return matrix;
    }

    static DoubleMatrix transposed(DoubleMatrix x) {
        DoubleMatrix result = DoubleMatrix.zeros(x.columns(), x.rows());
        for (int i = 0; i < x.rows(); i++) {
            for (int j = 0; j < x.columns(); j++) {
                result.set(j, i, x.get(i, j));
            }
        }
        return result;
    }

    /** {@code C + sign A B}, by definition. */
    static DoubleMatrix product(int sign, DoubleMatrix a, DoubleMatrix b, DoubleMatrix c) {
        DoubleMatrix result = c.copy();
        for (int i = 0; i < a.rows(); i++) {
            for (int j = 0; j < b.columns(); j++) {
                double sum = 0;
                for (int k = 0; k < b.rows(); k++) {
                    sum += a.get(i, k) * b.get(k, j);
                }
                result.set(i, j, c.get(i, j) + sign * sum);
            }
        }
        return result;
    }

    static void requireClose(DoubleMatrix actual, DoubleMatrix expected, double tolerance) {
        assertThat(actual.rows()).isEqualTo(expected.rows());
        for (int i = 0; i < actual.rows(); i++) {
            assertThat(row(actual, i)).as("row %d", i).containsExactly(row(expected, i), within(tolerance));
        }
        requireBorder(actual);
    }

    /** All around a matrix of {@link #random} is still NaN. */
    static void requireBorder(DoubleMatrix x) {
        for (int at = 0; at < x.array().length && x.offset() > 0; at++) {
            int row = Math.floorDiv(at - x.offset(), x.stride());
            int column = Math.floorMod(at - x.offset(), x.stride());
            if (row < 0 || row >= x.rows() || column >= x.columns()) {
                assertThat(x.array()[at]).as("beside the matrix, at %d, %d", row, column).isNaN();
            }
        }
    }

    private static double[] row(DoubleMatrix x, int row) {
        return Arrays.copyOfRange(x.array(), x.index(row, 0), x.index(row, 0) + x.columns());
    }
}
