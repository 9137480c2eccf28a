package kept.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import kept.io.FileException;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.TensorSpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that hold their own checksums. */
class EmbeddedChecksumsTest {
    @TempDir
    private Path directory;
    private Path file;

    @BeforeEach
    void write() {
        file = directory.resolve("state.safetensors");
        write(file);
    }

    private static void write(Path file) {
        List<TensorSpec> specs = List.of(new TensorSpec("half", DType.BF16, Shape.of(3)), new TensorSpec("whole", DType.F32, Shape.of(2, 2)));
        try (var writer = SafetensorsWriter.createWithChecksums(file, specs, Map.of("step", "7"))) {
            writer.append("whole", MemorySegment.ofArray(new byte[] {1, 2, 3, 4, 5, 6, 7}));
            writer.write("half", MemorySegment.ofArray(new byte[] {11, 12, 13, 14, 15, 16}));
            writer.append("whole", MemorySegment.ofArray(new byte[] {8, 9, 10, 0, 0, 0, 0, 0, 1}));
            writer.finish();
        }
    }

    @Test
    void aFileAsItWasWrittenIsWholeAndHasTheSameBytesEachTime() throws IOException {
        try (var saved = SafetensorsFile.open(file)) {
            saved.requireIntact();
            assertThat(saved.metadata()).containsEntry("step", "7");
        }
        write(directory.resolve("again"));
        assertThat(directory.resolve("again")).hasSameBinaryContentAs(file);
    }

    /** Every bit of the file, header and checksums included. */
    @Test
    void anyFlippedBitIsFound() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        for (int bit = 0; bit < 8 * bytes.length; bit++) {
            byte[] damaged = bytes.clone();
            damaged[bit / 8] ^= (byte) (1 << bit % 8);
            Path other = Files.write(directory.resolve("damaged"), damaged);
            assertThatExceptionOfType(FileException.class).as("bit %d", bit).isThrownBy(() -> open(other)).withMessageContaining("damaged");
        }
    }

    @Test
    void anyShorterFileIsFound() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        for (int length = 0; length < bytes.length; length++) {
            Path other = Files.write(directory.resolve("cut"), Arrays.copyOf(bytes, length));
            assertThatExceptionOfType(FileException.class).as("length %d", length).isThrownBy(() -> open(other));
        }
    }

    @Test
    void theDamagedTensorIsNamedAndAFileWithoutChecksumsToo() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> open(file)).withMessageContaining("tensor 'half'");
        Path plain = directory.resolve("plain.safetensors");
        try (var writer = SafetensorsWriter.create(plain, List.of(new TensorSpec("a", DType.F32, Shape.of(1))))) {
            writer.write("a", MemorySegment.ofArray(new byte[4]));
            writer.finish();
        }
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> open(plain)).withMessageContaining("has no checksums");
    }

    private static void open(Path path) {
        try (var saved = SafetensorsFile.open(path)) {
            saved.requireIntact();
        }
    }
}
