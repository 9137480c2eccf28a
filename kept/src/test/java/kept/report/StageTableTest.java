package kept.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.evaluation.Fidelity;
import org.junit.jupiter.api.Test;

class StageTableTest {
    @Test
    void theNearestStudentIsNamedWithHowManyTimesNearerItIs() {
        assertThat(lastLine(0.004, 0.001)).isEqualTo("prose: KL of distilled is 4.00 times lower than of mapped, the best without training");
        assertThat(lastLine(0.001, 0.004)).isEqualTo("prose: KL of mapped (no training) is 4.00 times lower than of distilled");
    }

    /** Beside rounding noise, which may be 0 or below it, no ratio means anything. */
    @Test
    void aStudentAtTheTeacherIsNotComparedByARatio() {
        for (double untrained : new double[] {0, -3e-10, 4e-10}) {
            assertThat(lastLine(untrained, 0.004)).isEqualTo("prose: mapped, without training, cannot be distinguished from the teacher");
        }
    }

    @Test
    void aTrainedStudentAtTheTeacherIsNotComparedByARatioEither() {
        for (double trained : new double[] {0, -3e-10, 4e-10}) {
            assertThat(lastLine(0.004, trained)).isEqualTo("prose: distilled cannot be distinguished from the teacher");
        }
    }

    @Test
    void twoStudentsAtTheTeacherAreNotCompared() {
        assertThat(lastLine(-5.4e-11, -5.4e-11)).isEqualTo("prose: neither mapped nor distilled can be distinguished from the teacher");
    }

    private static String lastLine(double mapped, double distilled) {
        var domain = SampleReport.domain("prose", new Fidelity(1000, mapped, 0, 1, 8, 8), new Fidelity(1000, distilled, 0, 1, 8, 8));
        var report = new RunReport(List.of(domain), SampleReport.steps(3), SampleReport.HELD_OUT, SampleReport.NORMS, SampleReport.MAPPING,
                SampleReport.provenance("command", "test"));
        SequencedMap<String, Double> seconds = new LinkedHashMap<>();
        seconds.put("mapped", 1.5);
        seconds.put("distilled", 20.0);
        var text = new StringWriter();
        StageTable.print(report, seconds, new PrintWriter(text));
        return text.toString().lines().toList().getLast();
    }
}
