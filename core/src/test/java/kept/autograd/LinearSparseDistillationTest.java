package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Stream;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.backend.SparseDistribution;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Linear + divergence from a part of a distribution, in row chunks: its value, its gradients, and what it says of the whole. */
class LinearSparseDistillationTest {
    private static final int ROWS = 7;
    private static final int WIDTH = 5;
    private static final int VOCABULARY = 11;
    private static final long[] LABELS = {3, -1, 0, 10, 7, -100, 3};

    static Stream<DistillationObjective> objectives() {
        return Stream.of(new DistillationObjective(Divergence.FORWARD_KL, 1, 0), new DistillationObjective(Divergence.FORWARD_KL, 2.5, 0),
                new DistillationObjective(Divergence.FORWARD_KL, 1, 0.4), new DistillationObjective(Divergence.FORWARD_KL, 0.5, 0.3),
                new DistillationObjective(Divergence.FORWARD_KL, 1, 1));
    }

    /** The k most likely tokens of each row of logits, and the probability of the rest; at a temperature. */
    private static SparseDistribution mostLikely(Tensor logits, int k, double temperature) {
        int rows = Math.toIntExact(logits.size(0));
        Tensor p = logits.div(temperature).softmax(-1);
        long[] tokens = new long[rows * k];
        float[] probabilities = new float[rows * k];
        float[] rest = new float[rows];
        float[] entropies = new float[rows];
        for (int row = 0; row < rows; row++) {
            float[] values = p.slice(0, row, row + 1).toFloatArray();
            double left = 0;
            double entropy = 0;
            for (int i = 0; i < k; i++) {
                int best = 0;
                for (int j = 1; j < values.length; j++) {
                    best = values[j] > values[best] ? j : best;
                }
                tokens[row * k + i] = best;
                probabilities[row * k + i] = values[best];
                entropy -= values[best] * Math.log(values[best]);
                values[best] = 0;
            }
            for (float value : values) {
                left += value;
            }
            rest[row] = (float) left;
            entropies[row] = (float) (left == 0 ? entropy : entropy - left * Math.log(left));
        }
        return new SparseDistribution(Tensor.of(tokens, rows, k), Tensor.of(probabilities, rows, k), Tensor.of(rest), Tensor.of(entropies));
    }

    private static Tensor teacherLogits() {
        return Tensor.normal(9, 1, ROWS, VOCABULARY).mul(2);
    }

    @ParameterizedTest
    @MethodSource("objectives")
    void isItsFormulaWithItsGradients(DistillationObjective objective) {
        for (long chunk : new long[] {1, 3, ROWS, 64}) {
            GradientCheck.check(
                    in -> Functional.sparseDistillationLoss(new FactoredLogits(in[0], in[1]), mostLikely(teacherLogits(), 3, objective.temperature()),
                            Tensor.of(LABELS), objective, chunk).loss().mul(40),
                    in -> expected(objective, in[0], in[1]).map(loss -> 40 * loss),
                    Reference.normal(3, ROWS, WIDTH), Reference.normal(4, VOCABULARY, WIDTH));
        }
    }

    private static Reference expected(DistillationObjective objective, Reference hidden, Reference head) {
        try (var _ = Scope.open()) {
            SparseDistribution teacher = mostLikely(teacherLogits(), 3, objective.temperature());
            float[] p = teacher.probabilities().toFloatArray();
            long[] tokens = teacher.tokens().toLongArray();
            double total = 0;
            for (int row = 0; row < ROWS; row++) {
                double[] logits = new double[VOCABULARY];
                for (int token = 0; token < VOCABULARY; token++) {
                    for (int i = 0; i < WIDTH; i++) {
                        logits[token] += hidden.at(row, i) * head.at(token, i);
                    }
                }
                double[] q = softmax(objective.temperature(), logits);
                double others = 1;
                double divergence = -teacher.entropies().get(row);
                for (int i = 3 * row; i < 3 * row + 3; i++) {
                    divergence -= p[i] * Math.log(q[(int) tokens[i]]);
                    others -= q[(int) tokens[i]];
                }
                divergence -= teacher.rest().get(row) * Math.log(others);
                double crossEntropy = LABELS[row] < 0 ? 0 : -Math.log(softmax(1, logits)[(int) LABELS[row]]);
                double weight = objective.crossEntropyWeight();
                total += (1 - weight) * objective.temperature() * objective.temperature() * divergence + weight * crossEntropy;
            }
            return Reference.of(new double[] {total / ROWS});
        }
    }

