package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.DTypeException;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** Linear + cross-entropy in row chunks. */
class LinearCrossEntropyTest {
    private static final int[] LABELS = {3, -1, 0, 10, 7};

    @Test
    void isItsFormulaWithItsGradientsOverTheRowsThatHaveALabel() {
        for (long chunk : new long[] {1, 2, 5, 100}) {
            GradientCheck.check(
                    in -> Functional.crossEntropy(new FactoredLogits(in[0], in[1]), Tensor.of(LABELS), chunk).mul(40),
                    in -> Reference.of(new double[] {40 * expected(in[0], in[1])}),
                    Reference.normal(1, 5, 6), Reference.normal(2, 11, 6));
        }
    }

    private static double expected(Reference hidden, Reference head) {
        double total = 0;
        for (int row = 0; row < LABELS.length; row++) {
            total += LABELS[row] < 0 ? 0 : loss(hidden, head, row);
        }
        return total / 4;
    }

    private static double loss(Reference hidden, Reference head, int row) {
        double[] logits = IntStream.range(0, 11)
                .mapToDouble(token -> IntStream.range(0, 6).mapToDouble(i -> hidden.at(row, i) * head.at(token, i)).sum())
                .toArray();
        return Math.log(IntStream.range(0, 11).mapToDouble(i -> Math.exp(logits[i])).sum()) - logits[LABELS[row]];
    }

    @Test
    void chunksOfAnySizeGiveThePlainLossAndGradients() {
        try (var _ = Scope.open()) {
            var logits = new FactoredLogits(Tensor.normal(3, 0, 3, 43, 24).requireGradient(), Tensor.normal(3, 1, 301, 24).requireGradient());
            Tensor labels = Tensor.uniform(4, 0, 3, 43).mul(330).sub(29).cast(DType.I64);
            Tensor plain = PlainLosses.crossEntropy(logits, labels);
            plain.backward();
            Tensor hiddenGradient = logits.hidden().gradient().copy();
            Tensor headGradient = logits.head().gradient().copy();
            for (long chunk : new long[] {1, 13, 64, 129, 4096}) {
                logits.hidden().zeroGradient();
                logits.head().zeroGradient();
                Tensor loss = Functional.crossEntropy(logits, labels, chunk);
                loss.backward();
                assertThat(loss.item()).isCloseTo(plain.item(), Offset.offset(1e-5f * plain.item()));
                assertThat(logits.hidden().gradient().sub(hiddenGradient).abs().max().item()).isLessThan(1e-6f);
                assertThat(logits.head().gradient().sub(headGradient).abs().max().item()).isLessThan(1e-6f);
            }
        }
    }

    @Test
    void evaluationGivesTheLossOfEachRow() {
        try (var _ = Scope.open()) {
            Reference hidden = Reference.normal(1, 5, 6);
            Reference head = Reference.normal(2, 11, 6);
            var logits = new FactoredLogits(Tensor.of(hidden.floats(), 5, 6).requireGradient(), Tensor.of(head.floats(), 11, 6));
            Tensor losses = Functional.crossEntropyRows(logits, Tensor.of(LABELS));
            assertThat(losses.requiresGradient()).isFalse();
            float[] seen = losses.toFloatArray();
            for (int row = 0; row < LABELS.length; row++) {
                double wanted = LABELS[row] < 0 ? 0 : loss(hidden, head, row);
                assertThat((double) seen[row]).isCloseTo(wanted, Offset.offset(1e-5));
            }
        }
    }

    @Test
    void labelsThatDoNotFitAreRefused() {
        try (var _ = Scope.open()) {
            var logits = new FactoredLogits(Tensor.zeros(2, 3, 4), Tensor.zeros(5, 4));
            assertThatThrownBy(() -> Functional.crossEntropy(logits, Tensor.of(new int[] {1, 2}))).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("labels [2] do not match the rows of [2, 3, 4]");
            assertThatThrownBy(() -> Functional.crossEntropy(logits, Tensor.of(new int[] {-1, -1, -1, -1, -1, -1})))
                    .isInstanceOf(ShapeException.class).hasMessageContaining("no row of [6] has a label");
            assertThatThrownBy(() -> Functional.crossEntropy(logits, Tensor.ones(6))).isInstanceOf(DTypeException.class)
                    .hasMessageContaining("labels must be i32 or i64, not f32");
            assertThatThrownBy(() -> Functional.crossEntropy(logits, Tensor.of(new int[] {0, 0, 0, 0, 0, 0}), 0)).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("at least one row, not 0");
        }
    }
}
