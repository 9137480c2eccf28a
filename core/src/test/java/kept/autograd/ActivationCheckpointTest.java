package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import kept.nn.Functional;
import kept.tensor.DType;
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

    @Test
    void aGatedProjectionNeedsNotBeComputedAgain() {
        for (boolean isBiased : new boolean[] {false, true}) {
            for (DType ofUp : new DType[] {DType.F32, DType.BF16}) {
                List<float[]> plain = gated(UnaryOperator::apply, isBiased, ofUp);
                List<float[]> seen = gated(Autograd::checkpoint, isBiased, ofUp);
                for (int i = 0; i < plain.size(); i++) {
                    assertThat(seen.get(i)).as("bias %s, up in %s, result %d", isBiased, ofUp, i).isEqualTo(plain.get(i));
                }
            }
        }
    }

    private static List<float[]> gated(Runner runner, boolean isBiased, DType ofUp) {
        try (var _ = Scope.open()) {
            Tensor weight = Tensor.normal(3, 1, 4, 6).requireGradient();
            Tensor bias = Tensor.normal(3, 2, 4).requireGradient();
            Tensor x = Tensor.normal(3, 3, 5, 6).requireGradient();
            Tensor y = runner.run(input -> {
                Tensor gate = input.mul(2);
                Tensor up = input.exp().cast(ofUp);
                return Autograd.segmentResult(() -> isBiased
                        ? Functional.swiGluLinear(gate, up, weight, bias) : Functional.swiGluLinear(gate, up, weight));
            }, x);
            List<float[]> results = new ArrayList<>(List.of(y.detach().toFloatArray()));
            Autograd.backward(y, Tensor.normal(3, 4, 5, 4));
            results.add(x.gradient().toFloatArray());
            results.add(weight.gradient().toFloatArray());
            if (isBiased) {
                results.add(bias.gradient().toFloatArray());
            }
            return results;
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
                x -> Autograd.checkpoint(Tensor::exp, Autograd.segmentResult(() -> x.linear(weights.get(1)))),
                x -> x.mul(Autograd.segmentResult(() -> x.linear(weights.get(1))).detach().toFloatArray()[0]),
                x -> x.mul(Autograd.segmentResult(() -> x.linear(weights.get(1))).get(1, 2)),
                x -> x.mul(Tensor.zeros(3, WIDTH).assign(Autograd.segmentResult(() -> x.linear(weights.get(1))))),
                x -> x.mul(Tensor.zeros(3, WIDTH).addInPlace(Autograd.segmentResult(() -> x.linear(weights.get(1))).detach())),
                x -> x.mul(Autograd.segmentResult(() -> x.linear(weights.get(1))).detach().addInPlace(1)),
                x -> x.mul(Autograd.segmentResult(() -> x.linear(weights.get(1))).detach().sort(0).values()),
                x -> {
                    Tensor result = Autograd.segmentResult(() -> x.linear(weights.get(1)));
                    return Autograd.checkpoint(y -> y.mul(result.detach().toFloatArray()[0]), x);
                });
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

    /** What a segment reads beside its operand must be the same when it is run again, however it was read and written. */
    @Test
    void memoryThatWouldBeOtherWhenTheSegmentIsRunAgainIsRefused() {
        Map<String, BiFunction<Tensor, Tensor, Tensor>> segments = new LinkedHashMap<>();
        segments.put("reads it", Tensor::mul);
        segments.put("reads it on the host", (x, state) -> x.mul(state.get(1)));
        segments.put("reads a part of it", (x, state) -> x.mul(state.slice(0, 2, 3)));
        segments.put("reads it in a segment", (x, state) -> Autograd.checkpoint(y -> y.mul(state), x));
        segments.put("writes a part, then reads it", (x, state) -> x.mul(filled(state, 2, 5)));
        segments.put("writes an element, then reads it", (x, state) -> x.mul(state.set(5, 0)));
        segments.put("uploads a part, then reads it", (x, state) -> {
            state.slice(0, 0, 1).upload(MemorySegment.ofArray(new float[] {7}));
            return x.mul(state);
        });
        for (var segment : segments.entrySet()) {
            assertThat(backwardOf(segment.getValue(), false)).as("%s, which stays", segment.getKey()).isNull();
            assertThat(backwardOf(segment.getValue(), true)).as("%s, and it is overwritten", segment.getKey())
                    .isInstanceOf(TensorException.class).hasMessageContaining("has been overwritten since");
        }
    }

    /** A segment that changes its own state computes something else the second time. */
    @Test
    void aSegmentThatChangesWhatItReadsIsRefused() {
        List<BiFunction<Tensor, Tensor, Tensor>> segments = List.of(
                (x, state) -> x.mul(state.addInPlace(1)),
                (x, state) -> x.mul(state.mulInPlace(state)),
                (x, state) -> x.mul(state.assign(state.slice(0, 0, 1))),
                (x, state) -> x.mul(filled(state, 0, state.get(1) + 1)),
                (x, state) -> {
                    Tensor y = x.mul(state);
                    state.fill(2);
                    return y;
                },
                (x, state) -> Autograd.checkpoint(y -> y.mul(state.addInPlace(1)), x));
        for (BiFunction<Tensor, Tensor, Tensor> segment : segments) {
            assertThat(backwardOf(segment, false)).as("segment %d", segments.indexOf(segment)).isInstanceOf(TensorException.class)
                    .hasMessageContaining("has been overwritten since");
        }
    }

    /** Memory that a segment fills before it reads it may be used again elsewhere, such as room for intermediate results. */
    @Test
    void memoryThatTheSegmentFillsMayChange() {
        List<BiFunction<Tensor, Tensor, Tensor>> segments = List.of(
                (x, room) -> x.add(room.assign(x.detach())),
                (x, room) -> x.mul(room.reshape(1, 3).fill(5).reshape(3)),
                (x, room) -> {
                    room.upload(MemorySegment.ofArray(new float[] {1, 2, 3}));
                    return x.mul(room.get(2));
                });
        for (BiFunction<Tensor, Tensor, Tensor> segment : segments) {
            assertThat(backwardOf(segment, true)).as("segment %d", segments.indexOf(segment)).isNull();
        }
    }

    private static Tensor filled(Tensor state, int index, double value) {
        state.slice(0, index, index + 1).fill(value);
        return state;
    }

    /** What the backward pass of a segment throws, null for nothing; the gradient must then be that without a checkpoint. */
    private static Throwable backwardOf(BiFunction<Tensor, Tensor, Tensor> segment, boolean overwritten) {
        try (var _ = Scope.open()) {
            Tensor x = Tensor.of(new float[] {1, 2, 3}).requireGradient();
            Tensor state = Tensor.of(new float[] {3, 2, 4});
            Tensor loss = Autograd.checkpoint(y -> segment.apply(y, state), x).sum();
            if (overwritten) {
                state.fill(9);
            }
            Throwable thrown = catchThrowable(loss::backward);
            if (thrown == null) {
                Tensor plain = Tensor.of(new float[] {1, 2, 3}).requireGradient();
                segment.apply(plain, Tensor.of(new float[] {3, 2, 4})).sum().backward();
                assertThat(x.gradient().toFloatArray()).isEqualTo(plain.gradient().toFloatArray());
            }
            return thrown;
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
