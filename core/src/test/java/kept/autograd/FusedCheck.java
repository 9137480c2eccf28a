package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Function;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;

/** Compares a fused operation with its plain definition. */
final class FusedCheck {
    private FusedCheck() {}

    /** Compares values and gradients for random operands of the given shapes. */
    static void assertMatches(Function<Tensor[], Tensor> fused, Function<Tensor[], Tensor> plain, Shape... shapes) {
        try (var _ = Scope.open()) {
            Tensor[] ours = operands(shapes);
            Tensor[] theirs = operands(shapes);
            Tensor result = fused.apply(ours);
            Tensor expected = plain.apply(theirs);
            assertClose("values", result, expected);
            Tensor seed = Tensor.normal(51, 0, result.shape().toArray());
            Autograd.backward(result, seed);
            Autograd.backward(expected, seed);
            for (int i = 0; i < ours.length; i++) {
                assertClose("gradient " + i, ours[i].gradient(), theirs[i].gradient());
            }
        }
    }

    /** Compares the F32 gradients of operands in bf16 with those of the same numbers in F32, relative to the largest. */
    static void assertGradientsOfReducedPrecision(double tolerance, Function<Tensor[], Tensor> fused, Shape... shapes) {
        try (var _ = Scope.open()) {
            Tensor[] wide = operands(shapes);
            Tensor[] narrow = new Tensor[shapes.length];
            for (int i = 0; i < narrow.length; i++) {
                narrow[i] = wide[i].detach().cast(DType.BF16).requireGradient();
                wide[i].assign(narrow[i].detach());
            }
            Tensor result = fused.apply(narrow);
            Tensor seed = Tensor.normal(51, 0, result.shape().toArray());
            Autograd.backward(result, seed);
            Autograd.backward(fused.apply(wide), seed);
            for (int i = 0; i < narrow.length; i++) {
                assertThat(narrow[i].gradient().dtype()).isEqualTo(DType.F32);
                float scale = wide[i].gradient().abs().max().item();
                assertThat(narrow[i].gradient().sub(wide[i].gradient()).abs().max().item()).as("gradient %d", i)
                        .isLessThanOrEqualTo((float) (tolerance * scale));
            }
        }
    }

    private static Tensor[] operands(Shape... shapes) {
        Tensor[] operands = new Tensor[shapes.length];
        for (int i = 0; i < operands.length; i++) {
            operands[i] = Tensor.normal(50, i, shapes[i].toArray()).requireGradient();
        }
        return operands;
    }

    private static void assertClose(String what, Tensor seen, Tensor expected) {
        assertThat(seen.shape()).as(what).isEqualTo(expected.shape());
        double scale = Math.max(1, expected.detach().abs().max().item());
        assertThat(seen.detach().sub(expected.detach()).abs().max().item()).as(what).isCloseTo(0, Offset.offset((float) (1e-5 * scale)));
    }

    /** The distance to the unrounded values is at most half a step of bf16, which has 8 significant bits, and a little for the arithmetic before. */
    static void assertOneRounding(Tensor rounded, Tensor expected) {
        assertThat(rounded.dtype()).isEqualTo(DType.BF16);
        float[] seen = rounded.toFloatArray();
        float[] exact = expected.toFloatArray();
        for (int i = 0; i < seen.length; i++) {
            assertThat((double) seen[i]).isCloseTo(exact[i], Offset.offset(Math.abs(exact[i]) * 0x1p-8 * 1.01 + 1e-6));
        }
    }
}
