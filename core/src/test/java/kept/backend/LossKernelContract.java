package kept.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.IntStream;
import kept.tensor.DType;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** The contract of cross-entropy and distillation, against {@link RowReference}. */
public abstract class LossKernelContract extends KernelContract {
    private static final int ROWS = 4;
    private static final double[][] TEMPERATURES_AND_WEIGHTS = {{1, 0}, {2, 0}, {1, 0.25}, {2.5, 0.25}, {0.5, 1}};
    private static final double SCALE = 3;

    /** For subclasses. */
    protected LossKernelContract() {}

    private static double[] row(double[] values, int row, int width) {
        return Arrays.copyOfRange(values, row * width, (row + 1) * width);
    }

    private static Tensor row(Tensor rows, int row, int width) {
        return Tensor.of(Arrays.copyOfRange(rows.toFloatArray(), row * width, (row + 1) * width));
    }

    private static Tensor labels(int width) {
        return Tensor.of(new long[] {width - 1, -100, 0, width / 2});
    }

    @Test
    void crossEntropyIsAsGoodAsThePlainComputationAndItsGradientThatOfTheReference() {
        for (int width : WIDTHS) {
            Tensor logits = normal(DType.F32, width, 4, ROWS, width);
            double[] values = values(logits);
            long[] targets = labels(width).toLongArray();
            Tensor losses = out(DType.F32, ROWS);
            backend().crossEntropyRows(logits, labels(width), SCALE, losses);
            double[] exact = new double[ROWS];
            double[] plain = new double[ROWS];
            for (int i = 0; i < ROWS; i++) {
                long target = targets[i];
                exact[i] = RowReference.EXACT.crossEntropy(row(values, i, width), target);
                plain[i] = RowReference.PLAIN.crossEntropy(row(values, i, width), target);
                assertGradient("cross-entropy", row(logits, i, width), row(values, i, width),
                        v -> SCALE * RowReference.EXACT.crossEntropy(v, target));
            }
            assertAsGoodAsPlain("cross-entropy", losses, exact, plain, width, 1 + 2 * largest(values));
            assertThat(row(logits, 1, width).toFloatArray()).as("no label, no gradient").containsOnly(0f);
        }
    }

    @Test
    void crossEntropyOfExtremeLogitsIsFinite() {
        Tensor logits = Tensor.of(new float[] {1e4f, -1e4f, 0, 1e4f, -1e4f, 0, 0, 0, Float.NEGATIVE_INFINITY}, 3, 3);
        Tensor losses = out(DType.F32, 3);
        backend().crossEntropyRows(logits, Tensor.of(new long[] {0, 1, 0}), 1, losses);
        assertThat(losses.toFloatArray()).containsExactly(0f, 2e4f, 0.6931472f);
        assertThat(logits.toFloatArray()).containsExactly(0, 0, 0, 1, -1, 0, -0.5f, 0.5f, 0);
    }

    @Test
    void distillationIsAsGoodAsThePlainComputationAndItsGradientThatOfTheReference() {
        for (Divergence divergence : Divergence.values()) {
            for (double[] setting : TEMPERATURES_AND_WEIGHTS) {
                for (int width : WIDTHS) {
                    check(new DistillationObjective(divergence, setting[0], setting[1]), width);
                }
            }
        }
    }

    private void check(DistillationObjective objective, int width) {
        Tensor teacher = normal(DType.F32, 2L * width, 3, ROWS, width);
        Tensor student = normal(DType.F32, 2L * width + 1, 3, ROWS, width);
        double[] t = values(teacher);
        double[] s = values(student);
        Tensor labels = objective.crossEntropyWeight() > 0 ? labels(width) : null;
        long[] targets = labels(width).toLongArray();
        Tensor losses = out(DType.F32, ROWS);
        Tensor divergences = out(DType.F32, ROWS);
        backend().distillationRows(objective, teacher, student, labels, SCALE, losses, divergences);
        double[][] exact = new double[2][ROWS];
        double[][] plain = new double[2][ROWS];
        String what = objective.toString();
        for (int i = 0; i < ROWS; i++) {
            double[] p = row(t, i, width);
            double[] q = row(s, i, width);
            long target = targets[i];
            exact[0][i] = RowReference.EXACT.distillation(objective, p, q, target);
            plain[0][i] = RowReference.PLAIN.distillation(objective, p, q, target);
            exact[1][i] = RowReference.EXACT.divergence(objective.divergence(), objective.temperature(), p, q);
            plain[1][i] = RowReference.PLAIN.divergence(objective.divergence(), objective.temperature(), p, q);
            if (width <= 127 || i == 3) {
                assertGradient(what, row(student, i, width), q, v -> SCALE * RowReference.EXACT.distillation(objective, p, v, target));
            }
        }
        double ofDivergence = IntStream.range(0, ROWS).mapToDouble(i -> termsOfDivergence(objective, row(t, i, width), row(s, i, width)))
                .max().orElseThrow();
        double weight = objective.crossEntropyWeight();
        double ofLoss = (1 - weight) * objective.temperature() * objective.temperature() * ofDivergence + weight * (1 + 2 * largest(s));
        assertAsGoodAsPlain(what, losses, exact[0], plain[0], width, ofLoss);
        assertAsGoodAsPlain(what, divergences, exact[1], plain[1], width, ofDivergence);
        assertThat(values(teacher)).as("the teacher's logits stay").isEqualTo(t);
    }

