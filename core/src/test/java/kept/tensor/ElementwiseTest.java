package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ElementwiseTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    @Test
    void arithmeticBroadcasts() {
        Tensor column = Tensor.of(new float[] {1, 2}, 2, 1);
        Tensor row = Tensor.of(new float[] {10, 20, 30});
        assertThat(column.add(row).shape()).isEqualTo(Shape.of(2, 3));
        assertThat(column.add(row).toFloatArray()).containsExactly(11, 21, 31, 12, 22, 32);
        assertThat(row.sub(column).toFloatArray()).containsExactly(9, 19, 29, 8, 18, 28);
        assertThat(column.mul(row).toFloatArray()).containsExactly(10, 20, 30, 20, 40, 60);
        assertThat(row.div(column).toFloatArray()).containsExactly(10, 20, 30, 5, 10, 15);
        assertThat(row.minimum(Tensor.scalar(15, DType.F32)).toFloatArray()).containsExactly(10, 15, 15);
        assertThat(row.maximum(Tensor.scalar(15, DType.F32)).toFloatArray()).containsExactly(15, 20, 30);
    }

    /** A copy of the operand, or a tensor for a bound, would be a pass more. */
    @Test
    void squaresAndClampsTakeNoMemoryButTheirResults() {
        for (DType dtype : new DType[] {DType.F32, DType.BF16, DType.F64}) {
            Tensor x = Tensor.arange(4096).cast(dtype);
            assertThat(bytesTaken(x::square)).as("square of %s", dtype).isEqualTo(x.elementCount() * dtype.bytes());
            assertThat(bytesTaken(() -> x.clamp(7, 9))).as("clamp of %s", dtype).isEqualTo(x.elementCount() * dtype.bytes());
        }
    }

    /** The most that is in use at a time beyond what is in use before. */
    private static long bytesTaken(Supplier<Tensor> operation) {
        var backend = Device.cpu().backend();
        backend.resetPeakMemory();
        long before = backend.memoryUsage().inUse();
        try (var _ = Scope.open()) {
            operation.get();
        }
        return backend.memoryUsage().peakInUse() - before;
    }

    @Test
    void emptyTensorsGiveEmptyTensors() {
        Tensor empty = Tensor.zeros(0, 3);
        assertThat(empty.add(1).mul(Tensor.ones(3)).exp().shape()).isEqualTo(Shape.of(0, 3));
        assertThat(empty.sum(0).toFloatArray()).containsExactly(0, 0, 0);
    }

    @Test
    void shapesThatDoNotBroadcastAreNamed() {
        assertThatThrownBy(() -> Tensor.ones(2, 3).mul(Tensor.ones(4)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[mul] shapes do not broadcast: [2, 3] and [4]");
        assertThatThrownBy(() -> Tensor.where(Tensor.ones(2).gt(0), Tensor.ones(3), Tensor.ones(1)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("[where] shapes do not broadcast: [2] and [3]");
    }

    @Test
    void differentFloatingTypesGiveF32() {
        Tensor bf16 = Tensor.of(new float[] {1, 2}).cast(DType.BF16);
        Tensor f16 = Tensor.of(new float[] {0.25f, 0.5f}).cast(DType.F16);
        assertThat(bf16.add(Tensor.ones(2)).dtype()).isEqualTo(DType.F32);
        assertThat(bf16.mul(f16).dtype()).isEqualTo(DType.F32);
        assertThat(bf16.mul(f16).toFloatArray()).containsExactly(0.25f, 1);
        assertThat(bf16.add(bf16).dtype()).isEqualTo(DType.BF16);
        assertThat(bf16.exp().dtype()).isEqualTo(DType.BF16);
    }

    @Test
    void typesThatNoTypeHoldsDoNotMix() {
        Tensor i32 = Tensor.of(new int[] {1, 2});
        assertThat(i32.add(i32).dtype()).isEqualTo(DType.I32);
        assertThatThrownBy(() -> i32.add(Tensor.ones(2)))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[add] operands are i32 and f32; cast one of them first");
        assertThatThrownBy(() -> Tensor.of(new double[] {1, 2}).sub(Tensor.of(new long[] {1, 2})))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[sub] operands are f64 and i64; cast one of them first");
        Tensor bool = Tensor.of(new boolean[] {true, false});
        assertThatThrownBy(() -> bool.sub(bool)).isInstanceOf(DTypeException.class).hasMessage("[sub] needs numbers, not bool; cast it first");
        assertThatThrownBy(() -> bool.div(1)).isInstanceOf(DTypeException.class).hasMessage("[div] needs numbers, not bool; cast it first");
        assertThatThrownBy(bool::neg).isInstanceOf(DTypeException.class).hasMessage("[neg] needs numbers, not bool; cast it first");
        assertThatThrownBy(() -> bool.add(2)).isInstanceOf(DTypeException.class).hasMessage("[add] 2.0 is not a bool; cast the tensor to f32 first");
        assertThatThrownBy(() -> Tensor.of(new byte[1]).add(256)).isInstanceOf(DTypeException.class)
                .hasMessage("[add] 256.0 is not a u8; cast the tensor to f32 first");
        assertThatThrownBy(i32::exp).isInstanceOf(DTypeException.class).hasMessage("[exp] needs a floating operand, not i32; cast it first");
        assertThatThrownBy(() -> i32.pow(2)).isInstanceOf(DTypeException.class).hasMessage("[pow] needs a floating operand, not i32; cast it first");
    }

    @Test
    void integersAreNotDividedByZeroButFloatsAre() {
        Tensor i64 = Tensor.of(new long[] {1, 2, 3});
        assertThat(i64.div(i64).toLongArray()).containsExactly(1, 1, 1);
        assertThatThrownBy(() -> i64.div(Tensor.of(new long[] {1, 0, 3})))
                .isInstanceOf(TensorException.class)
                .hasMessage("[div] an integer is divided by zero; cast to a floating type for infinities");
        assertThat(Tensor.of(new float[] {1, -1, 0}).div(0).toFloatArray())
                .containsExactly(Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN);
    }

    @Test
    void aNumberKeepsTheDtype() {
        assertThat(Tensor.of(new int[] {7, -7}).div(2).toLongArray()).containsExactly(3, -3);
        assertThat(Tensor.of(new long[] {1L << 40}).mul(3).toLongArray()).containsExactly(3L << 40);
        assertThat(Tensor.of(new int[] {5}).add(1).dtype()).isEqualTo(DType.I32);
        Tensor bf16 = Tensor.of(new float[] {3}).cast(DType.BF16);
        assertThat(bf16.add(1).dtype()).isEqualTo(DType.BF16);
        assertThatThrownBy(() -> Tensor.of(new int[] {1}).mul(0.5))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[mul] 0.5 is not an i32; cast the tensor to f32 first");
        assertThatThrownBy(() -> Tensor.of(new int[] {1}).add(1e10)).isInstanceOf(DTypeException.class);
        assertThatThrownBy(() -> Tensor.of(new int[] {1}).clamp(0, 1.5))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[clamp] 1.5 is not an i32; cast the tensor to f32 first");
    }

    @Test
    void aNumberIsNotRoundedToReducedPrecision() {
        Tensor x = Tensor.of(new float[] {244}).cast(DType.BF16);
        assertThat(x.mul(1 + 1.0 / 256).item()).isEqualTo(245); // as a bf16 the number would be 1
        assertThat(Tensor.of(new float[] {0.1f}).cast(DType.BF16).gt(0.1).toLongArray()).containsExactly(1);
    }

    @Test
    void comparisonsGiveMasks() {
        Tensor x = Tensor.of(new float[] {1, 2, 3, Float.NaN});
        Tensor two = Tensor.scalar(2, DType.F32);
        assertThat(x.eq(two).dtype()).isEqualTo(DType.BOOL);
        assertThat(x.eq(2).toLongArray()).containsExactly(0, 1, 0, 0);
        assertThat(x.ne(two).toLongArray()).containsExactly(1, 0, 1, 1);
        assertThat(x.lt(2).toLongArray()).containsExactly(1, 0, 0, 0);
        assertThat(x.le(two).toLongArray()).containsExactly(1, 1, 0, 0);
        assertThat(x.gt(2).toLongArray()).containsExactly(0, 0, 1, 0);
        assertThat(x.ge(two).toLongArray()).containsExactly(0, 1, 1, 0);
        assertThat(Tensor.of(new long[] {5, 6}).ge(6).toLongArray()).containsExactly(0, 1);
    }

    @Test
    void functionsOfOneOperand() {
        Tensor x = Tensor.of(new float[] {-2, 0, 3});
        assertThat(x.neg().toFloatArray()).containsExactly(2, -0.0f, -3);
        assertThat(x.abs().toFloatArray()).containsExactly(2, 0, 3);
        assertThat(x.relu().toFloatArray()).containsExactly(0, 0, 3);
        assertThat(x.square().toFloatArray()).containsExactly(4, 0, 9);
        assertThat(x.pow(-1).toFloatArray()).containsExactly(-0.5f, Float.POSITIVE_INFINITY, 1 / 3f);
        assertThat(x.clamp(-1, 1).toFloatArray()).containsExactly(-1, 0, 1);
        assertThat(x.clamp(0.5, 0.5).toFloatArray()).as("bounds may be equal").containsOnly(0.5f);
        assertThat(x.sqrt().toFloatArray()).containsExactly(Float.NaN, 0, (float) Math.sqrt(3));
        assertThat(Tensor.of(new int[] {-5, 4}).abs().neg().toLongArray()).containsExactly(-5, -4);
    }

    @Test
    void boundsOfClampMustBeInOrder() {
        assertThatThrownBy(() -> Tensor.ones(1).clamp(2, 1))
                .isInstanceOf(TensorException.class)
                .hasMessage("[clamp] the lower bound 2.0 is above the upper bound 1.0, or one is NaN");
    }

    @Test
    void whereChooses() {
        Tensor x = Tensor.of(new float[] {-1, 2, -3});
        assertThat(Tensor.where(x.gt(0), x, Tensor.zeros()).toFloatArray()).containsExactly(0, 2, 0);
        assertThatThrownBy(() -> Tensor.where(x, x, x))
                .isInstanceOf(DTypeException.class)
                .hasMessage("[where] the condition must be bool, like the result of a comparison, or i32, not f32");
    }

    @Test
    void castsRoundToNearestEvenAndTruncateToIntegers() {
        Tensor x = Tensor.of(new float[] {1.00390625f, 1.01171875f, -2.7f});
        assertThat(x.cast(DType.BF16).toFloatArray()).containsExactly(1, 1.015625f, -2.703125f);
        assertThat(x.cast(DType.I32).toLongArray()).containsExactly(1, 1, -2);
        assertThat(x.cast(DType.F32)).isSameAs(x);
    }
}
