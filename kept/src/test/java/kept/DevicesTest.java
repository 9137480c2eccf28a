package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said of devices where CUDA cannot be used: on a machine without a driver, or with one whose GPUs are hidden, which a process is told. */
class DevicesTest {
    /** Either the linker speaks or the driver. */
    private static final String REASON = "(no NVIDIA driver on this machine \\(libcuda\\.so\\.1: .*\\); install one, .*"
            + "|cuInit: CUDA_ERROR_NO_DEVICE \\(100\\).*)";

    @TempDir
    private Path directory;

    @Test
    void infoListsEachDeviceAndWhyOneCannotBeUsed() throws IOException {
        Run run = run("info", "--devices");
        assertThat(run.code).as(run.notes.toString()).isZero();
        assertThat(run.output).hasSize(2);
        assertThat(run.output.getFirst()).startsWith("cpu: ").contains("1 thread");
        assertThat(run.output.getLast()).matches("cuda: cannot be used: " + REASON);
        assertThat(run.notes).isEmpty();
    }

    @Test
    void whoAsksForCudaIsToldInOneLine() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        for (Object[] line : new Object[][] {{"distill", "--demo"}, {"generate", "--model", teacher, "--prompt", "Hello"}}) {
            Run run = run(Stream.concat(Stream.of(line), Stream.of("--device", "cuda")).toArray());
            assertThat(run.code).isEqualTo(1);
            assertThat(run.output).isEmpty();
            assertThat(run.notes).singleElement().asString().matches("kept: \\[device] cuda: " + REASON);
        }
    }

    @Test
    void autoTakesTheCpuAndSaysWhyOnce() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Object[] distill = {"distill", "--teacher", teacher, "--corpus", TinyTeacher.text(directory.resolve("text.txt")),
            "--held-out", "held-out=" + directory.resolve("text.txt"), "--evaluation-tokens", 128, "--output", directory.resolve("llama"),
            "--sequence-length", 16, "--batch-size", 4, "--tokens", 64, "--device", "auto"};
        Run run = run(distill);
        assertThat(run.code).as(run.notes.toString()).isZero();
        assertThat(run.notes.stream().filter(line -> line.contains("cuda"))).singleElement().asString()
                .matches("--device auto: on the CPU, since cuda cannot be used: " + REASON);
        assertThat(run.notes).anyMatch(line -> line.startsWith("cpu: "));
        assertThat(directory.resolve("llama/model.safetensors")).exists();
    }

    private record Run(int code, List<String> output, List<String> notes) {}

    /** Notes without those of the JVM itself. */
    private Run run(Object... arguments) throws IOException {
        Path output = directory.resolve("output");
        Path errors = directory.resolve("errors");
        try (var program = ChildProgram.startWithoutGpu(output, errors, arguments)) {
            int code = program.join();
            return new Run(code, Files.readAllLines(output), program.notes().lines()
                    .filter(line -> !line.startsWith("WARNING: Using incubator")).toList());
        }
    }
}