    /** {@code sum (p + q) (1 + |log p| + |log q|)}: what the terms of every divergence come to before any of them cancel. */
    private static double termsOfDivergence(DistillationObjective objective, double[] teacher, double[] student) {
        double[] logP = RowReference.EXACT.logSoftmax(divided(teacher, objective.temperature()), teacher.length);
        double[] logQ = RowReference.EXACT.logSoftmax(divided(student, objective.temperature()), student.length);
        return IntStream.range(0, logP.length)
                .mapToDouble(i -> (Math.exp(logP[i]) + Math.exp(logQ[i])) * (1 + Math.abs(logP[i]) + Math.abs(logQ[i]))).sum();
    }

    private static double[] divided(double[] values, double by) {
        return Arrays.stream(values).map(value -> value / by).toArray();
    }

    @Test
    void nearlyEqualRowsKeepTheDigitsOfTheirDivergence() {
        int width = 4098;
        Tensor teacher = normal(DType.F32, 5, 4, 1, width);
        float[] moved = teacher.toFloatArray();
        float[] noise = normal(DType.F32, 6, 1e-3, width).toFloatArray();
        for (int i = 0; i < width; i++) {
            moved[i] += noise[i];
        }
        for (Divergence divergence : new Divergence[] {Divergence.FORWARD_KL, Divergence.REVERSE_KL}) {
            Tensor student = Tensor.of(moved, 1, width);
            double exact = RowReference.EXACT.divergence(divergence, 1, values(teacher), values(student));
            Tensor result = out(DType.F32, 1);
            backend().distillationRows(new DistillationObjective(divergence, 1, 0), teacher, student, null, 1, out(DType.F32, 1), result);
            assertThat(exact).isBetween(1e-7, 1e-6);
            assertThat((double) result.item()).isCloseTo(exact, Percentage.withPercentage(3));
        }
    }

    @Test
    void equalRowsCostNothing() {
        for (Divergence divergence : Divergence.values()) {
            Tensor teacher = normal(DType.F32, 7, 5, 3, 127);
            Tensor student = Tensor.of(teacher.toFloatArray(), 3, 127);
            Tensor losses = out(DType.F32, 3);
            backend().distillationRows(new DistillationObjective(divergence, 1, 0), teacher, student, null, 1, losses, out(DType.F32, 3));
            for (float loss : losses.toFloatArray()) {
                assertThat(loss).as(divergence.name()).isBetween(-1e-7f, 1e-7f);
            }
            for (float gradient : student.toFloatArray()) {
                assertThat(gradient).as(divergence.name()).isBetween(-1e-7f, 1e-7f);
            }
        }
    }

    @Test
    void extremeLogitsGiveFiniteLossesAndGradients() {
        float infinity = Float.POSITIVE_INFINITY;
        for (int width : new int[] {4, 19, 64}) {
            float[] t = new float[4 * width];
            float[] s = new float[4 * width];
            Arrays.fill(t, -1e4f);
            t[0] = 1e4f;
            s[0] = -1e4f;
            s[1] = 1e4f;
            Arrays.fill(t, width, 2 * width, 1f);
            t[width + 1] = -infinity;
            t[3 * width - 1] = -infinity;
            s[2 * width - 1] = 1e4f;
            s[3 * width + 2] = 100;
            for (Divergence divergence : Divergence.values()) {
                for (double temperature : new double[] {1, 2}) {
                    var objective = new DistillationObjective(divergence, temperature, 0.5);
                    Tensor student = Tensor.of(s, 4, width);
                    Tensor losses = out(DType.F32, 4);
                    backend().distillationRows(objective, Tensor.of(t, 4, width), student, Tensor.of(new long[] {0, 1, -1, 3}), 1, losses,
                            out(DType.F32, 4));
                    for (float value : losses.toFloatArray()) {
                        assertThat(value).as("loss, %s, width %d", objective, width).isFinite().isGreaterThan(-1e-6f);
                    }
                    for (float value : student.toFloatArray()) {
                        assertThat(value).as("gradient, %s, width %d", objective, width).isFinite();
                    }
                }
            }
        }
    }

