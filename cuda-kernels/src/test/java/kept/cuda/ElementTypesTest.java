package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** Masks and bytes on the virtual GPU by the public operations, and the type that CUDA lacks. */
class ElementTypesTest {
    @Test
    void masksAndBytesAreComputedOnTheDevice() {
        try (var _ = Scope.open(VirtualCudaProvider.testDevice())) {
            Tensor x = Tensor.of(new float[] {-1, 0, 2, Float.NaN, 5});
            Tensor positive = x.gt(0);
            assertThat(positive.dtype()).isEqualTo(DType.BOOL);
            assertThat(positive.toBooleanArray()).containsExactly(false, false, true, false, true);
            assertThat(positive.sum().toLongArray()).containsExactly(2);
            assertThat(positive.logicalNot().logicalAnd(x.isFinite()).toBooleanArray()).containsExactly(true, true, false, false, false);
            assertThat(x.isNaN().any().toBooleanArray()).containsExactly(true);
            assertThat(Tensor.where(positive, x, Tensor.scalar(0, DType.F32)).toFloatArray()).containsExactly(0, 0, 2, 0, 5);
            assertThat(Tensor.where(positive.cast(DType.I32), x, Tensor.scalar(0, DType.F32)).toFloatArray()).containsExactly(0, 0, 2, 0, 5);
            assertThat(positive.mul(x.abs()).toDoubleArray()).containsExactly(0, 0, 2, Double.NaN, 5);
            Tensor bytes = Tensor.of(new byte[] {(byte) 250, 3, 0});
            assertThat(bytes.add(Tensor.of(new byte[] {10, (byte) 255, 0})).toLongArray()).containsExactly(4, 2, 0);
            assertThat(bytes.sub(1).toLongArray()).containsExactly(249, 2, 255);
            assertThat(bytes.add(Tensor.of(new int[] {10, 10, 10})).toLongArray()).containsExactly(260, 13, 10);
            assertThat(bytes.argMax(0).toLongArray()).containsExactly(0);
            assertThat(bytes.sort(0).values().toLongArray()).containsExactly(0, 3, 250);
            assertThat(Tensor.full(300, DType.U8, Shape.of(40)).toLongArray()).containsOnly(255);
        }
    }

    @Test
    void tensorsOfF64AreRefusedBeforeAnythingIsComputed() {
        try (var _ = Scope.open(VirtualCudaProvider.testDevice())) {
            Tensor x = Tensor.ones(3);
            for (Runnable call : new Runnable[] {
                () -> x.cast(DType.F64), () -> Tensor.of(new double[] {1}), () -> Tensor.full(1, DType.F64, Shape.of(2))
            }) {
                assertThatThrownBy(call::run).isInstanceOf(DTypeException.class).hasMessage(
                        "[empty] the device %s has no f64 yet; cast to f32 first, or use the device cpu", x.device());
            }
            assertThat(x.toDoubleArray()).as("what comes to the host needs no such tensor").containsExactly(1, 1, 1);
            assertThat(x.get(1)).isEqualTo(1);
        }
    }
}
