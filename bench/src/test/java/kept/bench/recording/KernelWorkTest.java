package kept.bench.recording;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class KernelWorkTest {
    private static final Pattern ENTRY = Pattern.compile("\\.entry\\s+(\\w+)");

    @Test
    void theWorkOfEveryKernelIsKnown() throws IOException {
        List<String> kernels;
        try (Stream<Path> files = Files.list(Path.of("../cuda-kernels/src/main/resources/kept/cuda"))) {
            kernels = files.flatMap(file -> ENTRY.matcher(text(file)).results().map(entry -> entry.group(1))).toList();
        }
        assertThat(kernels).hasSizeGreaterThan(300).allSatisfy(kernel ->
                assertThat(KernelWork.isKnown(kernel)).as("KernelWork has a rule for %s", kernel).isTrue());
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
