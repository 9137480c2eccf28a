package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import kept.autograd.Autograd;
import org.junit.jupiter.api.Test;

/** Arithmetic in place has the values of that which is not. */
class UpdatesTest {
    private record Pair(String name, BinaryOperator<Tensor> inPlace, BinaryOperator<Tensor> fresh, BiFunction<Tensor, Double, Tensor> numberInPlace,
            BiFunction<Tensor, Double, Tensor> number) {}

    private static final List<Pair> OPERATIONS = List.of(
            new Pair("addInPlace", Tensor::addInPlace, Tensor::add, Tensor::addInPlace, Tensor::add),
            new Pair("subInPlace", Tensor::subInPlace, Tensor::sub, Tensor::subInPlace, Tensor::sub),
            new Pair("mulInPlace", Tensor::mulInPlace, Tensor::mul, Tensor::mulInPlace, Tensor::mul),
            new Pair("divInPlace", Tensor::divInPlace, Tensor::div, Tensor::divInPlace, Tensor::div));

    private static Tensor numbers(DType dtype, int stream, long... shape) {
        return Tensor.uniform(3, stream, shape).mul(50).add(1).reshape(shape).cast(dtype);
    }

    @Test
    void valuesAreThoseOfFreshTensors() {
        for (Pair pair : OPERATIONS) {
            for (DType dtype : DType.values()) {
                for (DType other : DType.values()) {
                    if (dtype == DType.BOOL || dtype != other && !(dtype.isFloating() && other.isFloating()) && !isHeld(other, dtype)) {
                        continue;
                    }
                    for (long[] shape : new long[][] {{3, 5}, {5}, {3, 1}, {}}) {
                        try (var _ = Scope.open()) {
                            Tensor x = numbers(dtype, 0, 5, 3).transpose(0, 1);
                            Tensor y = numbers(other, 1, shape);
                            double[] expected = pair.fresh.apply(x, y).cast(dtype).toDoubleArray();
                            assertThat(pair.inPlace.apply(x, y)).isSameAs(x);
                            assertThat(x.toDoubleArray()).as("%s of %s and %s", pair.name, dtype, other).isEqualTo(expected);
                            double[] withNumber = pair.number.apply(x, 3.0).toDoubleArray();
                            assertThat(pair.numberInPlace.apply(x, 3.0).toDoubleArray()).isEqualTo(withNumber);
                        }
                    }
                }
            }
        }
    }

    private static boolean isHeld(DType type, DType by) {
        return type == DType.BOOL || type == DType.U8 && by != DType.BOOL || type == DType.I32 && (by == DType.I64 || by == DType.F64);
    }

    @Test
    void whatATargetCannotHoldIsRefused() {
        try (var _ = Scope.open()) {
            refused("addInPlace", () -> Tensor.of(new byte[2]).addInPlace(Tensor.of(new int[2])));
            refused("addInPlace", () -> Tensor.of(new int[2]).addInPlace(Tensor.of(new double[2])));
            refused("addInPlace", () -> Tensor.of(new boolean[2]).addInPlace(Tensor.of(new byte[2])));
            refused("subInPlace", () -> Tensor.of(new boolean[2]).subInPlace(Tensor.of(new boolean[2])));
            refused("divInPlace", () -> Tensor.of(new boolean[2]).divInPlace(Tensor.of(new boolean[2])));
            refused("addInPlace", () -> Tensor.of(new boolean[2]).addInPlace(2));
            assertThat(Tensor.of(new boolean[] {true, false}).addInPlace(Tensor.of(new boolean[] {true, true})).toLongArray()).containsExactly(1, 1);
            assertThat(Tensor.of(new byte[] {(byte) 200}).addInPlace(100).toLongArray()).containsExactly(44);
        }
    }

    @Test
    void anOperandInTheSameMemoryIsReadBeforeItIsWritten() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.arange(6);
            x.slice(0, 1, 6).addInPlace(x.slice(0, 0, 5));
            assertThat(x.toDoubleArray()).containsExactly(0, 1, 3, 5, 7, 9);
            Tensor square = Tensor.arange(4).reshape(2, 2);
            assertThat(square.addInPlace(square.transpose(0, 1)).toDoubleArray()).containsExactly(0, 3, 3, 6);
            assertThat(square.mulInPlace(square).toDoubleArray()).containsExactly(0, 9, 9, 36);
        }
    }

    @Test
    void whatWouldLoseAGradientIsRefused() {
        try (var _ = Scope.open()) {
            Tensor leaf = Tensor.ones(2).requireGradient();
            for (Pair pair : OPERATIONS) {
                refused(pair.name, () -> pair.inPlace.apply(leaf, Tensor.ones(2)));
                refused(pair.name, () -> pair.inPlace.apply(Tensor.ones(2), leaf));
                refused(pair.name, () -> pair.inPlace.apply(leaf.mul(2), Tensor.ones(2)));
                refused(pair.name, () -> pair.numberInPlace.apply(leaf, 2.0));
                refused(pair.name, () -> pair.inPlace.apply(Tensor.ones(2), Tensor.ones(3)));
                refused(pair.name, () -> pair.inPlace.apply(Tensor.ones(2), Tensor.ones(2, 2)));
                refused(pair.name, () -> pair.inPlace.apply(Tensor.ones(1).expand(2), Tensor.ones(2)));
                refused(pair.name, () -> pair.inPlace.apply(Tensor.ones(2), Tensor.of(new int[2])));
                refused(pair.name, () -> pair.inPlace.apply(Tensor.ones(2), null));
                refused(pair.name, () -> pair.numberInPlace.apply(Tensor.of(new int[2]), 0.5));
            }
            Autograd.withoutRecording(() -> leaf.subInPlace(Tensor.ones(2)));
            assertThat(leaf.detach().toDoubleArray()).containsExactly(0, 0);
            Tensor squared = leaf.mul(leaf);
            Autograd.withoutRecording(() -> leaf.addInPlace(1));
            refused("mul", () -> squared.sum().backward());
        }
    }

    private static void refused(String name, Runnable call) {
        assertThatThrownBy(call::run).isInstanceOf(TensorException.class).hasMessageStartingWith("[" + name + "] ");
    }
}