    @Test
    void theKnownValuesOfExtremeRows() {
        Tensor teacher = Tensor.of(new float[] {1e4f, -1e4f, Float.NEGATIVE_INFINITY, 0}, 2, 2);
        for (Divergence divergence : Divergence.values()) {
            Tensor student = Tensor.of(new float[] {-1e4f, 1e4f, 0, 0}, 2, 2);
            Tensor divergences = out(DType.F32, 2);
            backend().distillationRows(new DistillationObjective(divergence, 1, 0), teacher, student, null, 1, out(DType.F32, 2), divergences);
            float[] expected = switch (divergence) {
                case FORWARD_KL -> new float[] {2e4f, 0.6931472f};
                case REVERSE_KL -> new float[] {2e4f, 499999.3f};
                case JENSEN_SHANNON -> new float[] {0.6931472f, 0.21576157f};
            };
            assertThat(divergences.toFloatArray()).as(divergence.name()).containsExactly(expected, Offset.offset(0.05f));
            if (divergence == Divergence.FORWARD_KL) {
                assertThat(student.toFloatArray()).containsExactly(-1, 1, 0.5f, -0.5f);
            }
        }
    }

    /** Of four rows: some tokens and the rest, one token and the rest, tokens and placeholders for the whole, and all tokens if they are few. */
    private static SparseDistribution part(int width, int known) {
        long[] tokens = new long[ROWS * known];
        float[] probabilities = new float[ROWS * known];
        float[] rest = {known == width ? 0 : 0.25f, 0.4f, 0, known == width ? 0 : 0.5f};
        for (int i = 0; i < tokens.length; i++) {
            int row = i / known;
            int place = i % known;
            // Distinct, and spread over the row.
            tokens[i] = (row + (long) place * (width / known)) % width;
            boolean isPlaceholder = row == 1 && place > 0 || row == 2 && place > 0 && place == known - 1;
            int count = row == 1 ? 1 : row == 2 ? Math.max(1, known - 1) : known;
            probabilities[i] = isPlaceholder ? 0 : (1 - rest[row]) / count;
            tokens[i] = isPlaceholder ? 0 : tokens[i];
        }
        if (width == 1) {
            rest = new float[ROWS];
            Arrays.fill(probabilities, 1);
        }
        return new SparseDistribution(Tensor.of(tokens, ROWS, known), Tensor.of(probabilities, ROWS, known), Tensor.of(rest),
                Tensor.of(new float[] {1, 0.5f, 0.25f, 2}));
    }

    @Test
    void sparseDistillationIsAsGoodAsThePlainComputationAndItsGradientThatOfTheReference() {
        for (double[] setting : TEMPERATURES_AND_WEIGHTS) {
            for (int width : WIDTHS) {
                checkSparse(new DistillationObjective(Divergence.FORWARD_KL, setting[0], setting[1]), width, Math.min(5, width));
            }
        }
        checkSparse(DistillationObjective.FORWARD_KL, 13, 13);
    }

