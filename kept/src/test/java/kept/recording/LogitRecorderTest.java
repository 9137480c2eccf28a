package kept.recording;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import kept.autograd.FactoredLogits;
import kept.backend.DistillationObjective;
import kept.nn.Functional;
import kept.tensor.Scope;
import kept.tensor.Tensor;
import kept.tensor.TensorException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is kept of a teacher's distributions, against the whole ones. */
class LogitRecorderTest {
    private static final int ROWS = 70;
    private static final int VOCABULARY = 300;

    private Scope scope;

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static FactoredLogits teacher() {
        return new FactoredLogits(Tensor.normal(1, 1, ROWS, 8), Tensor.normal(2, 1, VOCABULARY, 8));
    }

    /** The softmax of a row of logits, in double precision. */
    private static double[] probabilities(FactoredLogits logits, int row, double temperature) {
        float[] values = logits.hidden().slice(0, row, row + 1).linear(logits.head()).toFloatArray();
        double max = IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElseThrow();
        double[] powers = IntStream.range(0, values.length).mapToDouble(i -> Math.exp((values[i] - max) / temperature)).toArray();
        double sum = Arrays.stream(powers).sum();
        return Arrays.stream(powers).map(power -> power / sum).toArray();
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, 2, 0.5})
    void theMostLikelyTokensHaveTheirProbabilitiesAndTheRestTheSumOfTheOthers(double temperature) {
        FactoredLogits teacher = teacher();
        for (int k : new int[] {1, 2, 17, VOCABULARY - 1, VOCABULARY}) {
            TokenRows rows = new LogitRecorder(RecordedForm.topK(k), temperature, 0).rows(teacher, 0);
            for (int row = 0; row < ROWS; row++) {
                double[] p = probabilities(teacher, row, temperature);
                int[] order = IntStream.range(0, VOCABULARY).boxed().sorted(Comparator.comparingDouble(i -> -p[i])).mapToInt(i -> i).toArray();
                double rest = 0;
                for (int i = 0; i < VOCABULARY; i++) {
                    if (i < k) {
                        // Tokens of nearly equal probabilities may change places.
                        double exact = p[order[i]];
                        Offset<Double> rounding = Offset.offset(2e-7 * exact * (5 - Math.log(exact)));
                        assertThat((double) rows.probabilities()[row * k + i]).as("token %d of row %d", i, row).isCloseTo(exact, rounding);
                        assertThat(p[(int) rows.tokens()[row * k + i]]).as("token %d of row %d", i, row).isCloseTo(exact, rounding);
                    } else {
                        rest += p[order[i]];
                    }
                }
                assertThat(Arrays.stream(rows.tokens(), row * k, row * k + k).distinct()).hasSize(k);
                assertThat((double) rows.rest()[row]).as("rest of row %d", row).isCloseTo(rest, Offset.offset(1e-5 * rest));
            }
        }
    }

    @Test
    void ofEqualProbabilitiesTheFirstTokensAreKept() {
        var flat = new FactoredLogits(Tensor.ones(1, 1), Tensor.ones(9, 1));
        assertThat(new LogitRecorder(RecordedForm.topK(4), 1, 0).rows(flat, 0).tokens()).containsExactly(0, 1, 2, 3);
    }

    /** 40,000 draws for each of 13 tokens: the share of each is within five standard deviations of its probability. */
    @Test
    void theSharesOfSamplesEstimateTheProbabilitiesWithoutBias() {
        int rows = 4000;
        int draws = 10;
        var teacher = new FactoredLogits(Tensor.ones(rows, 1), Tensor.normal(3, 1, 13, 1).mul(1.5));
        double[] p = probabilities(teacher, 0, 2);
        TokenRows sampled = new LogitRecorder(RecordedForm.samples(draws), 2, 7).rows(teacher, 0);
        double[] shares = new double[13];
        for (int i = 0; i < sampled.tokens().length; i++) {
            shares[(int) sampled.tokens()[i]] += sampled.probabilities()[i] / rows;
        }
        for (int i = 0; i < 13; i++) {
            assertThat(shares[i]).as("token %d", i).isCloseTo(p[i], Offset.offset(5 * Math.sqrt(p[i] * (1 - p[i]) / (rows * draws))));
        }
        double entropy = -Arrays.stream(p).map(value -> value * Math.log(value)).sum();
        assertThat((double) sampled.entropies()[5]).isCloseTo(entropy, Offset.offset(1e-5));
        assertThat(sampled.rest()).containsOnly(0);
    }

    /** The mean over samples of cross-entropy less the exact entropy is the divergence of the whole distributions. */
    @Test
    void theMeanDivergenceFromSamplesIsThatFromTheWholeDistribution() {
        int rows = 2000;
        var teacher = new FactoredLogits(Tensor.ones(rows, 1), Tensor.normal(3, 1, 50, 1).mul(1.5));
        var student = new FactoredLogits(Tensor.ones(rows, 1), Tensor.normal(4, 1, 50, 1));
        double whole = Functional.distillationLoss(student, teacher, null, DistillationObjective.FORWARD_KL).divergence().item();
        for (int draws : new int[] {1, 5, 50}) {
            TokenRows sampled = new LogitRecorder(RecordedForm.samples(draws), 1, 11).rows(teacher, 0);
            double mean = Functional.sparseDistillationLoss(student, sampled.toTensors(), null, DistillationObjective.FORWARD_KL).divergence().item();
            // The standard deviation of log q over the teacher's tokens is about 1.
            assertThat(mean).as("%d draws", draws).isCloseTo(whole, Offset.offset(5 / Math.sqrt(rows * (double) draws)));
        }
        assertThat(whole).isGreaterThan(0.5);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void rowsInPiecesAreThoseOfAllAtOnce(boolean isSampled) {
        FactoredLogits teacher = teacher();
        var recorder = new LogitRecorder(isSampled ? RecordedForm.samples(20) : RecordedForm.topK(20), 1, 3);
        TokenRows all = recorder.rows(teacher, 5);
        TokenRows first = recorder.rows(new FactoredLogits(teacher.hidden().slice(0, 0, 40), teacher.head()), 5);
        TokenRows second = recorder.rows(new FactoredLogits(teacher.hidden().slice(0, 40, ROWS), teacher.head()), 45);
        assertThat(first.and(second)).isEqualTo(all);
        if (isSampled) {
            assertThat(recorder.rows(teacher, 6)).as("other rows, other draws").isNotEqualTo(all);
        }
    }

    @Test
    void logitsThatAreNotFiniteAreRefusedWithTheirToken() {
        float[] hidden = new float[ROWS * 8];
        hidden[3 * 8] = Float.NaN;
        var broken = new FactoredLogits(Tensor.of(hidden, ROWS, 8), teacher().head());
        for (RecordedForm form : new RecordedForm[] {RecordedForm.topK(2), RecordedForm.samples(2)}) {
            assertThatThrownBy(() -> new LogitRecorder(form, 1, 0).rows(broken, 100)).isInstanceOf(RecordingException.class)
                    .hasMessage("[record] the teacher's logits of token 103 are not finite");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 65_536})
    void countsOutsideTheRangeAreRefused(int count) {
        assertThatThrownBy(() -> RecordedForm.topK(count)).isInstanceOf(TensorException.class).hasMessageContaining("from 1 to 65,535");
        assertThatThrownBy(() -> RecordedForm.samples(count)).isInstanceOf(TensorException.class).hasMessageContaining("number of samples");
    }
}
