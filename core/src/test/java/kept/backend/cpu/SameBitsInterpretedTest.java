package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole step of training has the same bits for any number of threads, and whether its code is interpreted or compiled. */
class SameBitsInterpretedTest {
    /** Enough for the kernels' loops to be compiled, first by one compiler, then by the other, while bits are compared. */
    private static final int STEPS_TO_COMPILE = 120;

    private final int threads = WorkerPool.shared().threads();

    @TempDir
    private Path directory;

    @AfterEach
    void restore() {
        WorkerPool.shareThreads(threads);
    }

    @Test
    void aStepHasTheBitsOfTheInterpreterOnAnyNumberOfThreadsWhileItIsBeingCompiled() throws Exception {
        String expected = interpreted();
        assertThat(expected.lines()).hasSizeGreaterThan(100);
        for (int step = 0; step < STEPS_TO_COMPILE; step++) {
            WorkerPool.shareThreads(new int[] {1, 2, 3, 5}[step % 4]);
            SequencedMap<String, String> results = TrainingStep.results();
            if (!lines(results).equals(expected)) {
                assertThat(lines(results).lines()).as("step %d", step).containsExactlyElementsOf(expected.lines().toList());
            }
        }
    }

    private static String lines(SequencedMap<String, String> results) {
        return results.entrySet().stream().map(entry -> entry.getKey() + " " + entry.getValue()).collect(Collectors.joining("\n"));
    }

    /** The results that a JVM without compilers prints. */
    private String interpreted() throws IOException, InterruptedException {
        String classPath = Stream.of(Tensor.class, TrainingStep.class).map(SameBitsInterpretedTest::root).map(Path::toString)
                .collect(Collectors.joining(System.getProperty("path.separator")));
        Path output = directory.resolve("bits");
        Path errors = directory.resolve("errors");
        int status = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xint", "--add-modules",
                "jdk.incubator.vector", "-Dkept.threads=2", "-cp", classPath, TrainingStep.class.getName())
                .redirectOutput(output.toFile()).redirectError(errors.toFile()).start().waitFor();
        assertThat(status).as(Files.readString(errors)).isZero();
        return Files.readString(output).strip();
    }

    /** The directory or jar a class was loaded from, which a module's patches have of their own. */
    private static Path root(Class<?> type) {
        String name = type.getName().replace('.', '/') + ".class";
        String url = type.getResource("/" + name).toString();
        String root = url.substring(0, url.length() - name.length());
        return Path.of(URI.create(root.startsWith("jar:") ? root.substring("jar:".length(), root.length() - "!/".length()) : root));
    }
}
