package kept.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;


class CholeskyTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 13, 64, 65, 127, 300})
    void theSolutionSolvesTheEquationsWhateverTheSize(int size) {
        double[][] matrix = positiveDefinite(size);
        double[][] wanted = random(size, size + 3, 2);
        double shift = 0.5;
        var b = new double[size][size + 3];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size + 3; j++) {
                for (int k = 0; k < size; k++) {
                    b[i][j] += (matrix[i][k] + (i == k ? shift : 0)) * wanted[k][j];
                }
            }
        }
        try (var workers = new Workers(3)) {
            Cholesky.of(upper(matrix), shift, workers).solve(b);
        }
        for (int i = 0; i < size; i++) {
            assertThat(b[i]).as("row %d", i).containsExactly(wanted[i], within(1e-9));
        }
    }

    @Test
    void theBitsDoNotDependOnTheNumberOfThreads() {
        double[][] matrix = positiveDefinite(333);
        double[][] one = random(333, 290, 7);
        double[][] four = random(333, 290, 7);
        try (var alone = new Workers(1); var together = new Workers(4)) {
            Cholesky.of(matrix, 0, alone).solve(one);
            Cholesky.of(matrix, 0, together).solve(four);
        }
        assertThat(four).isDeepEqualTo(one);
    }

    @Test
    void aMatrixThatIsNotPositiveDefiniteHasNoFactor() {
        double[][] matrix = {{1, 2}, {2, 1}};
        try (var workers = new Workers(1)) {
            assertThat(Cholesky.of(matrix, 0, workers)).isNull();
            assertThat(Cholesky.of(new double[][] {{Double.NaN}}, 0, workers)).isNull();
        }
    }

    /** What lies left of the diagonal is not to be read. */
    private static double[][] upper(double[][] matrix) {
        var upper = new double[matrix.length][];
        for (int i = 0; i < matrix.length; i++) {
            upper[i] = matrix[i].clone();
            Arrays.fill(upper[i], 0, i, Double.NaN);
        }
        return upper;
    }

    private static double[][] positiveDefinite(int size) {
        double[][] factor = random(size, size, 1);
        var matrix = new double[size][size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                for (int k = 0; k < size; k++) {
                    matrix[i][j] += factor[i][k] * factor[j][k] / size;
                }
            }
            matrix[i][i] += 1;
        }
        return matrix;
    }

    static double[][] random(int rows, int columns, long seed) {
        var random = new Random(seed);
        var matrix = new double[rows][columns];
        for (double[] row : matrix) {
            for (int j = 0; j < columns; j++) {
                row[j] = random.nextGaussian();
            }
        }
        return matrix;
    }
}
