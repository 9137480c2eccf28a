package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import kept.autograd.operation.EmbeddingLookup;
import kept.autograd.operation.LowRankLinear;
import kept.autograd.operation.ScatterAdd;
import kept.nn.Functional;
import kept.nn.Linear;
import kept.nn.Parameter;
import kept.optim.AdamW;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A backward pass is refused if what it needs has been overwritten, and gives the same gradients if what it does not need has. */
class OverwrittenOperandsTest {
    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    /**
     * An operation, the shapes of its operands (negative extents: indices), and the operands whose elements its backward needs.
     *
     * @param needed a letter for each operand: n needed, - not; and at last for the result
     */
    private record Case(String name, String needed, Function<Tensor[], Tensor> operation, long[]... shapes) {
        @Override
        public String toString() {
            return name + " " + needed;
        }

        Tensor[] operands() {
            Tensor[] operands = new Tensor[shapes.length];
            for (int i = 0; i < shapes.length; i++) {
                boolean isIndex = shapes[i][0] < 0;
                long[] shape = shapes[i].clone();
                shape[0] = Math.abs(shape[0]);
                operands[i] = isIndex
                        ? Tensor.uniform(9, i, shape).mul(2).cast(DType.I32)
                        : Tensor.uniform(9, i, shape).add(0.5).detach().requireGradient();
            }
            return operands;
        }
    }

    private static long[] shape(long... extents) {
        return extents;
    }

    private static Case unary(String name, String needed, UnaryOperator<Tensor> operation) {
        return new Case(name, needed, in -> operation.apply(in[0]), shape(3, 4));
    }

    private static Case binary(String name, String needed, Function<Tensor[], Tensor> operation) {
        return new Case(name, needed, operation, shape(3, 4), shape(3, 4));
    }

    private static Stream<Case> cases() {
        List<Case> cases = new ArrayList<>(List.of(
                unary("neg", "--", Tensor::neg), unary("abs", "n-", Tensor::abs), unary("exp", "-n", Tensor::exp), unary("log", "n-", Tensor::log),
                unary("sqrt", "-n", Tensor::sqrt), unary("rsqrt", "-n", Tensor::rsqrt), unary("tanh", "-n", Tensor::tanh),
                unary("sigmoid", "-n", Tensor::sigmoid), unary("silu", "n-", Tensor::silu), unary("gelu", "n-", Tensor::gelu),
                unary("geluTanh", "n-", Tensor::geluTanh), unary("sin", "n-", Tensor::sin), unary("cos", "n-", Tensor::cos),
                unary("erf", "n-", Tensor::erf),
                unary("floor", "--", Tensor::floor), unary("ceil", "--", Tensor::ceil), unary("round", "--", Tensor::round),
                unary("sign", "--", Tensor::sign),
                unary("relu", "n-", Tensor::relu), unary("pow", "n-", x -> x.pow(3)), unary("pow", "--", x -> x.pow(1)),
                unary("pow", "--", x -> x.pow(0)), unary("clamp", "n-", x -> x.clamp(0.6, 1)), unary("add", "--", x -> x.add(2)),
                unary("mul", "--", x -> x.mul(2)), unary("div", "--", x -> x.div(2)), unary("cast", "--", x -> x.cast(DType.BF16)),
                unary("sum", "--", x -> x.sum(1)), unary("max", "nn", x -> x.max(1)), unary("min", "nn", x -> x.min(0)),
                unary("logSumExp", "nn", x -> x.logSumExp(1)), unary("softmax", "-n", x -> x.softmax(-1)),
                unary("softmax", "-n", x -> x.softmax(0)), unary("logSoftmax", "-n", x -> x.logSoftmax(-1)),
                unary("transpose", "--", x -> x.transpose(0, 1)), unary("slice", "--", x -> x.slice(0, 1, 3))));
        cases.addAll(List.of(
                binary("add", "---", in -> in[0].add(in[1])), binary("sub", "---", in -> in[0].sub(in[1])),
                binary("mul", "nn-", in -> in[0].mul(in[1])), binary("div", "nn-", in -> in[0].div(in[1])),
                binary("minimum", "nn-", in -> in[0].minimum(in[1])), binary("maximum", "nn-", in -> in[0].maximum(in[1])),
                binary("mul", "-n-", in -> in[0].mul(in[1].detach())), binary("mul", "n--", in -> in[0].detach().mul(in[1])),
                binary("div", "-n-", in -> in[0].div(in[1].detach())),
                binary("linear", "nn-", in -> in[0].linear(in[1])), binary("linear", "-n-", in -> in[0].linear(in[1].detach())),
                binary("linear", "n--", in -> in[0].detach().linear(in[1])),
                binary("swiglu", "nn-", in -> Functional.swiGlu(in[0], in[1])),
                binary("concat", "---", in -> Tensor.concat(0, in)), binary("where", "---", in -> Tensor.where(in[0].gt(1).copy(), in[0], in[1]))));
        cases.addAll(List.of(
                new Case("matmul", "nn-", in -> in[0].matmul(in[1]), shape(2, 3, 4), shape(4, 5)),
                new Case("embedding", "-n-", in -> Autograd.apply(new EmbeddingLookup(), in), shape(3, 4), shape(-5)),
                new Case("gather", "-n-", in -> in[0].gather(0, in[1]), shape(3, 4), shape(-3, 4)),
                new Case("scatterAdd", "-n--", in -> Autograd.apply(new ScatterAdd(0), in), shape(3, 4), shape(-2, 4), shape(2, 4)),
                new Case("layer norm", "nn--", in -> Functional.layerNorm(in[0], in[1], in[2], 1e-5), shape(3, 4), shape(4), shape(4)),
                new Case("layer norm", "----", in -> Functional.layerNorm(in[0].detach(), in[1].detach(), in[2], 1e-5), shape(3, 4), shape(4),
                        shape(4)),
                new Case("rms norm", "nn-", in -> Functional.rmsNorm(in[0], in[1], 1e-5), shape(3, 4), shape(4)),
                new Case("rms norm", "n--", in -> Functional.rmsNorm(in[0].detach(), in[1], 1e-5), shape(3, 4), shape(4)),
                new Case("gated projection", "nnn-", in -> Functional.swiGluLinear(in[0], in[1], in[2]), shape(3, 4), shape(3, 4), shape(5, 4)),
                new Case("low-rank linear", "nnnn-", in -> LowRankLinear.apply(in[0], in[1], null, new LowRankUpdate(in[2], in[3], 2)), shape(3, 4),
                        shape(5, 4), shape(2, 4), shape(5, 2)),
                new Case("low-rank linear", "n--n-", in -> LowRankLinear.apply(in[0].detach(), in[1].detach(), null,
                        new LowRankUpdate(in[2], in[3].detach(), 2)), shape(3, 4), shape(5, 4), shape(2, 4), shape(5, 2)),
                new Case("attention", "nnnn", in -> Functional.scaledDotProductAttention(in[0], in[1], in[2], true, 0.5), shape(1, 3, 2, 4),
                        shape(1, 3, 1, 4),
                        shape(1, 3, 1, 4)),
                new Case("rotary positions", "-nn-", in -> Functional.rotaryEmbedding(in[0], in[1].detach(), in[2].detach()), shape(1, 3, 2, 4),
                        shape(3, 2), shape(3, 2)),
                new Case("rms norm", "--n-", in -> Functional.addRmsNorm(in[0], in[1], in[2], 1e-5, DType.F32).normalized(), shape(3, 4),
                        shape(3, 4), shape(4)),
                new Case("linear cross-entropy", "----", in -> Functional.crossEntropy(new FactoredLogits(in[0], in[1]), in[2]), shape(3, 4),
                        shape(5, 4), shape(-3))));
        return cases.stream();
    }

