package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import kept.nn.Functional;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;
import org.junit.jupiter.api.Test;

/** Recomputing instead of keeping: the same bits, less memory. */
class ActivationCheckpointTest {
    private static final int LAYERS = 6;
    private static final int WIDTH = 48;

    private final List<Tensor> weights = new ArrayList<>();

    /** A stack of residual layers, each run by the given way of running a segment. */
    private Tensor run(Tensor x, Runner runner) {
        Tensor y = x;
        for (int i = 0; i < LAYERS; i++) {
            y = runner.run(layer(i), y);
        }
        return y;
    }

    private UnaryOperator<Tensor> layer(int index) {
        Tensor norm = weights.get(2 * index);
        Tensor weight = weights.get(2 * index + 1);
        return x -> {
            Tensor inner = Functional.rmsNorm(x, norm, 1e-5);
            return x.add(Functional.swiGlu(inner.linear(weight), inner).exp().linear(weight));
        };
    }

    private void makeWeights() {
        weights.clear();
        for (int i = 0; i < LAYERS; i++) {
            weights.add(Tensor.uniform(1, 2 * i, WIDTH).requireGradient());
            weights.add(Tensor.normal(1, 2 * i + 1, WIDTH, WIDTH).mul(0.05).detach().requireGradient());
        }
    }

    private interface Runner {
        Tensor run(UnaryOperator<Tensor> segment, Tensor x);
    }

    @Test
    void valuesAndGradientsAreThoseOfThePlainRunBitForBit() {
        List<float[]> plain = results(UnaryOperator::apply, true);
        List<float[]> checkpointed = results(ActivationCheckpoint::apply, true);
        assertThat(checkpointed).hasSameSizeAs(plain);
        for (int i = 0; i < plain.size(); i++) {
            assertThat(checkpointed.get(i)).as("result %d", i).isEqualTo(plain.get(i));
        }
        assertThat(plain.getLast()).as("the operand's gradient is not zero").isNotEqualTo(new float[plain.getLast().length]);
    }

    @Test
    void nestedSegmentsGiveTheSameBits() {
        Runner nested = (segment, x) ->
                Autograd.checkpoint(y -> Autograd.checkpoint(segment, Autograd.checkpoint(segment, y)), x);
        Runner plain = (segment, x) -> segment.apply(segment.apply(x));
        List<float[]> expected = results(plain, true);
        List<float[]> seen = results(nested, true);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(seen.get(i)).as("result %d", i).isEqualTo(expected.get(i));
        }
    }

    @Test
    void parametersInsideAreTrainedEvenIfTheOperandIsNot() {
        List<float[]> expected = results(UnaryOperator::apply, false);
        List<float[]> seen = results(ActivationCheckpoint::apply, false);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(seen.get(i)).as("result %d", i).isEqualTo(expected.get(i));
        }
    }

    /** The result, the gradients of the weights, and that of the operand if it wants one. */
    private List<float[]> results(Runner runner, boolean operandWantsGradient) {
        try (var _ = Scope.open()) {
            makeWeights();
            Tensor x = Tensor.normal(2, 0, 3, 17, WIDTH);
            if (operandWantsGradient) {
                x.requireGradient();
            }
            Tensor y = run(x, runner);
            Autograd.backward(y, Tensor.normal(2, 1, 3, 17, WIDTH));
            List<float[]> results = new ArrayList<>();
            results.add(y.toFloatArray());
            weights.forEach(weight -> results.add(weight.gradient().toFloatArray()));
            if (operandWantsGradient) {
                results.add(x.gradient().toFloatArray());
            } else {
                assertThat(x.gradient()).isNull();
            }
            return results;
        }
    }

    @Test
    void theResultNeedsNotBeComputedAgain() {
        Runner marked = (segment, x) -> Autograd.checkpoint(y -> {
            Tensor inner = segment.apply(y);
            return Autograd.segmentResult(() -> y.add(inner.linear(weights.get(1))));
        }, x);
        Runner plain = (segment, x) -> x.add(segment.apply(x).linear(weights.get(1)));
        List<float[]> expected = results(plain, true);
        List<float[]> seen = results(marked, true);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(seen.get(i)).as("result %d", i).isEqualTo(expected.get(i));
        }
    }

    /** Elements that nothing has computed would give wrong gradients without an error. */
    @Test
    void aResultThatIsReadIsRefused() {
        List<UnaryOperator<Tensor>> readers = List.of(
                x -> Autograd.segmentResult(() -> x.linear(weights.get(1)).exp()),
                x -> Autograd.segmentResult(() -> x.linear(weights.get(1))).exp(),
                x -> Autograd.segmentResult(() -> x.linear(weights.get(1))).add(x).mul(x),
                x -> Autograd.segmentResult(() -> x.linear(weights.get(1))).reshape(-1),
                x -> Autograd.checkpoint(Tensor::exp, Autograd.segmentResult(() -> x.linear(weights.get(1)))));
        for (UnaryOperator<Tensor> reader : readers) {
            try (var _ = Scope.open()) {
                makeWeights();
                Tensor x = Tensor.normal(2, 0, 3, WIDTH).requireGradient();
                Tensor loss = Autograd.checkpoint(reader, x).sum();
                assertThat(catchThrowable(loss::backward)).as("reader %d", readers.indexOf(reader)).isInstanceOf(TensorException.class)
                        .hasMessageContaining("which is not computed when the segment is run again");
            }
        }
    }

    @Test
    void memoryIsThatOfOneSegment() {
        long plain = peak(UnaryOperator::apply);
        long checkpointed = peak(ActivationCheckpoint::apply);
        long activation = 400 * WIDTH * 4;
        // The plain run holds all layers' six activations; the other each layer's result, and one layer's activations with their gradients.
        assertThat(plain).isGreaterThan(6 * LAYERS * activation);
        assertThat(checkpointed).isLessThan((LAYERS + 14) * activation);
    }

    private long peak(Runner runner) {
        try (var _ = Scope.open()) {
            makeWeights();
            weights.forEach(TensorInternals::gradientAccumulator);
            Tensor x = Tensor.normal(2, 0, 1, 400, WIDTH);
            Tensor seed = Tensor.normal(2, 1, 1, 400, WIDTH);
            return MemoryPeak.of(Device.cpu(), () -> Autograd.backward(run(x, runner), seed));
        }
    }

    @Test
    void nothingIsRecordedWhereNothingIsTrained() {
        try (var scope = Scope.open()) {
            Tensor x = Tensor.normal(2, 0, 3, WIDTH);
            long before = scope.device().memoryUsage().inUse();
            Tensor y = Autograd.checkpoint(value -> value.exp().mul(2).exp(), x);
            assertThat(y.requiresGradient()).isFalse();
            assertThat(scope.device().memoryUsage().inUse() - before).as("only the result stays").isLessThan(2 * 3 * WIDTH * 4);
            Tensor wanting = Tensor.normal(2, 0, 3, WIDTH).requireGradient();
            assertThat(Autograd.withoutRecording(() -> Autograd.checkpoint(Tensor::exp, wanting)).requiresGradient()).isFalse();
        }
    }
}
