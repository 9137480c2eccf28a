package kept.backend;

import java.util.Arrays;
import java.util.List;
import kept.backend.composition.HostLeastSquares;
import kept.linalg.NotPositiveDefiniteException;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

/** Least squares in double precision: devices agree with the host, fail at the same row, and give the same bits for the same calls. */
public abstract class LeastSquaresContract extends KernelContract {
    /** Ridge relative to the mean of the diagonal: the condition of the equations is then at most some thousands. */
    private static final double RIDGE = 1e-3;

    /** For subclasses. */
    protected LeastSquaresContract() {}

    private static Tensor y(long seed, int tokens, int width) {
        Tensor y = normal(DType.F32, seed, 1, tokens, width);
        // One channel is far from zero, as an anchor is.
        return width < 2 || tokens == 0 ? y : y.add(Tensor.of(anchor(width)));
    }

    private static float[] anchor(int width) {
        float[] anchor = new float[width];
        anchor[width / 2] = 3;
        return anchor;
    }

    /** A linear map of y with noise. */
    private static Tensor d(Tensor y, double noise) {
        int width = (int) y.size(1);
        return y.matmul(normal(DType.F32, 77, 1 / Math.sqrt(width), width, width)).add(normal(DType.F32, 78, noise, y.size(0), width));
    }

    private static double ridge(LeastSquares equations, int width) {
        return RIDGE * equations.trace() / width;
    }