    private static List<float[]> gradients(Tensor[] operands, Tensor result) {
        Autograd.backward(result, Tensor.normal(4, 4, result.shape().toArray()));
        return Stream.of(operands).map(Tensor::gradient).map(gradient -> gradient == null ? new float[0] : gradient.toFloatArray()).toList();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void whatIsNeededMustStayAndTheRestNeedNot(Case test) {
        Tensor[] whole = test.operands();
        List<float[]> expected = gradients(whole, test.operation.apply(whole));
        for (int place = 0; place < test.needed.length(); place++) {
            Tensor[] operands = test.operands();
            Tensor result = test.operation.apply(operands);
            Tensor overwritten = place < operands.length ? operands[place] : result;
            overwrite(overwritten);
            String complaining = test.name.equals("gated projection") && place == 2
                    || test.name.equals("low-rank linear") && place == 1 ? "linear" : test.name;
            if (test.needed.charAt(place) == 'n') {
                assertThatThrownBy(() -> gradients(operands, result)).as("operand %d", place).isInstanceOf(TensorException.class)
                        .hasMessageStartingWith("[" + complaining + "] backward needs its ").hasMessageContaining("has been overwritten since");
            } else {
                List<float[]> seen = gradients(operands, result);
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(seen.get(i)).as("operand %d overwritten, gradient %d", place, i).isEqualTo(expected.get(i));
                }
            }
        }
    }

    /** One element, through a view of a view. */
    private static void overwrite(Tensor x) {
        Tensor first = x.detach();
        while (first.rank() > 0) {
            first = first.select(0, 0);
        }
        first.unsqueeze(0).assign(Tensor.full(0, x.dtype(), Shape.of(1)));
    }

