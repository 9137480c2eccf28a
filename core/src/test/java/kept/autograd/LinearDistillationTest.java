package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.backend.DistillationObjective;
import kept.backend.Divergence;
import kept.nn.Functional;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import kept.tensor.internal.TensorInternals;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Linear + divergence in row chunks: its value, its gradients, its memory, and the scores of single rows. */
class LinearDistillationTest {
    private static final int ROWS = 7;
    private static final int WIDTH = 5;
    private static final int VOCABULARY = 11;
    private static final long[] LABELS = {3, -1, 0, 10, 7, -100, 3};
    private static final Reference TEACHER_HIDDEN = Reference.normal(1, ROWS, 4);
    private static final Reference TEACHER_HEAD = Reference.normal(2, VOCABULARY, 4);

    static Stream<DistillationObjective> objectives() {
        return Arrays.stream(Divergence.values()).flatMap(divergence -> Stream.of(
                new DistillationObjective(divergence, 1, 0),
                new DistillationObjective(divergence, 2.5, 0),
                new DistillationObjective(divergence, 0.5, 0.3),
                new DistillationObjective(divergence, 1, 1)));
    }

    @ParameterizedTest
    @MethodSource("objectives")
    void isItsFormulaWithItsGradients(DistillationObjective objective) {
        for (long chunk : new long[] {1, 3, ROWS, 64}) {
            GradientCheck.check(
                    in -> Functional.distillationLoss(new FactoredLogits(in[0], in[1]), teacher(), Tensor.of(LABELS), objective, chunk).loss()
                            .mul(40),
                    in -> expected(objective, in[0], in[1]).map(loss -> 40 * loss),
                    Reference.normal(3, ROWS, WIDTH), Reference.normal(4, VOCABULARY, WIDTH));
        }
    }

    private static FactoredLogits teacher() {
        return new FactoredLogits(tensor(TEACHER_HIDDEN), tensor(TEACHER_HEAD));
    }

    private static Tensor tensor(Reference values) {
        return Tensor.of(values.floats(), values.dimensions());
    }

    private static Reference expected(DistillationObjective objective, Reference hidden, Reference head) {
        double weight = objective.crossEntropyWeight();
        double temperature = objective.temperature();
        double total = 0;
        for (int row = 0; row < ROWS; row++) {
            double[] teacherLogits = logits(TEACHER_HIDDEN, TEACHER_HEAD, row);
            double[] studentLogits = logits(hidden, head, row);
            double[] p = softmax(temperature, teacherLogits);
            double[] q = softmax(temperature, studentLogits);
            double divergence = switch (objective.divergence()) {
                case FORWARD_KL -> relativeEntropy(p, q);
                case REVERSE_KL -> relativeEntropy(q, p);
                case JENSEN_SHANNON -> {
                    double[] middle = IntStream.range(0, p.length).mapToDouble(i -> (p[i] + q[i]) / 2).toArray();
                    yield (relativeEntropy(p, middle) + relativeEntropy(q, middle)) / 2;
                }
            };
            double crossEntropy = LABELS[row] < 0 ? 0 : -Math.log(softmax(1, studentLogits)[(int) LABELS[row]]);
            total += (1 - weight) * temperature * temperature * divergence + weight * crossEntropy;
        }
        return Reference.of(new double[] {total / ROWS});
    }

    private static double[] logits(Reference hidden, Reference head, int row) {
        return IntStream.range(0, VOCABULARY)
                .mapToDouble(token -> IntStream.range(0, hidden.shape()[1]).mapToDouble(i -> hidden.at(row, i) * head.at(token, i)).sum())
                .toArray();
    }

    private static double[] softmax(double temperature, double... logits) {
        double[] weights = Arrays.stream(logits).map(logit -> Math.exp(logit / temperature)).toArray();
        double sum = Arrays.stream(weights).sum();
        return Arrays.stream(weights).map(weight -> weight / sum).toArray();
    }

    private static double relativeEntropy(double[] a, double[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> a[i] * Math.log(a[i] / b[i])).sum();
    }