    private static LeastSquares host(int width, List<Tensor> rows) {
        var host = new HostLeastSquares(width);
        rows.forEach(y -> host.add(y, d(y, 0.1)));
        return host;
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 700", "2, 5", "13, 40", "63, 200", "64, 513", "65, 100", "130, 1", "193, 1025", "577, 30"})
    void theSolutionIsTheHostsWhateverTheSizes(int width, int tokens) {
        Tensor y = y(1, tokens, width);
        LeastSquares host = host(width, List.of(y));
        try (LeastSquares equations = backend().leastSquares(width)) {
            equations.add(y, d(y, 0.1));
            assertThat(equations.trace()).isCloseTo(host.trace(), within(1e-12 * host.trace()));
            equations.factor(ridge(host, width));
            host.factor(ridge(host, width));
            requireClose(equations.solve(), host.solve());
        }
    }

    /** As close as a rounding to f32 of what differs in the last bits of a double times the condition. */
    private static void requireClose(LeastSquares.Solution actual, LeastSquares.Solution expected) {
        requireClose(actual.matrix(), expected.matrix());
        requireClose(actual.constant(), expected.constant());
    }

    private static void requireClose(float[] actual, float[] expected) {
        double largest = 0;
        for (float value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i]).as("element %d", i).isCloseTo(expected[i], within(0x1p-23 * Math.abs(expected[i]) + 1e-10 * largest));
        }
    }

    @Test
    void theSolutionSolvesTheEquations() {
        int width = 70;
        Tensor y = y(2, 300, width);
        Tensor d = d(y, 0.1);
        float[] ofY = y.toFloatArray();
        float[] ofD = d.toFloatArray();
        try (LeastSquares equations = backend().leastSquares(width)) {
            equations.add(y, d);
            double shift = ridge(equations, width);
            equations.factor(shift);
            LeastSquares.Solution solution = equations.solve();
            // sum (d - C y) y^T - shift C, and sum (1 - w y) y - shift w, are zero.
            for (int j = 0; j < width; j++) {
                double ofConstant = -shift * solution.constant()[j];
                double ofRow = -shift * solution.matrix()[11 * width + j];
                for (int t = 0; t < 300; t++) {
                    ofConstant += (1 - dot(solution.constant(), 0, ofY, t * width, width)) * ofY[t * width + j];
                    ofRow += (ofD[t * width + 11] - dot(solution.matrix(), 11 * width, ofY, t * width, width)) * ofY[t * width + j];
                }
                assertThat(ofConstant).as("constant, %d", j).isCloseTo(0, within(1e-3));
                assertThat(ofRow).as("row 11, %d", j).isCloseTo(0, within(1e-3));
            }
        }
    }

    private static double dot(float[] a, int fromA, float[] b, int fromB, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += (double) a[fromA + i] * b[fromB + i];
        }
        return sum;
    }

    /** Sums may be stored and loaded, added outside, and solved some channels at a time: with the bits of one object that does all. */
    @ParameterizedTest
    @CsvSource({"1, 3", "5, 20", "19, 40", "65, 130", "130, 200"})
    void sumsMayBeStoredAndChannelsSolvedInPieces(int width, int tokens) {
        Tensor first = y(11, tokens, width);
        Tensor second = y(12, tokens + 1, width);
        try (var host = Scope.detached(Device.cpu());
                LeastSquares equations = backend().leastSquares(width)) {
            Tensor sums = host.run(() -> Tensor.empty(DType.F64, Shape.of(width * (2L * width + 1))));
            Tensor others = host.run(() -> Tensor.empty(DType.F64, sums.shape()));
            equations.add(first, d(first, 0.1));
            equations.store(sums);
            equations.clear();
            equations.add(second, d(second, 0.1));
            equations.store(others);
            try (var _ = Scope.open(Device.cpu())) {
                sums.assign(sums.add(others));
            }
            equations.load(sums);
            double shift = ridge(equations, width);
            equations.factor(shift);
            LeastSquares.Solution whole = equations.solve();
            LeastSquares reference = host(width, List.of(first, second));
            reference.factor(shift);
            requireClose(whole, reference.solve());
            int half = width / 2 + width % 2;
            for (int[] some : new int[][] {{0, half}, {half, width}, {half, half}}) {
                equations.load(sums);
                equations.factor(shift);
                LeastSquares.Solution part = equations.solve(some[0], some[1]);
                assertThat(part.matrix()).isEqualTo(Arrays.copyOfRange(whole.matrix(), some[0] * width, some[1] * width));
                assertThat(part.constant()).isEqualTo(whole.constant());
            }
        }
    }

    @Test
    void rowsMayComeInPartsAndMayBeNone() {
        int width = 20;
        List<Tensor> parts = List.of(y(3, 7, width), y(4, 0, width), y(5, 600, width), y(6, 1, width));
        LeastSquares host = host(width, parts);
        try (LeastSquares equations = backend().leastSquares(width)) {
            parts.forEach(y -> equations.add(y, d(y, 0.1)));
            equations.factor(ridge(host, width));
            host.factor(ridge(host, width));
            requireClose(equations.solve(), host.solve());
        }
    }

    @Test
    void rowsOfShorterTypesAreTheSameNumbersInF32() {
        int width = 33;
        for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
            Tensor y = normal(dtype, 7, 1, 50, width);
            Tensor d = normal(dtype, 8, 1, 50, width);
            float[][] solutions = new float[2][];
            for (int i = 0; i < 2; i++) {
                try (LeastSquares equations = backend().leastSquares(width)) {
                    equations.add(i == 0 ? y : y.cast(DType.F32), i == 0 ? d : d.cast(DType.F32));
                    equations.factor(1);
                    solutions[i] = equations.solve().matrix();
                }
            }
            assertThat(solutions[0]).as("%s", dtype).isEqualTo(solutions[1]);
        }
    }

    @Test
    void rowsMayBeginAnywhere() {
        int width = 21;
        float[] numbers = normal(DType.F32, 9, 1, 2000).toFloatArray();
        float[][] solutions = new float[2][];
        for (int i = 0; i < 2; i++) {
            Tensor all = Tensor.of(numbers);
            Tensor y = TensorMemory.view(all, Shape.of(40, width), new long[] {width, 1}, 1);
            Tensor d = TensorMemory.view(all, Shape.of(40, width), new long[] {width, 1}, 1 + 40 * width);
            try (LeastSquares equations = backend().leastSquares(width)) {
                equations.add(i == 0 ? y : Tensor.of(y.toFloatArray(), 40, width), i == 0 ? d : Tensor.of(d.toFloatArray(), 40, width));
                equations.factor(1);
                solutions[i] = equations.solve().matrix();
            }
        }
        assertThat(solutions[0]).isEqualTo(solutions[1]);
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 9", "7, 3, 40", "40, 40, 513", "300, 256, 20"})
    void theErrorsOfAFitAreThoseOfItsChannels(int width, int channels, int tokens) {
        Tensor y = y(10, Math.max(tokens, 2 * width), width);
        Tensor heldY = y(11, tokens, width);
        Tensor heldD = d(heldY, 0.3);
        try (LeastSquares equations = backend().leastSquares(width)) {
            equations.add(y, d(y, 0.1));
            equations.factor(ridge(equations, width));
            equations.fit(1);
            equations.evaluate(heldY, heldD);
            equations.fit(channels);
            equations.evaluate(heldY, heldD);
            equations.evaluate(heldY.slice(0, 0, 5), heldD.slice(0, 0, 5));
            LeastSquares.Errors errors = equations.errors();
            // The fit has changed neither the equations nor their factor.
            float[] matrix = equations.solve().matrix();
            float[] ofY = heldY.toFloatArray();
            float[] ofD = heldD.toFloatArray();
            double missed = 0;
            double all = 0;
            for (int t = 0; t < tokens + 5; t++) {
                int row = (t < tokens ? t : t - tokens) * width;
                for (int q = 0; q < channels; q++) {
                    int channel = q * width / channels;
                    double rest = ofD[row + channel] - dot(matrix, channel * width, ofY, row, width);
                    double whole = (double) ofD[row + channel] + ofY[row + channel];
                    missed += rest * rest;
                    all += whole * whole;
                }
            }
            assertThat(errors.all()).isCloseTo(all, within(1e-12 * all));
            assertThat(errors.missed()).isPositive().isCloseTo(missed, within(1e-4 * missed));
        }
    }

    @Test
    void theSameCallsGiveTheSameBits() {
        int width = 100;
        Tensor y = y(12, 700, width);
        Tensor d = d(y, 0.1);
        try (LeastSquares first = backend().leastSquares(width);
                LeastSquares second = backend().leastSquares(width)) {
            LeastSquares.Solution once = solved(first, y, d);
            assertThat(solved(second, y, d)).usingRecursiveComparison().isEqualTo(once);
            first.clear();
            assertThat(solved(first, y, d)).as("after clear").usingRecursiveComparison().isEqualTo(once);
        }
    }

    private static LeastSquares.Solution solved(LeastSquares equations, Tensor y, Tensor d) {
        equations.add(y, d);
        equations.factor(1);
        return equations.solve();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 63, 64, 100, 129})
    void aSingularMatrixIsRefusedWithItsRowUnlessItIsShifted(int row) {
        int width = 130;
        float[] values = y(13, 400, width).toFloatArray();
        for (int t = 0; t < 400; t++) {
            values[t * width + row] = 0;
        }
        Tensor y = Tensor.of(values, 400, width);
        try (LeastSquares equations = backend().leastSquares(width)) {
            equations.add(y, d(y, 0.1));
            assertThatExceptionOfType(NotPositiveDefiniteException.class).isThrownBy(() -> equations.factor(0))
                    .withMessageContaining("the square of row %d's pivot is 0.0".formatted(row)).returns(row, NotPositiveDefiniteException::row);
            assertThatIllegalStateException().isThrownBy(equations::solve).withMessageContaining("nothing is factored");
            equations.factor(ridge(equations, width));
            LeastSquares.Solution solution = equations.solve();
            assertThat(solution.constant()[row]).as("what is always zero predicts nothing").isZero();
            assertThat(solution.constant()[width / 2 == row ? 0 : width / 2]).isNotZero();
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
    void whatIsNotFiniteIsRefusedWithItsRow(float value) {
        int width = 70;
        for (int row : new int[] {0, 66}) {
            float[] values = y(14, 100, width).toFloatArray();
            values[50 * width + row] = value;
            Tensor y = Tensor.of(values, 100, width);
            try (LeastSquares equations = backend().leastSquares(width)) {
                equations.add(y, Tensor.zeros(100, width));
                assertThatExceptionOfType(NotPositiveDefiniteException.class).isThrownBy(() -> equations.factor(1))
                        .returns(row, NotPositiveDefiniteException::row);
            }
        }
    }

    @Test
    void equationsOfEqualChannelsAreSolvedByARidge() {
        int width = 66;
        float[] values = y(15, 200, width).toFloatArray();
        for (int t = 0; t < 200; t++) {
            values[t * width + 65] = values[t * width + 3];
        }
        Tensor y = Tensor.of(values, 200, width);
        LeastSquares host = host(width, List.of(y));
        try (LeastSquares equations = backend().leastSquares(width)) {
            equations.add(y, d(y, 0.1));
            double shift = 1e-9 * host.trace() / width;
            host.factor(shift);
            equations.factor(shift);
            LeastSquares.Solution actual = equations.solve();
            LeastSquares.Solution expected = host.solve();
            // The condition is 1e9 and more: single elements have 7 digits fewer than doubles.
            for (int i = 0; i < actual.matrix().length; i++) {
                assertThat(actual.matrix()[i]).as("element %d", i).isCloseTo(expected.matrix()[i], within(1e-5f));
            }
            assertThat(actual.matrix()[65]).as("the ridge divides evenly").isCloseTo(actual.matrix()[3], within(1e-5f));
        }
    }

    @Test
    void closingFreesAllMemory() {
        Tensor y = y(16, 100, 90);
        long before = device().memoryUsage().inUse();
        try (LeastSquares equations = backend().leastSquares(90)) {
            solved(equations, y, y);
        }
        assertThat(device().memoryUsage().inUse()).isEqualTo(before);
    }

    @Test
    void wrongRowsAndWrongOrderAreRefused() {
        assertThatExceptionOfType(ShapeException.class).isThrownBy(() -> backend().leastSquares(0)).withMessageContaining("1 or more, not 0");
        try (LeastSquares equations = backend().leastSquares(3)) {
            Tensor y = y(17, 4, 3);
            assertThatExceptionOfType(ShapeException.class).isThrownBy(() -> equations.add(y, Tensor.zeros(5, 3)))
                    .withMessageContaining("[tokens, 3], not [4, 3] and [5, 3]");
            assertThatExceptionOfType(ShapeException.class).isThrownBy(() -> equations.add(y.transpose(0, 1), y.transpose(0, 1)));
            assertThatExceptionOfType(DTypeException.class).isThrownBy(() -> equations.add(y.cast(DType.I32), y)).withMessageContaining("not I32");
            assertThatIllegalStateException().isThrownBy(() -> equations.fit(1)).withMessageContaining("nothing is factored");
            equations.add(y, y);
            equations.factor(1);
            assertThatIllegalStateException().isThrownBy(() -> equations.evaluate(y, y)).withMessageContaining("nothing is fitted");
            assertThatExceptionOfType(ShapeException.class).isThrownBy(() -> equations.fit(4)).withMessageContaining("1 to 3 channels, not 4");
            equations.solve();
            assertThatIllegalStateException().isThrownBy(() -> equations.add(y, y)).withMessageContaining("clear first");
            assertThatIllegalStateException().isThrownBy(equations::solve).withMessageContaining("overwritten");
            equations.clear();
            equations.add(y, y);
        }
    }
}