    @Test
    void theMessageSaysWhatToDo() {
        Tensor x = Tensor.ones(2, 3).requireGradient();
        Tensor w = Tensor.ones(2, 3);
        Tensor loss = x.mul(w).sum();
        w.fill(2);
        assertThatThrownBy(loss::backward).isInstanceOf(TensorException.class).hasMessage("[mul] backward needs its operand b, f32 [2, 3], as the "
                + "operation saw it, but it has been overwritten since; run backward before writing to it, or compute with its copy()");
        Tensor safe = x.mul(w.copy()).sum();
        w.fill(3);
        safe.backward();
        assertThat(x.gradient().toFloatArray()).containsOnly(2);
    }

    @Test
    void anOptimizerStepBetweenForwardAndBackwardIsSeen() {
        SequencedMap<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("w", new Parameter(Tensor.normal(1, 0, 4, 4).requireGradient()));
        parameters.put("b16", new Parameter(Tensor.normal(1, 1, 4, 4).cast(DType.BF16).requireGradient()));
        try (var optimizer = new AdamW(parameters, AdamW.Settings.DEFAULT, AdamW.Decay.ALL, new AdamW.Storage(false, true, 3))) {
            Tensor x = Tensor.normal(1, 2, 2, 4);
            UnaryOperator<Tensor> model = in -> in.linear(parameters.get("w").value()).linear(parameters.get("b16").value()).square().sum();
            for (int step = 0; step < 5; step++) {
                for (int micro = 0; micro < 2; micro++) {
                    try (var _ = Scope.open()) {
                        Autograd.backwardOnce(model.apply(x), null);
                    }
                }
                optimizer.step(0.1, 1);
                parameters.values().forEach(Parameter::zeroGradient);
            }
            Tensor loss = model.apply(x);
            optimizer.step(0.1, 1);
            assertThatThrownBy(loss::backward).isInstanceOf(TensorException.class)
                    .hasMessageStartingWith("[linear] backward needs its operand b, bf16");
            assertThatThrownBy(() -> Autograd.backwardOnce(loss, null)).isInstanceOf(TensorException.class);
        }
    }

    @Test
    void aCheckpointedSegmentMustFindWhatItReadBefore() {
        Tensor w = Tensor.normal(2, 0, 4, 4).requireGradient();
        Tensor frozen = Tensor.normal(2, 1, 4, 4);
        Tensor x = Tensor.normal(2, 2, 3, 4).requireGradient();
        Tensor other = Tensor.ones(3, 4);
        UnaryOperator<Tensor> segment = in ->
                Autograd.checkpoint(inner -> inner.linear(frozen).tanh(), in).add(in.linear(w).sigmoid());
        for (Tensor changed : List.of(w, frozen, x)) {
            Tensor y = Autograd.checkpoint(segment, x);
            changed.detach().slice(0, 0, 1).fill(0.25);
            assertThatThrownBy(() -> y.sum().backward()).isInstanceOf(TensorException.class).hasMessageStartingWith("[activation checkpoint] "
                    + "backward runs the segment again, but f32 %s, which it reads, has been overwritten".formatted(changed.shape()));
        }
        Tensor y = Autograd.checkpoint(segment, x).add(other);
        other.fill(4);
        y.fill(0); // An add needs neither its operands nor its result, and the segment makes its own again.
        y.sum().backward();
        float[] expected = x.gradient().toFloatArray();
        x.clearGradient();
        segment.apply(x).sum().backward();
        assertThat(expected).isEqualTo(x.gradient().toFloatArray());
    }

    @Test
    void aResultThatIsWrittenByTheSegmentItselfIsNotAChange() {
        Tensor x = Tensor.normal(3, 0, 3, 4).requireGradient();
        UnaryOperator<Tensor> segment = in -> {
            Tensor scratch = Tensor.zeros(3, 4).assign(in.detach());
            scratch.assign(scratch.mul(2));
            return in.mul(scratch);
        };
        for (int i = 0; i < 3; i++) {
            Tensor y = Autograd.checkpoint(segment, x);
            y.sum().backward();
        }
        assertThat(x.gradient().toFloatArray()).isEqualTo(x.detach().mul(6).toFloatArray());
    }

    @Test
    void layersInATrainingLoopAreNotDisturbed() {
        var layer = new Linear(Tensor.normal(4, 0, 4, 4).requireGradient(), null);
        Map<Integer, Float> losses = new LinkedHashMap<>();
        Tensor x = Tensor.normal(4, 1, 8, 4);
        Tensor weight = layer.weight().value();
        for (int step = 0; step < 20; step++) {
            try (var _ = Scope.open()) {
                Tensor loss = Autograd.checkpoint(in -> layer.forward(in).tanh(), x).square().mean();
                loss.backward();
                losses.put(step, loss.item());
                weight.assign(weight.detach().sub(weight.gradient()));
                weight.zeroGradient();
            }
        }
        assertThat(losses.get(19)).isLessThan(losses.get(0) * 0.8f);
    }
}
