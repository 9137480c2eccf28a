package kept.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.LowRankUpdate;
import kept.backend.BlockMatrix;
import kept.backend.composition.AttentionComposition;
import kept.backend.composition.RotaryComposition;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Layers against what they are made of, and against literal numbers. */
class LayersTest {
    private static final int HIDDEN = 24;
    private static final int HEADS = 4;
    private static final int GROUPS = 2;
    private static final int D = 6;

    private static Linear linear(int stream, boolean bias, long out, long in) {
        return new Linear(Tensor.normal(7, stream, out, in).mul(0.3).requireGradient(),
                bias ? Tensor.normal(8, stream, out).requireGradient() : null);
    }

    private static Attention attention(boolean bias) {
        return new Attention(linear(0, bias, HEADS * D, HIDDEN), linear(1, bias, GROUPS * D, HIDDEN), linear(2, bias, GROUPS * D, HIDDEN),
                linear(3, bias, HIDDEN, HEADS * D), HEADS, GROUPS, D);
    }

    private static void assertClose(Tensor seen, Tensor expected) {
        assertThat(seen.shape()).isEqualTo(expected.shape());
        assertThat(seen.detach().sub(expected.detach()).abs().max().item()).isCloseTo(0, Offset.offset(2e-5f));
    }

    @Test
    void linearMultipliesByTheTransposedWeightAndAddsTheBias() {
        try (var _ = Scope.open()) {
            var linear = new Linear(Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2), Tensor.of(new float[] {10, 20, 30}));
            assertThat(linear.forward(Tensor.of(new float[] {1, 0, 0, 1}, 2, 1, 2)).toFloatArray()).containsExactly(11, 23, 35, 12, 24, 36);
            var withoutBias = new Linear(linear.weight().value(), null);
            assertThat(withoutBias.forward(Tensor.of(new float[] {1, 1}, 1, 2)).toFloatArray()).containsExactly(3, 7, 11);
            assertThatThrownBy(() -> linear.forward(Tensor.zeros(2, 3))).isInstanceOf(ShapeException.class).hasMessageStartingWith("[linear]");
        }
    }

    /** One row and many, with and without a bias, alone, with others and after a gated unit. */
    @Test
    void aWeightInBlocksIsTheMatrixOfItsNumbers() {
        try (var _ = Scope.open()) {
            BlockMatrix blocks = BlockMatrix.quantize(Tensor.normal(1, 0, 40, 64)).orElseThrow();
            Tensor bias = Tensor.normal(1, 1, 40);
            var map = new Linear(blocks, bias);
            var plain = new Linear(blocks.widen(), bias);
            var withoutBias = new Linear(blocks, null);
            for (Tensor x : List.of(Tensor.normal(2, 0, 64), Tensor.normal(2, 1, 1, 64), Tensor.normal(2, 2, 2, 5, 64))) {
                assertClose(map.forward(x), plain.forward(x));
                if (x.rank() > 1) {
                    Tensor up = Tensor.normal(3, 0, x.shape().toArray());
                    assertClose(map.forwardGated(x, up), plain.forwardGated(x, up));
                }
                float[] alone = withoutBias.forward(x).toFloatArray();
                for (Tensor one : Linear.forwardEach(x, List.of(withoutBias, withoutBias))) {
                    assertThat(one.toFloatArray()).isEqualTo(alone);
                }
                assertThat(Linear.forwardEach(x, List.of(map, plain)).getFirst().toFloatArray()).isEqualTo(map.forward(x).toFloatArray());
            }
            assertThat(map.parameters().keySet()).containsExactly("bias");
            assertThat(map.shape()).isEqualTo(plain.shape());
            assertThat(map.blocks()).contains(blocks);
            assertThat(plain.blocks()).isEmpty();
            assertThat(map.mergedWeight(DType.F32).toFloatArray()).isEqualTo(plain.weight().value().toFloatArray());
            assertThat(map.forward(Tensor.normal(2, 1, 3, 64).cast(DType.BF16)).dtype()).isEqualTo(DType.BF16);
        }
    }

    @Test
    void aWeightInBlocksIsForInferenceAlone() {
        try (var _ = Scope.open()) {
            var map = new Linear(BlockMatrix.quantize(Tensor.normal(1, 0, 40, 64)).orElseThrow(), null);
            Tensor x = Tensor.ones(2, 64).requireGradient();
            assertThatThrownBy(() -> map.forward(x)).isInstanceOf(TensorException.class).hasMessageContaining("in blocks has no gradient");
            assertThat(Autograd.withoutRecording(() -> map.forward(x)).toFloatArray()).isEqualTo(map.forward(x.detach()).toFloatArray());
            assertThatThrownBy(map::weight).isInstanceOf(TensorException.class).hasMessageContaining("load the model with its stored weights");
            assertThatThrownBy(() -> map.forward(Tensor.ones(2, 32))).isInstanceOf(ShapeException.class)
                    .hasMessage("[linear] inner dimensions differ: [2, 32] x [40, 64] transposed");
            assertThatThrownBy(() -> map.forward(Tensor.ones(2, 64).cast(DType.F64))).isInstanceOf(DTypeException.class);
        }
    }

    /** y = x W^T + 2 (x A^T) B^T, with x A^T = 3 for the first row and -1 for the second. */
    @Test
    void aLowRankUpdateIsAddedToTheMap() {
        try (var _ = Scope.open()) {
            var update = new LowRankUpdate(Tensor.of(new float[] {3, -1}, 1, 2), Tensor.of(new float[] {1, 0, 0.5f}, 3, 1), 2);
            var linear = new Linear(Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2), Tensor.of(new float[] {10, 20, 30}), update);
            Tensor x = Tensor.of(new float[] {1, 0, 0, 1}, 2, 1, 2);
            assertThat(linear.forward(x).toFloatArray()).containsExactly(11 + 6, 23, 35 + 3, 12 - 2, 24, 36 - 1);
            assertThat(linear.forward(Tensor.of(new float[] {1, 0})).toFloatArray()).containsExactly(17, 23, 38);
            assertThat(linear.parameters().keySet()).containsExactly("weight", "bias", "lora_A.weight", "lora_B.weight");
            assertThat(linear.mergedWeight(DType.F32).toFloatArray()).containsExactly(7, 0, 3, 4, 8, 5);
            assertThat(linear.update().orElseThrow().scale()).isEqualTo(2);
            assertThat(new Linear(linear.weight().value(), null).update()).isEmpty();
        }
    }

    /** As the checkpoint does that the merged weight is written to. */
    @Test
    void aMergedMapHasTheBitsOfTheMapOfTheRoundedWeight() {
        try (var _ = Scope.open()) {
            Tensor gate = Tensor.normal(9, 0, 5, 17);
            Tensor up = Tensor.normal(9, 1, 5, 17);
            Tensor weight = Tensor.normal(9, 2, 11, 17).cast(DType.BF16);
            var update = new LowRankUpdate(Tensor.normal(9, 3, 2, 17), Tensor.normal(9, 4, 11, 2), 0.01);
            var map = new Linear(weight, null, update);
            Tensor change = update.b().mul(0.01).matmul(update.a());
            Tensor rounded = weight.cast(DType.F32).add(change).cast(DType.BF16);
            assertThat(map.mergedWeight(DType.BF16).toFloatArray()).isEqualTo(rounded.toFloatArray()).isNotEqualTo(weight.toFloatArray());
            float[] beside = map.forward(gate).toFloatArray();
            map.setMerging(DType.BF16);
            assertThat(map.forward(gate).toFloatArray()).isEqualTo(gate.linear(rounded).toFloatArray()).isNotEqualTo(beside);
            assertThat(map.forwardGated(gate, up).toFloatArray()).isEqualTo(Functional.swiGluLinear(gate, up, rounded).toFloatArray());
            map.setMerging(null);
            assertThat(map.forward(gate).toFloatArray()).isEqualTo(beside);
            var plain = new Linear(weight, null);
            plain.setMerging(DType.F32);
            assertThat(plain.forward(gate).toFloatArray()).isEqualTo(gate.linear(weight).toFloatArray());
        }
    }

    @Test
    void aMergedWeightIsFreedAfterItsProduct() {
        try (var _ = Scope.open()) {
            var map = new Linear(Tensor.zeros(256, 256), null, new LowRankUpdate(Tensor.ones(1, 256).requireGradient(), Tensor.ones(256, 1), 1));
            map.setMerging(DType.BF16);
            Tensor x = Tensor.ones(1, 256);
            long before = x.device().memoryUsage().inUse();
            Tensor result = map.forward(x);
            assertThat(x.device().memoryUsage().inUse() - before).isLessThan(256 * 256 * 2);
            assertThat(result.toFloatArray()).containsOnly(256);
            assertThat(result.requiresGradient()).isFalse();
        }
    }

    @Test
    void aFrozenWeightHasNoGradientBesideItsUpdate() {
        try (var _ = Scope.open()) {
            var update = new LowRankUpdate(Tensor.normal(9, 3, 2, 6).requireGradient(), Tensor.zeros(4, 2).requireGradient(), 2);
            var map = new Linear(Tensor.normal(9, 2, 4, 6), null, update);
            Tensor x = Tensor.normal(9, 0, 5, 6);
            map.forward(x).sum().backward();
            assertThat(map.weight().gradient()).isNull();
            assertThat(x.gradient()).isNull();
            // b is zero, so nothing reaches a.
            assertThat(map.parameters().get("lora_A.weight").gradient().toFloatArray()).containsOnly(0);
            assertClose(map.parameters().get("lora_B.weight").gradient(),
                    Tensor.ones(5, 4).transpose(0, 1).matmul(x.linear(update.a().detach()).mul(2)));
        }
    }

    @Test
    void normsGiveBf16OfF32AsTheCastOfTheirResultWould() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.normal(9, 0, 37).requireGradient();
            Tensor bias = Tensor.normal(9, 1, 37).requireGradient();
            Tensor x = Tensor.normal(9, 2, 3, 5, 37).requireGradient();
            Tensor seed = Tensor.normal(9, 3, 3, 5, 37);
            for (Norm norm : List.of(new RmsNorm(weight, 1e-5), new LayerNorm(weight, bias, 1e-5))) {
                Tensor cast = norm.forward(x).cast(DType.BF16);
                List<float[]> expected = gradients(cast, seed, x, norm);
                Tensor result = norm.forward(x, DType.BF16);
                assertThat(result.dtype()).isEqualTo(DType.BF16);
                assertThat(result.toFloatArray()).isEqualTo(cast.toFloatArray());
                assertThat(gradients(result, seed, x, norm)).containsExactlyElementsOf(expected);
                assertThat(norm.forward(x).dtype()).isEqualTo(DType.F32);
            }
        }
    }

    /** The gradients of an operand and of a layer's parameters, which are freed. */
    private static List<float[]> gradients(Tensor result, Tensor seed, Tensor x, Layer layer) {
        Autograd.backward(result, seed);
        List<Tensor> leaves = new ArrayList<>(List.of(x));
        layer.parameters().values().forEach(parameter -> leaves.add(parameter.value()));
        List<float[]> gradients = leaves.stream().map(leaf -> leaf.gradient().toFloatArray()).toList();
        leaves.forEach(Tensor::clearGradient);
        return gradients;
    }

    @Test
    void embeddingLooksRowsUp() {
        try (var _ = Scope.open()) {
            var embedding = new Embedding(Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2).requireGradient());
            Tensor rows = embedding.forward(Tensor.of(new long[] {2, 0, 2}, 1, 3));
            assertThat(rows.shape().toArray()).containsExactly(1, 3, 2);
            assertThat(rows.toFloatArray()).containsExactly(5, 6, 1, 2, 5, 6);
            rows.sum().backward();
            assertThat(embedding.weight().gradient().toFloatArray()).containsExactly(1, 1, 0, 0, 2, 2);
        }
    }

    @Test
    void normsOfLiteralNumbers() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {1, 2, 3, 6}, 1, 4);
            // mean 3, variance 3.5; mean square 12.5
            Norm layerNorm = new LayerNorm(Tensor.of(new float[] {1, 1, 2, 2}), Tensor.of(new float[] {0, 1, 0, 1}), 0.5);
            assertThat(layerNorm.forward(x).toFloatArray()).containsExactly(new float[] {-1, 0.5f, 0, 4}, Offset.offset(1e-6f));
            Norm rmsNorm = new RmsNorm(Tensor.of(new float[] {1, 1, 2, 2}), 3.5);
            assertThat(rmsNorm.forward(x).toFloatArray()).containsExactly(new float[] {0.25f, 0.5f, 1.5f, 3}, Offset.offset(1e-6f));
            assertThat(rmsNorm.epsilon()).isEqualTo(3.5);
            LayerNorm aroundOne = LayerNorm.aroundOne(Tensor.of(new float[] {0, 0, 1, 1}), Tensor.of(new float[] {0, 1, 0, 1}), 0.5);
            assertThat(aroundOne.forward(x).toFloatArray()).containsExactly(new float[] {-1, 0.5f, 0, 4}, Offset.offset(1e-6f));
            assertThat(aroundOne.gain().toFloatArray()).containsExactly(1, 1, 2, 2);
            assertThat(aroundOne.parameters()).containsOnlyKeys("weight", "bias");
            LayerNorm bare = LayerNorm.withoutParameters(4, 0.5);
            assertThat(bare.forward(x).toFloatArray()).containsExactly(new float[] {-1, -0.5f, 0, 1.5f}, Offset.offset(1e-6f));
            assertThat(bare.parameters()).isEmpty();
        }
    }

    /** The gain of BF16 weights near zero would lose them if the one were added in BF16. */
    @Test
    void aGainAroundOneIsOfTheArithmeticsType() {
        try (var _ = Scope.open()) {
            LayerNorm norm = LayerNorm.aroundOne(Tensor.of(new float[] {0x1p-10f, 0}).cast(DType.BF16), Tensor.zeros(2).cast(DType.BF16), 1e-5);
            assertThat(norm.gain().toFloatArray()).containsExactly(1 + 0x1p-10f, 1);
        }
    }

    @Test
    void normsAroundOneAndWithoutParametersHaveTheGradientsOfPlainOnes() {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.normal(9, 0, 37).requireGradient();
            Tensor bias = Tensor.normal(9, 1, 37).requireGradient();
            Tensor x = Tensor.normal(9, 2, 3, 5, 37).requireGradient();
            Tensor branch = Tensor.normal(9, 4, 3, 5, 37);
            Tensor seed = Tensor.normal(9, 3, 3, 5, 37);
            var plain = new LayerNorm(weight.detach().add(1).requireGradient(), bias, 1e-5);
            LayerNorm aroundOne = LayerNorm.aroundOne(weight, bias, 1e-5);
            assertThat(gradients(aroundOne.forward(x), seed, x, aroundOne)).containsExactlyElementsOf(gradients(plain.forward(x), seed, x, plain));
            assertThat(aroundOne.addAndForward(x, branch, DType.F32).normalized().toFloatArray())
                    .isEqualTo(plain.addAndForward(x, branch, DType.F32).normalized().toFloatArray());
            var ones = new LayerNorm(Tensor.ones(37), Tensor.zeros(37), 1e-5);
            LayerNorm bare = LayerNorm.withoutParameters(37, 1e-5);
            assertThat(gradients(bare.forward(x), seed, x, bare)).containsExactlyElementsOf(
                    gradients(ones.forward(x), seed, x, LayerNorm.withoutParameters(37, 1e-5)));
        }
    }

    @Test
    void feedForwardLayersAreTheirMapsWithGradientsForEach() {
        try (var _ = Scope.open()) {
            for (Activation activation : Activation.values()) {
                Linear gate = linear(0, true, 10, 6);
                Linear up = linear(1, true, 10, 6);
                Linear down = linear(2, true, 6, 10);
                Tensor x = Tensor.normal(9, 0, 2, 3, 6).requireGradient();
                Tensor seed = Tensor.normal(9, 1, 2, 3, 6);
                var gated = new GatedFeedForward(activation, gate, up, down);
                assertThat(gated.parameters()).containsKeys("gate_proj.weight", "up_proj.weight", "down_proj.bias");
                assertThat(gradients(gated.forward(x), seed, x, gated)).containsExactlyElementsOf(
                        gradients(down.forward(activation.apply(gate.forward(x)).mul(up.forward(x))), seed, x, gated));
                var plain = new PlainFeedForward(activation, "c_fc", up, "c_proj", down);
                assertThat(plain.parameters()).containsOnlyKeys("c_fc.weight", "c_fc.bias", "c_proj.weight", "c_proj.bias");
                assertThat(gradients(plain.forward(x), seed, x, plain)).containsExactlyElementsOf(
                        gradients(down.forward(activation.apply(up.forward(x))), seed, x, plain));
            }
            assertClose(new GatedFeedForward(Activation.SILU, linear(0, true, 10, 6), linear(1, true, 10, 6), linear(2, true, 6, 10))
                    .forward(Tensor.normal(9, 0, 2, 3, 6)),
                    new SwiGlu(linear(0, true, 10, 6), linear(1, true, 10, 6), linear(2, true, 6, 10)).forward(Tensor.normal(9, 0, 2, 3, 6)));
        }
    }

    @Test
    void activationsOfLiteralNumbers() {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {-1, 0, 2});
            Offset<Float> close = Offset.offset(1e-6f);
            assertThat(Activation.SILU.apply(x).toFloatArray()).containsExactly(new float[] {-0.26894143f, 0, 1.7615942f}, close);
            assertThat(Activation.GELU.apply(x).toFloatArray()).containsExactly(new float[] {-0.15865526f, 0, 1.9544997f}, close);
            assertThat(Activation.GELU_TANH.apply(x).toFloatArray()).containsExactly(new float[] {-0.15880801f, 0, 1.9545977f}, close);
            assertThat(Activation.RELU.apply(x).toFloatArray()).containsExactly(0, 0, 2);
            assertThat(Activation.RELU_SQUARED.apply(x).toFloatArray()).containsExactly(0, 0, 4);
        }
    }

    @Test
    void swiGluIsItsThreeMaps() {
        try (var _ = Scope.open()) {
            Linear gate = linear(0, true, 10, 6);
            Linear up = linear(1, false, 10, 6);
            Linear down = linear(2, true, 6, 10);
            Tensor x = Tensor.normal(9, 0, 2, 3, 6);
            assertClose(new SwiGlu(gate, up, down).forward(x), down.forward(gate.forward(x).silu().mul(up.forward(x))));
        }
    }

    /** Without recording gate and up are computed in one kernel: with few rows and with many, in one piece or not, with one axis, and refused. */
    @Test
    void projectionsOfOneInputHaveTheBitsOfEach() {
        try (var _ = Scope.open()) {
            Linear gate = linear(0, false, 10, 6);
            Linear up = linear(1, false, 10, 6);
            for (boolean bias : new boolean[] {false, true}) {
                var layer = new SwiGlu(gate, bias ? linear(1, true, 10, 6) : up, linear(2, false, 6, 10));
                for (Tensor x : List.of(Tensor.normal(9, 0, 6), Tensor.normal(9, 0, 1, 6), Tensor.normal(9, 0, 2, 3, 6),
                        Tensor.normal(9, 0, 6, 3, 2).transpose(0, 2))) {
                    List<Tensor> recorded = layer.projectInput(x);
                    List<Tensor> seen = Autograd.withoutRecording(() -> layer.projectInput(x));
                    for (int i = 0; i < 2; i++) {
                        assertThat(seen.get(i).shape()).isEqualTo(recorded.get(i).shape());
                        assertThat(seen.get(i).toFloatArray()).isEqualTo(layer.inputProjections().get(i).forward(x).toFloatArray())
                                .isEqualTo(recorded.get(i).toFloatArray());
                    }
                }
                assertThatThrownBy(() -> Autograd.withoutRecording(() -> layer.projectInput(Tensor.zeros(2, 5)))).isInstanceOf(ShapeException.class)
                        .hasMessage("[linear] inner dimensions differ: [2, 5] x [10, 6] transposed");
            }
        }
    }

    @Test
    void attentionIsItsPartsWithGradientsForEachParameter() {
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(D, 100, new RopeScaling.None(), 64)) {
            Attention layer = attention(true);
            Attention parts = attention(true);
            Tensor x = Tensor.normal(9, 0, 2, 7, HIDDEN);
            RotaryEmbedding.Angles angles = rotary.angles(0, 7);
            Tensor seen = layer.forward(x, angles, null);
            Tensor expected = composed(parts, x, angles);
            assertClose(seen, expected);
            seen.square().sum().backward();
            expected.square().sum().backward();
            layer.parameters().forEach((name, parameter) -> {
                Tensor wanted = parts.parameters().get(name).gradient();
                float scale = wanted.abs().max().item();
                assertThat(parameter.gradient().sub(wanted).abs().max().item()).as(name).isLessThanOrEqualTo(2e-5f * scale + 1e-4f);
            });
        }
    }

    /** Of six features of a head four are rotated, with and without gradients, with and without kept keys. */
    @Test
    void attentionThatRotatesAPartOfAHeadKeepsTheRest() {
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(D - 2, 100, new RopeScaling.None(), 64)) {
            Attention layer = attention(true);
            Attention parts = attention(true);
            Tensor x = Tensor.normal(9, 0, 2, 7, HIDDEN);
            Tensor seen = layer.forward(x, rotary.angles(0, 7), null);
            Tensor expected = composed(parts, x, rotary.angles(0, 7));
            assertClose(seen, expected);
            seen.square().sum().backward();
            expected.square().sum().backward();
            layer.parameters().forEach((name, parameter) -> {
                Tensor wanted = parts.parameters().get(name).gradient();
                float scale = wanted.abs().max().item();
                assertThat(parameter.gradient().sub(wanted).abs().max().item()).as(name).isLessThanOrEqualTo(2e-5f * scale + 1e-4f);
            });
            assertClose(Autograd.withoutRecording(() -> layer.forward(x, rotary.angles(0, 7), null)), expected);
            var past = new Concatenated();
            Tensor steps = Autograd.withoutRecording(() -> Tensor.concat(1, layer.forward(x.slice(1, 0, 5), rotary.angles(0, 5), past),
                    layer.forward(x.slice(1, 5, 6), rotary.angles(5, 1), past), layer.forward(x.slice(1, 6, 7), rotary.angles(6, 1), past)));
            assertClose(steps, expected);
        }
    }

    private static Tensor rotated(Tensor x, RotaryEmbedding.Angles angles) {
        long part = 2 * angles.cos().size(1);
        return part == D ? RotaryComposition.rotate(x, angles.cos(), angles.sin())
                : Tensor.concat(3, RotaryComposition.rotate(x.slice(3, 0, part), angles.cos(), angles.sin()), x.slice(3, part, D));
    }

    private static Tensor composed(Attention layer, Tensor x, RotaryEmbedding.Angles angles) {
        var p = layer.parameters();
        Tensor q = x.linear(p.get("q_proj.weight").value()).add(p.get("q_proj.bias").value()).reshape(2, 7, HEADS, D);
        Tensor k = x.linear(p.get("k_proj.weight").value()).add(p.get("k_proj.bias").value()).reshape(2, 7, GROUPS, D);
        Tensor v = x.linear(p.get("v_proj.weight").value()).add(p.get("v_proj.bias").value()).reshape(2, 7, GROUPS, D);
        q = rotated(q, angles);
        k = rotated(k, angles);
        Tensor read = AttentionComposition.attention(q, k, v, 1 / Math.sqrt(D));
        return read.reshape(2, 7, HEADS * D).linear(p.get("o_proj.weight").value()).add(p.get("o_proj.bias").value());
    }

    @Test
    void attentionStepByStepWithKeptKeysIsAttentionAtOnce() {
        try (var _ = Scope.open(); var rotary = new RotaryEmbedding(D, 100, new RopeScaling.None(), 64)) {
            Attention layer = attention(false);
            Tensor x = Tensor.normal(9, 0, 2, 9, HIDDEN);
            Tensor whole = layer.forward(x, rotary.angles(0, 9), null);
            var past = new Concatenated();
            Tensor prompt = layer.forward(x.slice(1, 0, 5), rotary.angles(0, 5), past);
            Tensor next = layer.forward(x.slice(1, 5, 6), rotary.angles(5, 1), past);
            Tensor rest = layer.forward(x.slice(1, 6, 9), rotary.angles(6, 3), past);
            assertClose(Tensor.concat(1, prompt, next, rest), whole);
            assertThat(past.all.keys().shape().toArray()).containsExactly(2, 9, GROUPS, D);
        }
    }

    /** Keeps keys and values by making longer tensors. */
    private static final class Concatenated implements KeyValues {
        private Pair all;

        @Override
        public Pair extend(Tensor keys, Tensor values) {
            all = all == null ? new Pair(keys, values) : new Pair(Tensor.concat(1, all.keys(), keys), Tensor.concat(1, all.values(), values));
            return all;
        }
    }

    @Test
    void attentionWithHeadsThatDoNotFitIsRefused() {
        try (var _ = Scope.open()) {
            Linear map = linear(0, false, 24, HIDDEN);
            assertThatThrownBy(() -> new Attention(map, map, map, map, 4, 3, 6)).isInstanceOf(TensorException.class)
                    .hasMessage("[attention] 3 key-value heads do not divide 4 heads");
            assertThatThrownBy(() -> new Attention(map, map, map, map, 4, 2, 6)).isInstanceOf(ShapeException.class)
                    .hasMessage("[attention] k_proj has 24 output features; heads times head dimension is 12");
        }
    }
}