    private static double[] softmax(double temperature, double... logits) {
        double sum = 0;
        double[] out = new double[logits.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = Math.exp(logits[i] / temperature);
            sum += out[i];
        }
        for (int i = 0; i < out.length; i++) {
            out[i] /= sum;
        }
        return out;
    }

    /** By the data processing inequality: tokens that are counted as one cannot tell more than each of them. */
    @Test
    void isALowerBoundOfTheDivergenceThatRisesWithTheTokensToTheWhole() {
        try (var _ = Scope.open()) {
            FactoredLogits student = new FactoredLogits(Tensor.normal(1, 1, ROWS, WIDTH), Tensor.normal(2, 1, VOCABULARY, WIDTH));
            FactoredLogits teacher = new FactoredLogits(teacherLogits(), Tensor.eye(VOCABULARY));
            double whole = Functional.distillationLoss(student, teacher, null, DistillationObjective.FORWARD_KL).loss().item();
            double before = 0;
            for (int k = 1; k <= VOCABULARY; k++) {
                double loss = Functional.sparseDistillationLoss(student, mostLikely(teacherLogits(), k, 1), null, DistillationObjective.FORWARD_KL)
                        .loss().item();
                assertThat(loss).as("%d tokens", k).isGreaterThan(before - 1e-6).isLessThan(whole + 1e-5);
                before = loss;
            }
            assertThat(before).isCloseTo(whole, Offset.offset(1e-5));
        }
    }

    @Test
    void divergenceComesBesideTheLossUnscaledAndUnrecorded() {
        try (var _ = Scope.open()) {
            FactoredLogits student = new FactoredLogits(Tensor.normal(1, 1, ROWS, WIDTH).requireGradient(), Tensor.normal(2, 1, VOCABULARY, WIDTH));
            SparseDistribution teacher = mostLikely(teacherLogits(), 4, 2);
            var sharp = Functional.sparseDistillationLoss(student, teacher, null, new DistillationObjective(Divergence.FORWARD_KL, 2, 0));
            assertThat(sharp.loss().item()).isCloseTo(4 * sharp.divergence().item(), Offset.offset(1e-5f));
            assertThat(sharp.divergence().requiresGradient()).isFalse();
            assertThat(sharp.loss().requiresGradient()).isTrue();
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        try (var _ = Scope.open()) {
            FactoredLogits student = new FactoredLogits(Tensor.normal(1, 1, ROWS, WIDTH), Tensor.normal(2, 1, VOCABULARY, WIDTH));
            SparseDistribution teacher = mostLikely(teacherLogits(), 2, 1);
            var reverse = new DistillationObjective(Divergence.REVERSE_KL, 1, 0);
            assertThatThrownBy(() -> Functional.sparseDistillationLoss(student, teacher, null, reverse)).isInstanceOf(TensorException.class)
                    .hasMessage("[linear sparse distillation] only the forward divergence can be computed from a part of the teacher's distribution");
            var mixed = new DistillationObjective(Divergence.FORWARD_KL, 1, 0.5);
            assertThatThrownBy(() -> Functional.sparseDistillationLoss(student, teacher, null, mixed)).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("needs labels");
            FactoredLogits fewer = new FactoredLogits(Tensor.normal(1, 1, 2, WIDTH), student.head());
            assertThatThrownBy(() -> Functional.sparseDistillationLoss(fewer, teacher, null, DistillationObjective.FORWARD_KL))
                    .isInstanceOf(ShapeException.class).hasMessageContaining("different rows");
            var strange = new SparseDistribution(Tensor.full(VOCABULARY, DType.I64, Shape.of(ROWS, 1)), Tensor.ones(ROWS, 1), Tensor.zeros(ROWS),
                    Tensor.zeros(ROWS));
            assertThatThrownBy(() -> Functional.sparseDistillationLoss(student, strange, null, DistillationObjective.FORWARD_KL))
                    .isInstanceOf(ShapeException.class);
        }
    }
}
