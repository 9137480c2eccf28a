package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import kept.autograd.Autograd;
import kept.autograd.NormalizedSum;
import kept.nn.LayerNorm;
import kept.nn.Norm;
import kept.nn.RmsNorm;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** A residual add and its norm in one step ({@link Norm#addAndForward}) against the two operations: values, gradients and memory. */
public abstract class ResidualNormContract extends KernelContract {
    private static final double EPSILON = 1e-5;
    private static final DType[] TYPES = {DType.F32, DType.BF16};

    /** For subclasses. */
    protected ResidualNormContract() {}

    /** The step under test, or what it is to equal. */
    private interface Step {
        NormalizedSum run(Norm norm, Tensor x, Tensor branch, DType out);
    }

    private static NormalizedSum separate(Norm norm, Tensor x, Tensor branch, DType out) {
        Tensor sum = x.add(branch);
        return new NormalizedSum(sum, norm.forward(sum, out));
    }

    /** How a graph is run and walked. */
    private enum Mode {
        BACKWARD, BACKWARD_ONCE, CHECKPOINT
    }

    /**
     * A piece of a decoder.
     *
     * @param width of a row
     * @param branch the branch's type
     * @param out the normalised sum's type
     * @param layerNorm which norm
     * @param trained which of x, the branch's own parameter, and the norm's parameters want gradients: a bit each
     */
    private record Piece(int width, DType branch, DType out, boolean layerNorm, int trained) {
        private Tensor leaf(int bit, long seed, long... dimensions) {
            Tensor leaf = normal(DType.F32, seed, 1, dimensions);
            return (trained & bit) == 0 ? leaf : leaf.requireGradient();
        }

        private Norm norm() {
            return layerNorm ? new LayerNorm(leaf(4, 2, width), leaf(4, 3, width), EPSILON) : new RmsNorm(leaf(4, 2, width), EPSILON);
        }

        /** The values of the sum and its norm together, and the gradients of all that is trained. */
        private List<float[]> results(Step step, Mode mode) {
            Tensor x = leaf(1, 4, 2, 3, width);
            Tensor scale = leaf(2, 5, width);
            Norm norm = norm();
            Tensor result = mode == Mode.CHECKPOINT
                    ? Autograd.checkpoint(stream -> run(step, norm, stream, scale), x)
                    : run(step, norm, x, scale);
            List<float[]> results = new ArrayList<>(List.of(result.toFloatArray()));
            assertThat(result.requiresGradient()).as("recorded, %s", this).isEqualTo(trained != 0);
            if (trained != 0) {
                Tensor seed = normal(DType.F32, 6, 1, 2, 3, width);
                if (mode == Mode.BACKWARD) {
                    Autograd.backward(result, seed);
                } else {
                    Autograd.backwardOnce(result, seed);
                }
            }
            List<Tensor> leaves = new ArrayList<>(List.of(x, scale));
            norm.parameters().values().forEach(parameter -> leaves.add(parameter.value()));
            for (Tensor leaf : leaves) {
                assertThat(leaf.gradient() != null).as("a gradient where it is wanted, %s", this).isEqualTo(leaf.requiresGradient());
                results.add(leaf.gradient() == null ? new float[0] : leaf.gradient().toFloatArray());
            }
            return results;
        }

        /** The branch is freed after the step, as a decoder does; both results are used, and the sum twice. */
        private Tensor run(Step step, Norm norm, Tensor x, Tensor scale) {
            Tensor addend = x.mul(scale).cast(branch);
            NormalizedSum both = step.run(norm, x, addend, out);
            Scope.current().release(addend);
            assertThat(both.sum().dtype()).isEqualTo(DType.F32);
            assertThat(both.normalized().dtype()).isEqualTo(out);
            return both.sum().mul(both.normalized().cast(DType.F32)).add(both.sum());
        }
    }

    @Test
    void valuesAndGradientsAreThoseOfTheTwoOperationsBitForBit() {
        for (int width : new int[] {13, 64}) {
            for (DType branch : TYPES) {
                for (DType out : TYPES) {
                    for (int other = 0; other < 16; other++) {
                        assertSameResults(new Piece(width, branch, out, other % 2 == 1, other / 2));
                    }
                }
            }
        }
    }

    private void assertSameResults(Piece piece) {
        List<float[]> expected = results(piece, ResidualNormContract::separate, Mode.BACKWARD);
        for (Mode mode : Mode.values()) {
            assertThat(results(piece, Norm::addAndForward, mode)).as("%s, %s", piece, mode).containsExactlyElementsOf(expected);
        }
        List<float[]> values = Autograd.withoutRecording(() -> {
            try (var _ = Scope.open(device())) {
                Piece frozen = new Piece(piece.width, piece.branch, piece.out, piece.layerNorm, 0);
                return frozen.results(Norm::addAndForward, Mode.BACKWARD);
            }
        });
        assertThat(values.getFirst()).as("not recorded, %s", piece).isEqualTo(expected.getFirst());
        assertThat(piece.trained == 0 || expected.stream().skip(1).anyMatch(gradient -> anyAboveZero(gradient))).isTrue();
    }

    private static boolean anyAboveZero(float... values) {
        for (float value : values) {
            if (value > 0) {
                return true;
            }
        }
        return false;
    }

    private List<float[]> results(Piece piece, Step step, Mode mode) {
        try (var _ = Scope.open(device())) {
            return piece.results(step, mode);
        }
    }

    @Test
    void noMoreMemoryIsHeldThanByTheTwoOperations() {
        for (DType branch : TYPES) {
            for (DType out : TYPES) {
                for (int trained : new int[] {0, 7}) {
                    for (boolean layerNorm : new boolean[] {false, true}) {
                        var piece = new Piece(64, branch, out, layerNorm, trained);
                        assertThat(held(piece, Norm::addAndForward)).as("%s", piece).isEqualTo(held(piece, ResidualNormContract::separate));
                    }
                }
            }
        }
    }

    private long held(Piece piece, Step step) {
        try (var _ = Scope.open(device())) {
            Tensor x = piece.leaf(1, 4, 2, 3, piece.width);
            Tensor branch = piece.leaf(2, 5, 2, 3, piece.width).mul(2).cast(piece.branch);
            Norm norm = piece.norm();
            long before = device().memoryUsage().inUse();
            NormalizedSum both = step.run(norm, x, branch, piece.out);
            assertThat(both.sum().isReleased()).isFalse();
            return device().memoryUsage().inUse() - before;
        }
    }

    @Test
    void operandsWithoutAKernelOfTheirOwnAreAddedFirst() {
        Norm norm = new RmsNorm(normal(DType.F32, 2, 1, 64), EPSILON);
        Tensor x = normal(DType.F32, 4, 1, 3, 64);
        Tensor narrow = x.cast(DType.BF16);
        Tensor transposed = normal(DType.F32, 5, 1, 64, 3).transpose(0, 1);
        List<Tensor[]> operands = List.of(new Tensor[] {x, normal(DType.F16, 6, 1, 3, 64)}, new Tensor[] {x, normal(DType.BF16, 6, 1, 64)},
                new Tensor[] {narrow, narrow}, new Tensor[] {transposed, x}, new Tensor[] {x, transposed.cast(DType.BF16)},
                new Tensor[] {transposed, transposed});
        for (Tensor[] pair : operands) {
            NormalizedSum expected = separate(norm, pair[0], pair[1], DType.BF16);
            NormalizedSum both = norm.addAndForward(pair[0], pair[1], DType.BF16);
            assertThat(both.sum().dtype()).isEqualTo(expected.sum().dtype());
            assertThat(both.sum().toFloatArray()).isEqualTo(expected.sum().toFloatArray());
            assertThat(both.normalized().toFloatArray()).isEqualTo(expected.normalized().toFloatArray());
        }
        Tensor none = Tensor.empty(DType.F32, Shape.of(0, 64));
        assertThat(norm.addAndForward(none, none, DType.F32).normalized().shape()).isEqualTo(none.shape());
    }

    @Test
    void operandsThatDoNotFitAreRefused() {
        Tensor x = normal(DType.F32, 4, 1, 3, 64);
        Norm norm = new LayerNorm(normal(DType.F32, 2, 1, 63), normal(DType.F32, 3, 1, 63), EPSILON);
        assertThatThrownBy(() -> norm.addAndForward(x, x, DType.F32)).isInstanceOf(ShapeException.class)
                .hasMessage("[layer norm] weight [63] does not fit the innermost axis of [3, 64]");
        assertThatThrownBy(() -> norm.addAndForward(x, normal(DType.F32, 4, 1, 2, 64), DType.F32)).isInstanceOf(ShapeException.class)
                .hasMessageStartingWith("[add]");
        assertThatThrownBy(() -> norm.addAndForward(x, x, DType.F16)).isInstanceOf(DTypeException.class)
                .hasMessageStartingWith("[layer norm] a result of dtype f16 from f32 is not supported");
    }
}
