package kept.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NormRegressionTest {
    private static final int WIDTH = 19;

    private Scope scope;

    @BeforeEach
    void openScope() {
        scope = Scope.open();
    }

    @AfterEach
    void closeScope() {
        scope.close();
    }

    /** A teacher's d that is a linear map of y, with noise, on some tokens. */
    private static NormRegression regression(double noise, int tokens, int heldOut) {
        var regression = new NormRegression(WIDTH, Device.cpu());
        var random = new Random(3);
        for (int count : new int[] {tokens, heldOut}) {
            var y = new float[count * WIDTH];
            var d = new float[y.length];
            for (int t = 0; t < count; t++) {
                for (int i = 0; i < WIDTH; i++) {
                    y[t * WIDTH + i] = (float) random.nextGaussian() + (i == 4 ? 3 : 0);
                }
                for (int i = 0; i < WIDTH; i++) {
                    double sum = noise * random.nextGaussian();
                    for (int j = 0; j < WIDTH; j++) {
                        sum += coefficient(i, j) * y[t * WIDTH + j];
                    }
                    d[t * WIDTH + i] = (float) sum;
                }
            }
            regression.add(Tensor.of(y, count, WIDTH), Tensor.of(d, count, WIDTH), count == heldOut);
        }
        return regression;
    }

    private static double coefficient(int i, int j) {
        return 0.1 * Math.sin(1 + 7 * i + j);
    }

    @Test
    void aLinearMapIsFound() {
        NormRegression.Solution solution = regression(0, 1500, 77).solve(1e-9);
        for (int i = 0; i < WIDTH; i++) {
            for (int j = 0; j < WIDTH; j++) {
                assertThat(solution.correction()[i * WIDTH + j]).as("%d, %d", i, j).isCloseTo((float) coefficient(i, j), within(1e-5f));
            }
        }
        assertThat(solution.error()).isLessThan(1e-10);
    }

    @Test
    void fewNoisyTokensTakeALargerRidgeThanManyExactOnes() {
        NormRegression.Solution exact = regression(0, 1500, 300).solve(Double.NaN);
        NormRegression.Solution noisy = regression(2, 30, 301).solve(Double.NaN);
        assertThat(noisy.ridge()).isGreaterThan(100 * exact.ridge());
        assertThat(noisy.error()).as("better than with hardly any ridge")
                .isLessThan(regression(2, 30, 301).solve(1e-9).error());
    }

    @Test
    void theConstantIsEstimatedFromTheSameTokens() {
        var regression = new NormRegression(2, Device.cpu());
        // w (1, 1) = 1 and w (3, -1) = 1.
        regression.add(Tensor.of(new float[] {1, 1, 3, -1, 1, 1, 3, -1}, 4, 2), Tensor.zeros(4, 2), false);
        regression.add(Tensor.of(new float[] {1, 1, 3, -1}, 2, 2), Tensor.zeros(2, 2), true);
        assertThat(regression.solve(0).constant()).containsExactly(new float[] {0.5f, 0.5f}, within(1e-6f));
    }

    @Test
    void equationsWithoutASolutionNameTheRidgesThatWereTried() {
        for (double ridge : new double[] {Double.NaN, 0}) {
            var regression = new NormRegression(2, Device.cpu());
            regression.add(Tensor.zeros(4, 2), Tensor.zeros(4, 2), false);
            assertThatExceptionOfType(CalibrationException.class).isThrownBy(() -> regression.solve(ridge))
                    .withMessage("[calibration] a norm's least squares cannot be solved with %s; give more text or a larger --ridge",
                            Double.isNaN(ridge) ? "any ridge from 1.0E-9 to 0.015" : "ridge 0.0");
        }
    }
}
