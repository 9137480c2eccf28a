package kept.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DoubleProductsTest {
    private static final double TOLERANCE = 1e-11;

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "2, 3, 1", "8, 16, 4", "13, 127, 9", "7, 1, 600", "1, 129, 513", "65, 33, 17", "130, 258, 1027", "257, 17, 64"})
    void productsAreThoseOfTheDefinitionAndTouchNothingElse(int m, int n, int k) {
        DoubleMatrix a = Matrices.random(m, k, 1);
        DoubleMatrix b = Matrices.random(k, n, 2);
        for (int sign : new int[] {1, -1}) {
            DoubleMatrix expected = Matrices.product(sign, a, b, Matrices.random(m, n, 3));
            DoubleMatrix c = Matrices.random(m, n, 3);
            DoubleProducts.addProduct(sign, a, b, c);
            Matrices.requireClose(c, expected, TOLERANCE);
            DoubleMatrix d = Matrices.random(m, n, 3);
            DoubleProducts.addTransposedProduct(sign, Matrices.transposed(a), b, d);
            Matrices.requireClose(d, expected, TOLERANCE);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "2, 3", "13, 40", "64, 513", "127, 5", "300, 77", "533, 520"})
    void aGramMatrixHasItsUpperTriangleAndNothingLeftOfIt(int n, int k) {
        DoubleMatrix a = Matrices.random(k, n, 1);
        for (int sign : new int[] {1, -1}) {
            DoubleMatrix before = Matrices.random(n, n, 3);
            DoubleMatrix expected = Matrices.product(sign, Matrices.transposed(a), a, before);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < i; j++) {
                    before.set(i, j, Double.NaN);
                    expected.set(i, j, Double.NaN);
                }
            }
            DoubleProducts.addGram(sign, a, before);
            Matrices.requireClose(before, expected, TOLERANCE);
        }
    }

    @Test
    void nothingIsAddedWhereThereIsNothingToSum() {
        DoubleMatrix c = Matrices.random(3, 2, 1);
        DoubleProducts.addProduct(1, DoubleMatrix.zeros(3, 0), DoubleMatrix.zeros(0, 2), c);
        Matrices.requireClose(c, Matrices.random(3, 2, 1), 0);
    }

    @Test
    void aRoundingErrorIsThatOfDoublesNotOfFloats() {
        DoubleMatrix a = DoubleMatrix.zeros(2, 1);
        a.set(0, 0, 1);
        a.set(1, 0, 1e-8);
        DoubleMatrix c = DoubleMatrix.zeros(1, 1);
        DoubleProducts.addGram(1, a, c);
        assertThat(c.get(0, 0)).isEqualTo(1 + 1e-16).isEqualTo(1);
        DoubleProducts.addTransposedProduct(-1, a.rows(0, 1), a.rows(0, 1), c);
        DoubleProducts.addProduct(1, a.rows(1, 2), a.rows(1, 2), c);
        assertThat(c.get(0, 0)).isEqualTo(1e-8 * 1e-8);
    }

    @Test
    void floatsAreWidenedRowByRow() {
        DoubleMatrix x = DoubleMatrix.zeros(4, 3).rows(1, 4);
        DoubleMatrix filled = x.fill(new float[] {9, 9, 9, 1, 2, 3, 4, 5, 0.1f}, 3, 2);
        assertThat(filled.rows()).isEqualTo(2);
        assertThat(x.array()).containsExactly(0, 0, 0, 1, 2, 3, 4, 5, 0.1f, 0, 0, 0);
    }

    @Test
    void sizesThatDoNotGoTogetherAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DoubleProducts.addProduct(1, DoubleMatrix.zeros(3, 4), DoubleMatrix.zeros(5, 2), DoubleMatrix.zeros(3, 2)))
                .withMessage("[linalg] sizes of C = C + A B differ: C 3 x 2, the product 3 x 2, inner sizes 4 and 5");
        assertThatIllegalArgumentException().isThrownBy(() -> DoubleProducts.addGram(2, DoubleMatrix.zeros(3, 4), DoubleMatrix.zeros(4, 4)))
                .withMessageContaining("1 or -1, not 2");
        assertThatIllegalArgumentException().isThrownBy(() -> DoubleMatrix.zeros(50_000, 50_000)).withMessageContaining("more than an array holds");
        assertThatIllegalArgumentException().isThrownBy(() -> new DoubleMatrix(new double[5], 0, 2, 3, 3)).withMessageContaining("array of 5");
        assertThat(DoubleMatrix.zeros(3, 3).block(3, 3, 0, 2).rows()).isZero();
    }
}
