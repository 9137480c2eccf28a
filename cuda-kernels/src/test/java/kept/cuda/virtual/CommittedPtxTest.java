package kept.cuda.virtual;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CommittedPtxTest {
    private static final Path RESOURCES = Path.of("src/main/resources/kept/cuda");

    static List<Path> texts() throws IOException {
        try (Stream<Path> files = Files.list(RESOURCES)) {
            return files.filter(file -> file.toString().endsWith(".ptx")).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("texts")
    void everyInstructionOfEveryKernelIsSupported(Path file) throws IOException {
        String text = Files.readString(file);
        var device = new Device();
        long library = device.driver.loadLibrary(file.getFileName().toString(), text);
        List<String> entries = PtxParser.parse(file.toString(), text).functions().values().stream()
                .filter(PtxModule.Function::entry).map(PtxModule.Function::name).toList();
        assertThat(entries).isNotEmpty().allSatisfy(entry -> assertThat(device.driver.kernel(library, entry)).isPositive());
    }
}