    private void checkSparse(DistillationObjective objective, int width, int known) {
        SparseDistribution teacher = part(width, known);
        Tensor student = normal(DType.F32, 2L * width + 1, 3, ROWS, width);
        double[] s = values(student);
        long[] targets = labels(width).toLongArray();
        Tensor losses = out(DType.F32, ROWS);
        Tensor divergences = out(DType.F32, ROWS);
        backend().sparseDistillationRows(objective, teacher, student, objective.crossEntropyWeight() > 0 ? labels(width) : null, SCALE, losses,
                divergences);
        double weight = objective.crossEntropyWeight();
        double ofDivergence = (1 - weight) * objective.temperature() * objective.temperature();
        double[][] exact = new double[2][ROWS];
        double[][] plain = new double[2][ROWS];
        String what = "sparse, %s, width %d".formatted(objective, width);
        for (int i = 0; i < ROWS; i++) {
            int row = i;
            int[] tokens = Arrays.stream(teacher.tokens().toLongArray(), row * known, (row + 1) * known).mapToInt(Math::toIntExact).toArray();
            double[] p = row(values(teacher.probabilities()), row, known);
            double rest = values(teacher.rest())[row];
            double entropy = values(teacher.entropies())[row];
            double[] q = row(s, row, width);
            exact[1][i] = RowReference.EXACT.sparseDivergence(objective.temperature(), q, tokens, p, rest, entropy);
            plain[1][i] = RowReference.PLAIN.sparseDivergence(objective.temperature(), q, tokens, p, rest, entropy);
            exact[0][i] = ofDivergence * exact[1][i] + weight * RowReference.EXACT.crossEntropy(q, targets[row]);
            plain[0][i] = ofDivergence * plain[1][i] + weight * RowReference.PLAIN.crossEntropy(q, targets[row]);
            if (width <= 127 || i == 3) {
                assertGradient(what, row(student, i, width), q, v -> SCALE * (weight * RowReference.EXACT.crossEntropy(v, targets[row])
                        + ofDivergence * RowReference.EXACT.sparseDivergence(objective.temperature(), v, tokens, p, rest, entropy)));
            }
        }
        double size = 3 + 2 * largest(s) / objective.temperature();
        assertAsGoodAsPlain(what, divergences, exact[1], plain[1], width, size);
        assertAsGoodAsPlain(what, losses, exact[0], plain[0], width, ofDivergence * size + weight * (1 + 2 * largest(s)));
    }

    @Test
    void sparseDistillationOfExtremeLogitsIsFinite() {
        Tensor student = Tensor.of(new float[] {1e4f, -1e4f, -1e4f, -1e4f, -1e4f, 1e4f, -1e4f, Float.NEGATIVE_INFINITY}, 2, 4);
        var teacher = new SparseDistribution(Tensor.of(new long[] {0, 0}, 2, 1), Tensor.of(new float[] {0.5f, 0.5f}, 2, 1),
                Tensor.of(new float[] {0.5f, 0.5f}), Tensor.of(new float[] {0, 0}));
        Tensor divergences = out(DType.F32, 2);
        backend().sparseDistillationRows(DistillationObjective.FORWARD_KL, teacher, student, null, 1, out(DType.F32, 2), divergences);
        assertThat(divergences.toFloatArray()).containsExactly(new float[] {1e4f - (float) (Math.log(3) / 2), 1e4f}, Offset.offset(0.01f));
        float third = -0.5f / 3;
        assertThat(student.toFloatArray()).containsExactly(new float[] {0.5f, third, third, third, -0.5f, 0.5f, 0, 0}, Offset.offset(1e-6f));
    }

    @Test
    void aTokenBeyondTheVocabularyIsRefusedAndNothingOverwritten() {
        Tensor student = Tensor.ones(2, 5);
        for (long wrong : new long[] {5, -1}) {
            var teacher = new SparseDistribution(Tensor.of(new long[] {0, wrong}, 2, 1), Tensor.ones(2, 1), Tensor.zeros(2), Tensor.zeros(2));
            assertThatThrownBy(() -> backend().sparseDistillationRows(DistillationObjective.FORWARD_KL, teacher, student, null, 1,
                    out(DType.F32, 2), out(DType.F32, 2))).isInstanceOf(ShapeException.class);
        }
        assertThat(student.toFloatArray()).containsOnly(1f);
    }

    @Test
    void aLabelBeyondTheVocabularyIsRefusedAndNothingOverwritten() {
        Tensor logits = Tensor.ones(2, 5);
        Tensor labels = Tensor.of(new long[] {0, 5});
        Tensor losses = out(DType.F32, 2);
        assertThatThrownBy(() -> backend().crossEntropyRows(logits, labels, 1, losses)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("label 5");
        var objective = new DistillationObjective(Divergence.FORWARD_KL, 1, 0.5);
        assertThatThrownBy(() -> backend().distillationRows(objective, Tensor.ones(2, 5), logits, labels, 1, losses, out(DType.F32, 2)))
                .isInstanceOf(ShapeException.class).hasMessageContaining("vocabulary of 5");
        assertThat(logits.toFloatArray()).containsOnly(1f);
    }
}
