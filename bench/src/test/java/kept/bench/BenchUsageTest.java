package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Help and wrong usage of {@code bin/bench} and its forms: nothing is measured. */
class BenchUsageTest {
    private record Result(int status, String out, String err) {}

    private static Result run(String line) throws Exception {
        PrintStream out = System.out;
        PrintStream err = System.err;
        var outBytes = new ByteArrayOutputStream();
        var errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
            int status = Main.execute(line.isEmpty() ? new String[0] : line.split(" "));
            return new Result(status, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--help", "-h", "xkd --help", "xkd -h", "xkd --config M --help", "ranks --help",
        "gpu --help", "calibration --help", "rows --help"})
    void helpIsPrintedAndNothingRuns(String line) throws Exception {
        Result result = run(line);
        assertThat(result.status()).isZero();
        assertThat(result.out()).startsWith("Usage: bench").contains("--help");
        assertThat(result.err()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"--wrong", "nothing", "rows --rounds 0", "rows --rounds x", "rows --seconds 0", "rows --threads 0", "rows --only (",
        "xkd --wrong", "xkd --config XL", "xkd --config", "xkd --steps 0", "xkd --steps many", "xkd S", "gpu --wrong", "gpu --layers 0",
        "ranks --ranks 1", "ranks --config XL", "ranks --shard half", "ranks --accumulation 1", "ranks --threads 0", "ranks --batch-size 0",
        "calibration --wrong", "gpu --sequence -1", "gpu --only [", "jmh --wrong", "jmh -f many"})
    void wrongUsageIsOneLineAndStatus2(String line) throws Exception {
        Result result = run(line);
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.err().strip()).startsWith("bench").doesNotContain("\n").contains("; see bench");
        assertThat(result.out()).isEmpty();
    }

    @Test
    void sizesMayBeInLowerCase() throws Exception {
        assertThat(run("xkd --config m --steps 0").err()).contains("--steps must be 1 or more, not 0");
    }

    @Test
    void aLauncherThatIsNotThereIsOneLineAndStatus1() throws Exception {
        Result result = run("ranks --launcher mpirun-of-nobody --warm-up 1 --threads 1 --batch-size 1 --steps 1");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.err().strip()).startsWith("bench ranks: ").contains("mpirun-of-nobody").doesNotContain("\n");
    }

    /** {@code bin/gpu-check} runs nothing else on a machine without the device. */
    @Test
    void aDeviceIsOpenedAndNothingMeasured() throws Exception {
        Result there = run("gpu --check --device virtual");
        assertThat(there.status()).isZero();
        assertThat(there.out().strip()).isNotEmpty().doesNotContain("\n");
        Result absent = run("gpu --check --device cuda:63");
        assertThat(absent.status()).isEqualTo(1);
        assertThat(absent.err().strip()).startsWith("[device] cuda").doesNotContain("\n");
        assertThat(absent.out()).isEmpty();
    }
}