    @ParameterizedTest
    @EnumSource(Divergence.class)
    void chunksOfAnySizeGiveThePlainLossAndGradients(Divergence divergence) {
        var objective = new DistillationObjective(divergence, 2, 0.25);
        try (var _ = Scope.open()) {
            FactoredLogits student = logits(10, 2, 67, 24, 301);
            FactoredLogits teacher = logits(20, 2, 67, 16, 301);
            Tensor labels = Tensor.uniform(30, 0, 2, 67).mul(301).cast(DType.I64);
            Tensor plain = PlainLosses.distillation(student, teacher, labels, objective);
            plain.backward();
            Tensor hiddenGradient = student.hidden().gradient().copy();
            Tensor headGradient = student.head().gradient().copy();
            for (long chunk : new long[] {1, 13, 64, 134, 4096}) {
                student.hidden().zeroGradient();
                student.head().zeroGradient();
                DistillationLoss result = Functional.distillationLoss(student, teacher, labels, objective, chunk);
                result.loss().backward();
                assertThat(result.loss().item()).isCloseTo(plain.item(), Offset.offset(1e-5f * plain.item()));
                assertClose(student.hidden().gradient(), hiddenGradient);
                assertClose(student.head().gradient(), headGradient);
            }
            assertThat(teacher.hidden().gradient()).as("the teacher is not differentiated").isNull();
        }
    }

    private static void assertClose(Tensor seen, Tensor expected) {
        float scale = expected.abs().max().item();
        assertThat(seen.sub(expected).abs().max().item()).isLessThan(2e-5f * scale);
    }

    @Test
    void divergenceComesBesideTheLossUnscaledAndUnrecorded() {
        try (var _ = Scope.open()) {
            FactoredLogits student = logits(10, 3, 5, 8, 17);
            FactoredLogits teacher = logits(20, 3, 5, 8, 17);
            Tensor labels = Tensor.uniform(30, 0, 3, 5).mul(17).cast(DType.I64);
            var sharp = Functional.distillationLoss(student, teacher, null, DistillationObjective.FORWARD_KL);
            assertThat(sharp.divergence().item()).isEqualTo(sharp.loss().item());
            assertThat(sharp.divergence().requiresGradient()).isFalse();
            var mixed = Functional.distillationLoss(student, teacher, labels, new DistillationObjective(Divergence.FORWARD_KL, 1, 0.75));
            assertThat(mixed.divergence().item()).isEqualTo(sharp.divergence().item());
            assertThat(mixed.loss().item()).isNotEqualTo(mixed.divergence().item());
        }
    }

    @Test
    void equalModelsHaveNoLossAndNoGradient() {
        try (var _ = Scope.open()) {
            FactoredLogits student = logits(10, 2, 6, 8, 40);
            var result = Functional.distillationLoss(student, new FactoredLogits(student.hidden().detach(), student.head().detach()), null,
                    DistillationObjective.FORWARD_KL);
            result.loss().backward();
            assertThat(result.loss().item()).isCloseTo(0, Offset.offset(1e-7f));
            assertThat(student.hidden().gradient().abs().max().item()).isLessThan(1e-8f);
        }
    }

    @Test
    void nothingIsRecordedWhereNothingIsTrained() {
        try (var _ = Scope.open()) {
            FactoredLogits teacher = logits(20, 3, 5, 8, 17);
            var frozen = new FactoredLogits(teacher.hidden().detach(), teacher.head().detach());
            assertThat(Functional.distillationLoss(frozen, teacher, null, DistillationObjective.FORWARD_KL).loss().requiresGradient()).isFalse();
        }
    }

    @Test
    void memoryGrowsWithTheChunkAndNotWithTheRows() {
        long few = peak(256, 32);
        long many = peak(2048, 32);
        long wide = peak(2048, 256);
        long chunkOfLogits = 32 * 2000 * 4;
        assertThat(many - few).as("more rows cost their hidden gradients and losses").isLessThan(2048 * (16 + 4) * 4 + chunkOfLogits);
        assertThat(wide - many).as("larger chunks cost two chunks of logits").isBetween(13 * chunkOfLogits, 15 * chunkOfLogits);
    }

    /** Of a head in BF16, where the device's products take the logits' gradient in BF16 as well. */
    @Test
    void aChunkConvertedForProductsIsFreedBeforeTheNext() {
        Device device = OtherDevice.of("tensor cores", other -> other);
        long few = peak(device, DType.BF16, 256, 32);
        long many = peak(device, DType.BF16, 2048, 32);
        long chunkOfLogits = 32 * 2000 * 2;
        assertThat(many - few).isLessThan(2048 * (16 + 16 + 4) * 4 + chunkOfLogits);
    }

