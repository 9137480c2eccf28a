package kept;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests of distill, each with a {@link TinyDistillation} in a directory of its own and an output beside it. */
abstract class DistillationProgramTest {
    @TempDir
    protected Path directory;

    protected TinyDistillation tiny;
    protected Path output;

    @BeforeEach
    final void writeTeacherAndText() {
        tiny = new TinyDistillation(directory);
        output = directory.resolve("llama");
    }
}
