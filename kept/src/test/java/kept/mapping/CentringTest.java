package kept.mapping;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

class CentringTest {
    @Test
    void eachRowLosesItsMeanAndGetsTheAnchor() {
        try (var _ = Scope.open()) {
            Tensor rows = Tensor.of(new float[] {1, 2, 6, -4, 0, 1}, 2, 3);
            assertThat(new CentredRows(0.5, 0.25).apply(List.of(rows), rows.shape()).toFloatArray())
                    .containsExactly(-0.75f, -0.25f, 1.75f, -1.25f, 0.75f, 1.25f);
            assertThat(rows.toFloatArray()).as("the source stays").containsExactly(1, 2, 6, -4, 0, 1);
        }
    }

    @Test
    void eachColumnLosesItsMeanSoThatAllOutputsSumToZero() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.of(new float[] {1, 8, 3, -2, 5, 6}, 3, 2);
            assertThat(new CentredOutputs(2).apply(List.of(weight), weight.shape()).toFloatArray()).containsExactly(-4, 8, 0, -12, 4, 4);
        }
    }

    /** More rows than are held at a time, and means that f32 sums would get wrong. */
    @Test
    void sumsAreExactForLargeMatrices() {
        try (var _ = Scope.open()) {
            Tensor large = Tensor.normal(1, 0, 3001, 1500).add(1000);
            Tensor rows = new CentredRows(1, 0).apply(List.of(large), large.shape());
            Tensor outputs = new CentredOutputs(1).apply(List.of(large), large.shape());
            float[] values = large.toFloatArray();
            float[] byRow = rows.toFloatArray();
            float[] byColumn = outputs.toFloatArray();
            for (int i : new int[] {0, 1499, 1500 * 2796, 1500 * 3000 + 7}) {
                double rowMean = 0;
                for (int column = 0; column < 1500; column++) {
                    rowMean += values[i / 1500 * 1500 + column] / 1500.0;
                }
                double columnMean = 0;
                for (int row = 0; row < 3001; row++) {
                    columnMean += values[row * 1500 + i % 1500] / 3001.0;
                }
                assertThat((double) byRow[i]).as("row of %d", i).isCloseTo(values[i] - rowMean, within(1e-6));
                assertThat((double) byColumn[i]).as("column of %d", i).isCloseTo(values[i] - columnMean, within(1e-6));
            }
        }
    }

    @Test
    void aConstantNeedsNoSource() {
        try (var _ = Scope.open()) {
            assertThat(new Constant("norm", 1).apply(List.of(), Shape.of(3)).toFloatArray()).containsExactly(1, 1, 1);
        }
    }
}
