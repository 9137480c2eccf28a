package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import kept.training.HeldOutCurve;
import kept.training.HeldOutResult;
import kept.training.StepMetrics;
import org.junit.jupiter.api.Test;

class VerdictTest {
    @Test
    void whatIsBelowTheNoiseIsCalledNoiseAndNotCompared() {
        assertThat(verdict(3, 4e-10, -2e-10, 1e-3, 2e-3)).isEqualTo(
                "there was nothing to learn: held-out KL was 0 (noise) before training and is 0.00200 after it; the output is the state of step 1");
        assertThat(verdict(2, 0, 1e-3, 2e-3)).isEqualTo(
                "there was nothing to learn: held-out KL was 0 before training and is 0.00200 after it; the output is the mapping itself");
        assertThat(verdict(2, 0.5, 0.1, -3e-10)).isEqualTo("held-out KL fell from 0.500 to 0 (noise): the teacher is reached");
        assertThat(verdict(3, 0.5, 0.1, 2e-10, 0.3)).isEqualTo(
                "no improvement since step 2 of 3, held-out KL 0 (noise): the teacher is reached; the output is the state of step 2");
    }

    @Test
    void theMappingIsSaidToBeRoundedWhereItIs() {
        assertThat(Verdict.of(curve(0.1, 0.2), 1, "the mapping, rounded to bf16", _ -> 1)).isEqualTo(
                "training did not help: held-out KL was 0.100 before it and is 0.200 after it; the output is the mapping, rounded to bf16");
    }

    @Test
    void aRunThatWasStoppedIsSaidToBeInEveryCase() {
        assertThat(verdict(9, 0.5, 0.1)).isEqualTo(
                "stopped after step 1 of 9: held-out KL fell to the end, from 0.500 to 0.100: more tokens may bring more");
        assertThat(verdict(9, 0.5, 0.1, 0.0999)).startsWith("stopped after step 2 of 9: held-out KL fell from 0.500 to 0.0999, by less than 2 %");
        assertThat(verdict(9, 0.1, 0.5)).startsWith("stopped after step 1 of 9: training did not help");
        assertThat(verdict(9, 0.5, 0.1, 0.3)).startsWith("stopped after step 2 of 9: no improvement since step 1");
    }

    /** At the end of a cosine nothing moves, whatever there is to learn. */
    @Test
    void aFlatEndUnderAFallenRateSaysNothingOfMoreTokens() {
        HeldOutCurve curve = curve(0.5, 0.1, 0.0999);
        String flat = "held-out KL fell from 0.500 to 0.0999, by less than 2 % since step 1 of 2: ";
        assertThat(Verdict.of(curve, 2, RunReport.MAPPING, step -> step == 1 ? 0.25 : 1)).isEqualTo(flat
                + "the learning rate was at 25 % of its peak by then, so whether more tokens would bring more is not known");
        assertThat(Verdict.of(curve, 2, RunReport.MAPPING, _ -> 0.6)).isEqualTo(flat + "more steps would bring little");
        for (double rate : new double[] {1e-3, 1e-4}) {
            List<StepMetrics> steps = List.of(step(1, 1e-3), step(2, rate));
            var report = new RunReport(List.of(), steps, curve, List.of(), SampleReport.MAPPING, new LinkedHashMap<>());
            assertThat(report.verdict()).endsWith(rate == 1e-3 ? "more steps would bring little" : "is not known");
        }
    }

    private static StepMetrics step(long step, double rate) {
        return new StepMetrics(step, 2, 1, 1, 1, rate, 16 * step, 1);
    }

    private static String verdict(long steps, double... divergences) {
        return Verdict.of(curve(divergences), steps, RunReport.MAPPING, _ -> 1);
    }

    private static HeldOutCurve curve(double... divergences) {
        HeldOutCurve curve = HeldOutCurve.EMPTY;
        for (int i = 0; i < divergences.length; i++) {
            curve = curve.with(new HeldOutResult(i, 16L * i, divergences[i], 0.5));
        }
        return curve;
    }
}
