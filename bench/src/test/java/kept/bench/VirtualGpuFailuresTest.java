package kept.bench;

import static kept.bench.TinyPrograms.succeed;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import kept.tensor.Device;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A device that is lost or full in the middle of a program: one line, exit code 1, no output that is half there, and nothing lost.
 * {@code -Dkept.thorough} includes the two longest programs.
 */
class VirtualGpuFailuresTest {
    @TempDir
    private Path directory;
    private TinyPrograms programs;

    @BeforeEach
    void prepare() throws IOException {
        FailingDevice.repair();
        programs = new TinyPrograms(directory);
    }

    @AfterEach
    void repair() {
        FailingDevice.repair();
    }

    /** The command line of a program that writes one file or directory. */
    private Object[] arguments(String program, Path output) {
        Object[] common = switch (program) {
            case "convert" -> new Object[] {"convert", "--model", programs.teacher(), "--mapping", "calibrated", "--calibration", programs.text(),
                "--calibration-tokens", 512, "--anchor", 0.2, "--output", output};
            case "distill" -> new Object[] {"distill", "--teacher", programs.teacher(), "--corpus", programs.text(), "--output", output, "--tokens",
                64, "--sequence-length", 16, "--batch-size", 2, "--evaluation-tokens", 32, "--save-every", 1, "--learning-rate", "1e-3"};
            case "compare" -> new Object[] {"compare", "--teacher", programs.teacher(), "--calibration", programs.text(), "--calibration-tokens", 512,
                "--held-out", "text=" + programs.text(), "--evaluation-tokens", 64, "--sequence-length", 32, "--mappings", "opm,calibrated:0.2:1e-4",
                "--json", output};
            case "evaluate" -> new Object[] {"evaluate", "--model", programs.teacher(), "--tasks", programs.task(), "--json", output};
            case "verify" -> new Object[] {"verify", "--teacher", programs.teacher(), "--student", programs.teacher(), "--held-out",
                "text=" + programs.text(), "--evaluation-tokens", 64, "--sequence-length", 32, "--details", "--json", output};
            case "generate" -> new Object[] {"generate", "--model", programs.teacher(), "--prompt", "Line 7 tells", "--max-tokens", 6};
            case "chat" -> new Object[] {"generate", "--model", programs.teacher(), "--chat", "--prompt", "Hi", "--max-tokens", 4};
            default -> throw new IllegalArgumentException(program);
        };
        return Stream.concat(Stream.of(common), Stream.of("--device", "failing")).toArray();
    }

    private static Object[] resuming(Object... arguments) {
        return Stream.concat(Stream.of(arguments), Stream.of("--resume")).toArray();
    }

    static Stream<String> programs() {
        return Stream.concat(Boolean.getBoolean("kept.thorough") ? Stream.of("convert", "compare") : Stream.of(),
                Stream.of("distill", "evaluate", "verify", "generate", "chat"));
    }

    @ParameterizedTest
    @MethodSource("programs")
    void aFailureIsOneLineAndTheNextRunSucceeds(String program) throws IOException {
        Path whole = directory.resolve("whole");
        String printed = succeed(arguments(program, whole)).out();
        boolean continues = program.equals("convert") || program.equals("distill");
        long launches = FailingDevice.launches();
        long allocations = FailingDevice.allocations();
        assertThat(launches).isGreaterThan(10);

        Path output = directory.resolve("output");
        for (boolean lost : new boolean[] {false, true}) {
            FailingDevice.repair();
            long inUse = Device.of("failing").memoryUsage().inUse();
            boolean begun = isBegun();
            if (lost) {
                FailingDevice.loseAt(launches / 6);
            } else {
                FailingDevice.fillAt(allocations / 2);
            }
            TinyPrograms.Run run = TinyPrograms.run(begun ? resuming(arguments(program, output)) : arguments(program, output));
            assertThat(run.code()).as(run.err()).isEqualTo(1);
            assertThat(run.failures()).as(run.err()).singleElement().asString()
                    .contains(lost ? "CUDA_ERROR_ILLEGAL_ADDRESS (700)" : "[allocate] out of memory on cuda: cannot allocate ")
                    .doesNotContain("unexpected failure", "Exception");
            assertThat(run.err()).doesNotContain("\tat ");
            assertThat(output).doesNotExist();
            if (!lost) {
                assertThat(Device.of("failing").memoryUsage().inUse()).as("memory after an allocation failed").isEqualTo(inUse);
            }
        }
        FailingDevice.repair();
        assertThat(isBegun()).as("something is kept to continue from").isEqualTo(continues);
        TinyPrograms.Run again = succeed(continues ? resuming(arguments(program, output)) : arguments(program, output));
        if (continues) {
            assertThat(FailingDevice.launches()).as("what was finished before is not done again").isLessThan(launches);
            assertThat(output.resolve("model.safetensors")).hasSameBinaryContentAs(whole.resolve("model.safetensors"));
        } else if (Files.exists(whole)) {
            TinyPrograms.requireClose(output, whole, 0, 0);
        } else {
            assertThat(again.out()).isNotBlank().isEqualTo(printed);
        }
    }

    /** Whether a run has left something to continue from. */
    private boolean isBegun() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.anyMatch(file -> file.getFileName().toString().startsWith("output."));
        }
    }
}