    private static long peak(long rows, long chunk) {
        return peak(Device.cpu(), DType.F32, rows, chunk);
    }

    /** The most memory in use while the loss and its gradients are computed, over what was in use before. */
    private static long peak(Device device, DType heads, long rows, long chunk) {
        try (var _ = Scope.open(device)) {
            FactoredLogits student = logits(10, 1, rows, 16, 2000, heads);
            FactoredLogits teacher = logits(20, 1, rows, 16, 2000, heads);
            TensorInternals.gradientAccumulator(student.hidden());
            TensorInternals.gradientAccumulator(student.head());
            return MemoryPeak.of(device, () ->
                    Functional.distillationLoss(student, teacher, null, DistillationObjective.FORWARD_KL, chunk).loss().backward());
        }
    }

    @Test
    void memoryIsFreedWithTheStep() {
        try (var scope = Scope.open()) {
            FactoredLogits student = logits(10, 1, 100, 16, 200);
            FactoredLogits teacher = logits(20, 1, 100, 16, 200);
            TensorInternals.gradientAccumulator(student.hidden());
            TensorInternals.gradientAccumulator(student.head());
            long before = scope.device().memoryUsage().inUse();
            for (int step = 0; step < 3; step++) {
                try (var _ = Scope.open()) {
                    Functional.distillationLoss(student, teacher, null, DistillationObjective.FORWARD_KL, 32).loss().backward();
                }
                assertThat(scope.device().memoryUsage().inUse()).isEqualTo(before);
            }
        }
    }

    @Test
    void evaluationScoresEachRow() {
        try (var _ = Scope.open()) {
            var student = new FactoredLogits(tensor(Reference.normal(3, ROWS, WIDTH)), tensor(Reference.normal(4, VOCABULARY, WIDTH)));
            DistillationScores scores = Functional.distillationScores(student, teacher(), Tensor.of(LABELS));
            float[] divergences = scores.divergences().toFloatArray();
            float[] teacherLosses = scores.teacherCrossEntropies().toFloatArray();
            float[] studentLosses = scores.studentCrossEntropies().toFloatArray();
            long[] agreements = scores.agreements().toLongArray();
            for (int row = 0; row < ROWS; row++) {
                double[] p = softmax(1, logits(TEACHER_HIDDEN, TEACHER_HEAD, row));
                double[] q = softmax(1, logits(Reference.normal(3, ROWS, WIDTH), Reference.normal(4, VOCABULARY, WIDTH), row));
                assertThat((double) divergences[row]).isCloseTo(relativeEntropy(p, q), Offset.offset(1e-5));
                int label = (int) LABELS[row];
                assertThat((double) teacherLosses[row]).isCloseTo(label < 0 ? 0 : -Math.log(p[label]), Offset.offset(1e-5));
                assertThat((double) studentLosses[row]).isCloseTo(label < 0 ? 0 : -Math.log(q[label]), Offset.offset(1e-5));
                assertThat(agreements[row]).isEqualTo(best(p) == best(q) ? 1 : 0);
            }
            assertThat(Arrays.stream(agreements).distinct().count()).as("the example has both").isEqualTo(2);
        }
    }

    private static int best(double... values) {
        return IntStream.range(0, values.length).reduce((a, b) -> values[b] > values[a] ? b : a).orElseThrow();
    }

    @Test
    void evaluationInChunksIsThatOfEachRowAlone() {
        try (var _ = Scope.open()) {
            // Logits of more than 64 rows would not fit a chunk.
            int vocabulary = Math.toIntExact(Tensor.zeros(1).backend().chunkBytes() / DType.F32.bytes() / 64 + 1);
            FactoredLogits student = logits(10, 1, 66, 8, vocabulary);
            FactoredLogits teacher = logits(20, 1, 66, 8, vocabulary);
            assertThat(student.defaultChunkRows()).as("a whole chunk and a part").isEqualTo(64);
            Tensor labels = Tensor.uniform(30, 0, 66).mul(vocabulary).cast(DType.I64);
            var all = Functional.distillationScores(student, teacher, labels);
            var last = Functional.distillationScores(new FactoredLogits(student.hidden().slice(1, 65, 66), student.head()),
                    new FactoredLogits(teacher.hidden().slice(1, 65, 66), teacher.head()), labels.slice(0, 65, 66));
            assertThat(all.divergences().toFloatArray()[65]).isCloseTo(last.divergences().item(), Offset.offset(1e-5f));
            assertThat(all.studentCrossEntropies().toFloatArray()[65]).isCloseTo(last.studentCrossEntropies().item(), Offset.offset(1e-5f));
        }
    }

