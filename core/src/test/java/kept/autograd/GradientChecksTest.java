package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.Test;

class GradientChecksTest {
    /** A square whose backward is wrong in one element. */
    private static final class WrongSquare extends Operation {
        private SavedTensor operand;

        @Override
        protected Tensor forward(Tensor... inputs) {
            operand = saved("its operand", inputs[0]);
            return inputs[0].mul(inputs[0]);
        }

        @Override
        protected void backward(Tensor gradient, Gradients gradients) {
            Tensor right = gradient.mul(operand.value()).mul(2);
            gradients.add(0, right.set(right.get(1, 0) * 1.01 + 0.01, 1, 0));
        }
    }

    @Test
    void rightGradientsAgree() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(1, 0, 3, 4);
            Tensor y = Tensor.normal(1, 1, 4, 2);
            Tensor index = Tensor.of(new int[] {2, 0, 2});
            for (GradientChecks.Report report : List.of(
                    GradientChecks.check(t -> t[0].exp().sin().mul(t[0]), x),
                    GradientChecks.check(t -> t[0].matmul(t[1]).tanh().softmax(-1), x, y),
                    GradientChecks.check(t -> t[0].indexSelect(0, t[1]).gelu().sum(), x, index),
                    GradientChecks.check(t -> t[0].transpose(0, 1).matmul(t[1]), y, y))) {
                assertThat(report.isRight()).as(report.toString()).isTrue();
                assertThat(report.maxError()).isLessThan(1e-3);
                assertThat(report.elements()).isGreaterThanOrEqualTo(12);
                assertThatCode(report::throwIfWrong).doesNotThrowAnyException();
            }
            assertThat(x.requiresGradient()).isFalse();
        }
    }

    @Test
    void gradientsOfF64AgreeToNineDigits() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(1, 0, 3, 4).cast(DType.F64);
            Tensor y = Tensor.normal(1, 1, 4, 2).cast(DType.F64);
            Tensor weight = Tensor.normal(1, 2, 4).cast(DType.F64);
            Tensor labels = Tensor.of(new long[] {0, 3, 1});
            for (GradientChecks.Report report : List.of(
                    GradientChecks.check(t -> t[0].exp().sin().mul(t[0]), x),
                    GradientChecks.check(t -> t[0].matmul(t[1]).tanh().softmax(-1), x, y),
                    GradientChecks.check(t -> Functional.layerNorm(t[0], t[1], t[1], 1e-5).gelu(), x, weight),
                    GradientChecks.check(t -> Functional.rmsNorm(t[0], t[1], 1e-5).silu().cumSum(1), x, weight),
                    GradientChecks.check(t -> Functional.crossEntropy(t[0], labels), x),
                    GradientChecks.check(t -> t[0].mul(t[1]).sigmoid().logSumExp(0), x, weight.cast(DType.F64)),
                    GradientChecks.check(t -> t[0].variance(1).sqrt().log(), x))) {
                assertThat(report.isRight()).as(report.toString()).isTrue();
                assertThat(report.maxError()).isLessThan(1e-9);
            }
        }
    }

    /** A gradient in F64 meets kernels for F32, and the other way round. */
    @Test
    void gradientsPassFromOneArithmeticToTheOther() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(1, 0, 3, 4);
            Tensor y = Tensor.normal(1, 1, 3, 4).cast(DType.F64);
            Tensor weight = Tensor.normal(1, 2, 4);
            for (GradientChecks.Report report : List.of(
                    GradientChecks.check(t -> Functional.rmsNorm(t[0], t[1], 1e-5).mul(y), x, weight),
                    GradientChecks.check(t -> Functional.layerNorm(t[0].exp(), t[1], t[1], 1e-5).add(y).square(), x, weight),
                    GradientChecks.check(t -> Functional.swiGlu(t[0], t[0].sin()).mul(y), x),
                    GradientChecks.check(t -> t[0].transpose(0, 1).matmul(y).cast(DType.F32).softmax(-1), x),
                    GradientChecks.check(t -> t[0].matmul(y.transpose(0, 1)).sum(0), x),
                    GradientChecks.check(t -> Tensor.concat(0, t[0].tanh(), y).cumSum(0), x))) {
                assertThat(report.isRight()).as(report.toString()).isTrue();
            }
            // Sums of gradients of both types in one leaf.
            Tensor leaf = x.detach().copy().requireGradient();
            leaf.mul(y).sum().cast(DType.F32).add(leaf.mul(2).sum()).backward();
            assertThat(leaf.gradient().dtype()).isEqualTo(DType.F32);
            assertThat(leaf.gradient().toFloatArray()).isEqualTo(y.add(2).cast(DType.F32).toFloatArray());
        }
    }

    @Test
    void inF64AGradientIsWrongByAMillionth() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.uniform(1, 0, 2, 3).add(1);
            // What goes by way of f32 loses digits that f64 has.
            assertThat(GradientChecks.check(t -> t[0].cast(DType.F32).exp().cast(DType.F64), x.cast(DType.F64)).isRight()).isFalse();
            assertThat(GradientChecks.check(t -> Autograd.apply(new WrongSquare(), t[0]), x.cast(DType.F64)).mismatches()).hasSize(1);
        }
    }

    @Test
    void aWrongGradientIsNamedWithItsPlace() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.uniform(1, 0, 2, 3).add(1);
            GradientChecks.Report report = GradientChecks.check(t -> Autograd.apply(new WrongSquare(), t[1]).mul(t[0]), x, x);
            assertThat(report.mismatches()).hasSize(1);
            assertThat(report.mismatches().getFirst().operand()).isEqualTo(1);
            assertThat(report.mismatches().getFirst().index()).containsExactly(1L, 0L);
            assertThatThrownBy(report::throwIfWrong).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[gradient check] 1 of 12 gradients are wrong: operand 1 at [1, 0]: gradient ");
        }
    }

    @Test
    void whatCannotBeCheckedIsSaid() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.ones(2);
            assertThatThrownBy(() -> GradientChecks.check(t -> t[0], Tensor.of(new int[1]))).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[gradient check] ");
            assertThatThrownBy(() -> GradientChecks.check(t -> t[0], x.cast(DType.BF16))).isInstanceOf(TensorException.class);
            assertThatThrownBy(() -> GradientChecks.check(null, x)).isInstanceOf(TensorException.class).hasMessageStartingWith("[gradient check] ");
            assertThatThrownBy(() -> GradientChecks.check(t -> Tensor.ones(2), x)).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[backward] ");
        }
    }
}
