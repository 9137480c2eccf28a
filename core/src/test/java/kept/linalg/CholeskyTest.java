package kept.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CholeskyTest {
    private static final double SHIFT = 0.5;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 13, 64, 65, 127, 128, 193, 300, 515})
    void theSolutionSolvesTheEquationsWhateverTheSize(int size) {
        DoubleMatrix matrix = Matrices.positiveDefinite(size);
        DoubleMatrix wanted = Matrices.random(size, size + 3, 2);
        DoubleMatrix whole = DoubleMatrix.zeros(size, size);
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                whole.set(i, j, matrix.get(Math.min(i, j), Math.max(i, j)) + (i == j ? SHIFT : 0));
            }
        }
        DoubleMatrix b = Matrices.random(size, size + 3, 3);
        DoubleMatrix product = Matrices.product(1, whole, wanted, DoubleMatrix.zeros(size, size + 3));
        for (int i = 0; i < size; i++) {
            System.arraycopy(product.array(), product.index(i, 0), b.array(), b.index(i, 0), size + 3);
        }
        // The memory is full of NaN: nothing of it may be read.
        DoubleMatrix memory = DoubleMatrix.zeros(size, size);
        Arrays.fill(memory.array(), Double.NaN);
        Cholesky.of(matrix, SHIFT, memory).solve(b);
        Matrices.requireClose(b, wanted, 1e-12 * size + 1e-12);
    }

    @Test
    void fewRightSidesAreSolvedAsMany() {
        Cholesky factor = Cholesky.of(Matrices.positiveDefinite(200), 0);
        DoubleMatrix many = Matrices.random(200, 130, 4);
        DoubleMatrix one = DoubleMatrix.zeros(200, 1);
        for (int i = 0; i < 200; i++) {
            one.set(i, 0, many.get(i, 129));
        }
        factor.solve(many);
        factor.solve(one);
        for (int i = 0; i < 200; i++) {
            assertThat(one.get(i, 0)).as("row %d", i).isEqualTo(many.get(i, 129));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 63, 64, 100, 299})
    void aMatrixThatIsNotPositiveDefiniteIsToldWithTheRow(int row) {
        DoubleMatrix matrix = Matrices.positiveDefinite(300);
        matrix.set(row, row, -1);
        assertThatExceptionOfType(NotPositiveDefiniteException.class).isThrownBy(() -> Cholesky.of(matrix, 0))
                .withMessageContaining("the square of row %d's pivot is -".formatted(row)).returns(row, NotPositiveDefiniteException::row);
        matrix.set(row, row, Double.NaN);
        assertThatExceptionOfType(NotPositiveDefiniteException.class).isThrownBy(() -> Cholesky.of(matrix, 0))
                .returns(row, NotPositiveDefiniteException::row);
    }

    /** Whatever the width of vectors: each element is a chain of fused multiply-adds, then divided by the pivot. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 8, 9, 31, 63, 64})
    void aBlockHasTheBitsOfItsDefinition(int size) {
        DoubleMatrix matrix = Matrices.positiveDefinite(size);
        DoubleMatrix memory = DoubleMatrix.zeros(size, size);
        Arrays.fill(memory.array(), Double.NaN);
        Cholesky.of(matrix, SHIFT, memory);
        var expected = new double[size * size];
        Arrays.fill(expected, Double.NaN);
        for (int i = 0; i < size; i++) {
            for (int j = i; j < size; j++) {
                double value = matrix.get(i, j) + (i == j ? SHIFT : 0);
                for (int k = 0; k < i; k++) {
                    value = Math.fma(-expected[k * size + i], expected[k * size + j], value);
                }
                expected[i * size + j] = i == j ? Math.sqrt(value) : value / expected[i * size + i];
            }
        }
        assertThat(memory.array()).isEqualTo(expected);
    }

    @Test
    void whatWasFactoredIsNotChanged() {
        DoubleMatrix matrix = Matrices.positiveDefinite(70);
        DoubleMatrix before = matrix.copy();
        Cholesky.of(matrix, 1);
        assertThat(matrix.copy().array()).isEqualTo(before.array());
    }

    @Test
    void whatHasNoFactorOrNoSolutionIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> Cholesky.of(DoubleMatrix.zeros(2, 3), 1))
                .withMessageContaining("square and of one size, not 2 x 3");
        Cholesky factor = Cholesky.of(DoubleMatrix.zeros(2, 2), 1);
        assertThatIllegalArgumentException().isThrownBy(() -> factor.solve(DoubleMatrix.zeros(3, 1))).withMessageContaining("2 equations");
    }
}
