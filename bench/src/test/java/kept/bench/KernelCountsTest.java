package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import kept.bench.recording.KernelCosts;
import kept.cuda.driver.LaunchCounter;
import kept.tensor.Device;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Holds the counts of the kernels of a training step, so that a change which costs speed fails without a GPU. With
 * {@code -Dkept.counts.write=true} the test writes the file anew.
 */
class KernelCountsTest {
    private static final Path FILE = Path.of("src/main/resources/kept/bench/recording", KernelCosts.FILE);

    private static List<KernelCosts.Row> rows;

    @BeforeAll
    static void count() throws IOException {
        Device device = Device.of("virtual");
        LaunchCounter counter = CountedCases.counter(device).orElseThrow();
        rows = CountedCases.count(device, counter);
        if (Boolean.getBoolean("kept.counts.write")) {
            Files.write(FILE, Stream.concat(Stream.of(KernelCosts.header()), rows.stream().map(KernelCosts.Row::line)).toList());
        }
    }

    @Test
    void theKernelsDoWhatTheFileSays() throws IOException {
        List<String> held = Files.readAllLines(FILE);
        List<String> counted = Stream.concat(Stream.of(KernelCosts.header()), rows.stream().map(KernelCosts.Row::line)).toList();
        List<String> changes = new ArrayList<>();
        for (String line : counted) {
            if (!held.contains(line)) {
                String kernel = line.substring(0, line.indexOf(';') + 1);
                changes.add("now    " + line);
                held.stream().filter(other -> other.startsWith(kernel)).forEach(other -> changes.add("before " + other));
            }
        }
        assertThat(changes).as("the counts of these kernels changed (%s). If the change is wanted, renew the file: "
                + "mvn test -pl bench -am -Dtest=KernelCountsTest -Dsurefire.failIfNoSpecifiedTests=false -Dkept.counts.write=true",
                KernelCosts.header()).isEmpty();
        assertThat(held).hasSameSizeAs(counted);
    }

    @Test
    void tilesOfAttentionHaveNoBankConflicts() {
        assertThat(rows).filteredOn(row -> row.kernel().startsWith("attention_")).hasSize(6).allSatisfy(row ->
                assertThat(row.wavefronts()).as("%s", row).isEqualTo(row.leastWavefronts()));
    }

    /** The least bytes of a kernel in a recording are the sectors that it touches; weights, statistics and partial sums are a few more. */
    @Test
    void theBytesOfARecordingAreTheDistinctSectorsOfALaunch() {
        assertThat(rows).hasSizeGreaterThan(25).filteredOn(row -> row.leastBytes() > 82_000).hasSizeGreaterThan(20).allSatisfy(row ->
                assertThat(32.0 * row.distinctSectors() / row.leastBytes()).as("%s", row).isBetween(0.99, 1.35));
    }
}
