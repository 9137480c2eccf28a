package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import kept.backend.composition.NormComposition;
import kept.backend.composition.RotaryComposition;
import kept.backend.composition.SwiGluComposition;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Norms, rotary positions and the gated product: against float64 references with central differences, and against their plain definitions. */
class FusedOperationsTest {
    private static final double EPSILON = 1e-5;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 13, 37})
    void rmsNormIsItsFormulaWithItsGradients(int width) {
        GradientCheck.check(
                in -> Functional.rmsNorm(in[0], in[1], EPSILON),
                in -> {
                    Reference rstd = in[0].reduce(row -> 1 / Math.sqrt(Arrays.stream(row).map(v -> v * v).average().orElseThrow() + EPSILON), 2);
                    return in[0].zip(rstd, (x, r) -> x * r).zip(in[1], (n, g) -> n * g);
                },
                Reference.normal(1, 2, 3, width), Reference.normal(2, width));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 13, 37})
    void layerNormIsItsFormulaWithItsGradients(int width) {
        GradientCheck.check(
                in -> Functional.layerNorm(in[0], in[1], in[2], EPSILON),
                in -> {
                    Reference centred = in[0].zip(in[0].reduce(row -> Arrays.stream(row).average().orElseThrow(), 2), (x, m) -> x - m);
                    Reference rstd = centred.reduce(row -> 1 / Math.sqrt(Arrays.stream(row).map(v -> v * v).average().orElseThrow() + EPSILON), 2);
                    return centred.zip(rstd, (x, r) -> x * r).zip(in[1], (n, g) -> n * g).zip(in[2], Double::sum);
                },
                Reference.normal(3, 2, 3, width), Reference.normal(4, width), Reference.normal(5, width));
    }

    @Test
    void swiGluIsItsFormulaWithItsGradients() {
        GradientCheck.check(
                in -> Functional.swiGlu(in[0], in[1]),
                in -> in[0].zip(in[1], (gate, up) -> gate / (1 + Math.exp(-gate)) * up),
                Reference.uniform(6, -9, 9, 3, 37), Reference.normal(7, 3, 37));
    }

    @Test
    void gatedProjectionIsItsTwoStepsBitForBitAndKeepsNoProduct() {
        try (var scope = Scope.open()) {
            Tensor gate = Tensor.normal(40, 0, 2, 3, 37).requireGradient();
            Tensor up = Tensor.normal(40, 1, 2, 3, 37).requireGradient();
            Tensor weight = Tensor.normal(40, 2, 5, 37).requireGradient();
            Tensor plain = Functional.swiGlu(gate, up).linear(weight);
            plain.square().sum().backward();
            List<float[]> expected = Stream.of(gate, up, weight).map(leaf -> leaf.gradient().toFloatArray()).toList();
            Stream.of(gate, up, weight).forEach(Tensor::clearGradient);
            long before = scope.device().memoryUsage().inUse();
            Tensor result = Functional.swiGluLinear(gate, up, weight);
            assertThat(scope.device().memoryUsage().inUse() - before).isLessThan(gate.elementCount() * Float.BYTES);
            assertThat(result.toFloatArray()).containsExactly(plain.toFloatArray());
            result.square().sum().backward();
            assertThat(Stream.of(gate, up, weight).map(leaf -> leaf.gradient().toFloatArray())).containsExactlyElementsOf(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 6, 32})
    void rotaryPositionsTurnPairsOfFeatures(int headDimension) {
        int half = headDimension / 2;
        Reference angles = Reference.uniform(8, -3, 3, 5, half);
        Reference cos = angles.map(angle -> (float) Math.cos(angle));
        Reference sin = angles.map(angle -> (float) Math.sin(angle));
        GradientCheck.check(
                in -> Functional.rotaryEmbedding(in[0], Tensor.of(cos.floats(), 5, half), Tensor.of(sin.floats(), 5, half)),
                in -> Reference.generate(in[0].shape(), at -> {
                    int pair = at[3] % half;
                    double partner = in[0].at(at[0], at[1], at[2], (at[3] + half) % headDimension);
                    double turned = at[3] < half ? -partner : partner;
                    return in[0].at(at) * cos.at(at[1], pair) + turned * sin.at(at[1], pair);
                }),
                Reference.normal(9, 2, 5, 3, headDimension));
    }

    @Test
    void largerShapesMatchThePlainDefinitions() {
        FusedCheck.assertMatches(in -> Functional.rmsNorm(in[0], in[1], EPSILON), in -> NormComposition.rmsNorm(in[0], in[1], EPSILON),
                Shape.of(3, 127, 258), Shape.of(258));
        FusedCheck.assertMatches(in -> Functional.layerNorm(in[0], in[1], in[2], EPSILON),
                in -> NormComposition.layerNorm(in[0], in[1], in[2], EPSILON),
                Shape.of(3, 127, 258), Shape.of(258), Shape.of(258));
        FusedCheck.assertMatches(in -> Functional.swiGlu(in[0], in[1]), in -> SwiGluComposition.swiGlu(in[0], in[1]),
                Shape.of(127, 258), Shape.of(127, 258));
        Function<Tensor, Tensor> angles = x -> Tensor.uniform(20, 0, x.size(1), x.size(3) / 2).mul(6);
        FusedCheck.assertMatches(in -> Functional.rotaryEmbedding(in[0], angles.apply(in[0]), angles.apply(in[0]).neg()),
                in -> RotaryComposition.rotate(in[0], angles.apply(in[0]), angles.apply(in[0]).neg()), Shape.of(2, 131, 5, 34));
    }

    @Test
    void reducedPrecisionIsRoundedOnce() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.normal(30, 0, 2, 9, 4, 32).cast(DType.BF16);
            Tensor weight = Tensor.normal(30, 1, 32).cast(DType.BF16);
            FusedCheck.assertOneRounding(Functional.rmsNorm(x, weight, EPSILON), NormComposition.rmsNorm(x.cast(DType.F32), weight, EPSILON));
            FusedCheck.assertOneRounding(Functional.layerNorm(x, weight, weight, EPSILON),
                    NormComposition.layerNorm(x.cast(DType.F32), weight, weight, EPSILON));
            FusedCheck.assertOneRounding(Functional.swiGlu(x, x), SwiGluComposition.swiGlu(x.cast(DType.F32), x));
            Tensor cos = Tensor.uniform(31, 0, 9, 16);
            FusedCheck.assertOneRounding(Functional.rotaryEmbedding(x, cos, cos), RotaryComposition.rotate(x.cast(DType.F32), cos, cos));
        }
    }

    @Test
    void gradientsOfReducedPrecisionAreF32AndNotRounded() {
        FusedCheck.assertGradientsOfReducedPrecision(1e-6, in -> Functional.rmsNorm(in[0], in[1], EPSILON), Shape.of(3, 5, 37), Shape.of(37));
        FusedCheck.assertGradientsOfReducedPrecision(1e-6, in -> Functional.layerNorm(in[0], in[1], in[2], EPSILON),
                Shape.of(3, 5, 37), Shape.of(37), Shape.of(37));
        FusedCheck.assertGradientsOfReducedPrecision(1e-6, in -> Functional.swiGlu(in[0], in[1]), Shape.of(3, 37), Shape.of(3, 37));
        FusedCheck.assertGradientsOfReducedPrecision(1e-6,
                in -> Functional.rotaryEmbedding(in[0], Tensor.uniform(31, 0, 5, 7), Tensor.uniform(31, 1, 5, 7)), Shape.of(2, 5, 3, 14));
    }

    @Test
    void operandsThatDoNotFitAreRefused() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.zeros(2, 3, 4, 6);
            assertThatThrownBy(() -> Functional.rmsNorm(x, Tensor.ones(5), EPSILON)).isInstanceOf(ShapeException.class)
                    .hasMessage("[rms norm] weight [5] does not fit the innermost axis of [2, 3, 4, 6]");
            assertThatThrownBy(() -> Functional.layerNorm(x, Tensor.ones(6), Tensor.ones(7), EPSILON)).isInstanceOf(ShapeException.class)
                    .hasMessage("[layer norm] bias [7] does not fit the innermost axis of [2, 3, 4, 6]");
            assertThatThrownBy(() -> Functional.rmsNorm(x, Tensor.ones(6), EPSILON, DType.F16)).isInstanceOf(DTypeException.class)
                    .hasMessageStartingWith("[rms norm] a result of dtype f16 from f32 is not supported");
            assertThatThrownBy(() -> Functional.layerNorm(x.cast(DType.BF16), Tensor.ones(6), Tensor.ones(6), EPSILON, DType.F32))
                    .isInstanceOf(DTypeException.class).hasMessageStartingWith("[layer norm] a result of dtype f32 from bf16 is not supported");
            assertThatThrownBy(() -> Functional.swiGlu(x, Tensor.zeros(6))).isInstanceOf(ShapeException.class)
                    .hasMessage("[swiglu] shapes differ: gate [2, 3, 4, 6], up [6]");
            assertThatThrownBy(() -> Functional.rotaryEmbedding(x, Tensor.ones(4, 3), Tensor.ones(4, 3))).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("[rotary positions] angles [4, 3] and [4, 3] for [2, 3, 4, 6] must be [3, 3]");
        }
    }
}
