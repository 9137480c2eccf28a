package kept.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.ScopeException;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.api.Test;

class TreeSumTest {
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void theLastLeafHoldsTheSumOverTheTree(DType dtype) {
        for (int count = 1; count <= 19; count++) {
            for (int length : new int[] {0, 1, 5, 1000}) {
                try (var _ = Scope.open(); var sum = new TreeSum(count)) {
                    for (int leaf = 0; leaf < count; leaf++) {
                        Tensor tensor = TestTensors.leaf(leaf, dtype, length);
                        byte[] before = TestTensors.bytes(tensor);
                        boolean last = sum.add(tensor);
                        assertThat(last).isEqualTo(leaf == count - 1);
                        assertThat(TestTensors.bytes(tensor)).as("leaf %d of %d", leaf, count)
                                .isEqualTo(last ? TestTensors.treeSum(count, dtype, length) : before);
                        if (!last) {
                            tensor.fill(Double.NaN);
                        }
                    }
                }
            }
        }
    }

    @Test
    void oneObjectAddsOneSumAfterAnother() {
        try (var _ = Scope.open(); var sum = new TreeSum(3)) {
            for (int step = 0; step < 2; step++) {
                assertThat(sum.add(Tensor.ones(2))).isFalse();
                assertThat(sum.add(Tensor.ones(2))).isFalse();
                Tensor last = Tensor.full(step, DType.F32, Tensor.ones(2).shape());
                assertThat(sum.add(last)).isTrue();
                assertThat(last.toFloatArray()).containsExactly(2 + step, 2 + step);
            }
        }
    }

    @Test
    void keepsAtMostALogarithmOfTheLeavesAndNothingAfterwards() {
        long bytes = 1 << 20;
        try (var _ = Scope.open()) {
            Tensor leaf = Tensor.zeros(bytes / 4);
            long before = Device.cpu().memoryUsage().inUse();
            for (int[] countAndKept : new int[][] {{1, 0}, {2, 1}, {4, 2}, {5, 2}, {8, 3}, {16, 4}}) {
                try (var sum = new TreeSum(countAndKept[0])) {
                    Device.cpu().backend().resetPeakMemory();
                    for (int i = 0; i < countAndKept[0]; i++) {
                        sum.add(leaf);
                    }
                    assertThat(Device.cpu().memoryUsage().peakInUse() - before).isEqualTo(countAndKept[1] * bytes);
                    assertThat(Device.cpu().memoryUsage().inUse()).isEqualTo(before);
                }
            }
        }
    }

    @Test
    void closingFreesWhatAnUnfinishedSumKeeps() {
        try (var _ = Scope.open()) {
            Tensor leaf = Tensor.zeros(1000);
            long before = Device.cpu().memoryUsage().inUse();
            var sum = new TreeSum(4);
            sum.add(leaf);
            sum.close();
            assertThat(Device.cpu().memoryUsage().inUse()).isEqualTo(before);
            assertThatThrownBy(() -> sum.add(leaf)).isInstanceOf(ScopeException.class).hasMessage("[tree sum] this sum is closed");
        }
    }

    @Test
    void leavesOfASumAreAlike() {
        try (var _ = Scope.open(); var sum = new TreeSum(3)) {
            sum.add(Tensor.zeros(2, 3));
            assertThatThrownBy(() -> sum.add(Tensor.zeros(3, 2))).isInstanceOf(ShapeException.class)
                    .hasMessage("[tree sum] leaf 1 is f32 [3, 2] on cpu, unlike the leaves before: f32 [2, 3] on cpu");
            assertThatThrownBy(() -> sum.add(Tensor.zeros(2, 3).cast(DType.BF16))).isInstanceOf(ShapeException.class);
            assertThatThrownBy(() -> sum.add(Tensor.zeros(3, 2).transpose(0, 1))).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("contiguous");
        }
    }

    @Test
    void aLeafThatRequiresAGradientIsNotRecorded() {
        try (var _ = Scope.open(); var sum = new TreeSum(2)) {
            Tensor first = Tensor.of(new float[] {1}).requireGradient();
            Tensor second = Tensor.of(new float[] {2}).requireGradient();
            sum.add(first);
            sum.add(second);
            assertThat(second.toFloatArray()).containsExactly(3);
        }
    }
}
