package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RunWindowTest {
    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "BF16", "F16"})
    void aValueIsRepeatedAsOftenAsTheRunIsLong(DType dtype) {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {3, 5}).cast(dtype);
            // What an earlier kernel left in the thread's memory.
            Elements.fill(RunWindow.block(0), 0, -1, StridedIterator.RUN);
            RunWindow window = new RunWindow(x, 0, 0);
            for (int[] positionAndCount : new int[][] {
                {0, 1}, {0, StridedIterator.RUN}, {1, 7}, {1, 6}, {1, StridedIterator.RUN}, {0, 100}, {0, 2000}}) {
                window.read(positionAndCount[0], positionAndCount[1]);
                for (int i = 0; i < positionAndCount[1]; i++) {
                    assertThat(window.get(i)).as("element %d of %d", i, positionAndCount[1]).isEqualTo(positionAndCount[0] == 0 ? 3 : 5);
                }
            }
        }
    }
}
