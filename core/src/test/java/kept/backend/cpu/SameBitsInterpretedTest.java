package kept.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.SequencedMap;
import java.util.stream.Collectors;
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
        ChildJvm interpreter = ChildJvm.run(directory, TrainingStep.class, "-Xint", "--add-modules", "jdk.incubator.vector", "-Dkept.threads=2");
        assertThat(interpreter.status()).as(interpreter.errors()).isZero();
        String expected = interpreter.output();
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
}