    @Test
    void chunksHaveAsManyWholeTilesOfRowsAsTheirMemoryHolds() {
        try (var _ = Scope.open()) {
            for (int vocabulary : new int[] {11, 8191, 32_000, 84_608}) {
                FactoredLogits logits = logits(10, 1, 1, 1, vocabulary);
                long most = logits.hidden().backend().chunkBytes() / DType.F32.bytes() / vocabulary;
                assertThat(logits.defaultChunkRows()).as("vocabulary %d", vocabulary).isEqualTo(Math.clamp(most / 64 * 64, 64, 2048));
            }
        }
    }

    @Test
    void operandsThatDoNotFitAreRefused() {
        try (var _ = Scope.open()) {
            FactoredLogits student = logits(10, 2, 6, 8, 40);
            var objective = DistillationObjective.FORWARD_KL;
            assertThatThrownBy(() -> Functional.distillationLoss(student, logits(20, 1, 6, 8, 40), null, objective))
                    .isInstanceOf(ShapeException.class)
                    .hasMessageContaining("different rows: hidden states [2, 6, 8] and [1, 6, 8]");
            assertThatThrownBy(() -> Functional.distillationLoss(student, logits(20, 2, 6, 8, 41), null, objective))
                    .isInstanceOf(ShapeException.class)
                    .hasMessageContaining("different vocabularies: 40 and 41");
            assertThatThrownBy(() -> Functional.distillationLoss(student, student, null, new DistillationObjective(Divergence.FORWARD_KL, 1, 0.5)))
                    .isInstanceOf(ShapeException.class).hasMessageContaining("needs labels");
            assertThatThrownBy(() -> new FactoredLogits(Tensor.zeros(2, 3), Tensor.zeros(5, 4))).isInstanceOf(ShapeException.class)
                    .hasMessageContaining("hidden states [2, 3] and head [5, 4] do not match");
            assertThatThrownBy(() -> new FactoredLogits(Tensor.zeros(0, 4), Tensor.zeros(5, 4))).isInstanceOf(ShapeException.class)
                    .hasMessage("[logits] there are no logits: hidden states [0, 4], head [5, 4]");
        }
    }

    @Test
    void objectivesOutOfRangeAreRefused() {
        for (double temperature : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> new DistillationObjective(Divergence.FORWARD_KL, temperature, 0)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("[distillation] temperature must be above 0, not " + temperature);
        }
        for (double weight : new double[] {-0.1, 1.1, Double.NaN}) {
            assertThatThrownBy(() -> new DistillationObjective(Divergence.FORWARD_KL, 1, weight)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("[distillation] cross-entropy weight must lie in 0 to 1, not " + weight);
        }
    }

    @Test
    void secondBackwardIsRefusedBecauseGradientsWereHandedOver() {
        try (var _ = Scope.open()) {
            Tensor loss = Functional.distillationLoss(logits(10, 2, 6, 8, 40), logits(20, 2, 6, 8, 40), null, DistillationObjective.FORWARD_KL)
                    .loss();
            loss.backward();
            assertThatThrownBy(loss::backward).isInstanceOf(TensorException.class).hasMessageContaining("compute the loss again");
        }
    }

    private static FactoredLogits logits(long seed, long batch, long sequence, long width, long vocabulary) {
        return logits(seed, batch, sequence, width, vocabulary, DType.F32);
    }

    private static FactoredLogits logits(long seed, long batch, long sequence, long width, long vocabulary, DType heads) {
        return new FactoredLogits(
                Tensor.normal(seed, 0, batch, sequence, width).requireGradient(),
                Tensor.normal(seed, 1, vocabulary, width).mul(0.7).cast(heads).detach().requireGradient());
    }
}
