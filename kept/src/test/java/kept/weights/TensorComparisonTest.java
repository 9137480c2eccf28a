package kept.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import kept.io.FileException;
import kept.safetensors.SafetensorsFile;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Shape;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tensors read back in pieces of 4 MiB: a byte that differs is named wherever it lies. */
class TensorComparisonTest {
    private static final int PIECE = 4 << 20;
    private static final int BYTES = 2 * PIECE + 6;

    @TempDir
    private Path folder;
    private byte[] content;
    private Path source;
    private Path copy;

    @BeforeEach
    void write() throws IOException {
        content = new byte[BYTES];
        new Random(1).nextBytes(content);
        source = write("source", 3);
        copy = write("copy", 5);
    }

    /** A file in which a tensor of some elements lies before the one that is compared. */
    private Path write(String name, int before) throws IOException {
        Path file = folder.resolve(name + ".safetensors");
        var specs = List.of(new TensorSpec("a", DType.BF16, Shape.of(before)), new TensorSpec("b", DType.BF16, Shape.of(BYTES / 2)));
        try (var writer = SafetensorsWriter.create(file, specs)) {
            writer.write("a", MemorySegment.ofArray(new byte[2 * before]));
            writer.write("b", MemorySegment.ofArray(content));
            writer.finish();
        }
        return file;
    }

    private static TensorEntry entry(Path path) {
        try (var file = SafetensorsFile.open(path)) {
            return file.entry("b");
        }
    }

    @Test
    void theSameBytesElsewhereAreTheSameTensor() {
        List<Long> pieces = new ArrayList<>();
        new TensorComparison().requireSame(entry(source), entry(copy), pieces::add);
        assertThat(pieces).containsExactly((long) PIECE, (long) PIECE, 6L);
        pieces.clear();
        new TensorComparison().requireSame(MemorySegment.ofArray(content), entry(copy), pieces::add);
        assertThat(pieces).containsExactly((long) PIECE, (long) PIECE, 6L);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE - 1, 2 * PIECE, BYTES - 1})
    void theByteThatDiffersIsNamed(int place) throws IOException {
        TensorEntry written = entry(copy);
        int flipped = content[place] & 0xff ^ 0x40;
        try (var file = new RandomAccessFile(copy.toFile(), "rw")) {
            file.seek(written.offset() + place);
            file.write(flipped);
        }
        String values = "this byte should be %d but is %d".formatted(content[place] & 0xff, flipped);
        String at = "tensor 'b' at byte %d:".formatted(written.offset() + place);
        var comparison = new TensorComparison();
        assertThatThrownBy(() -> comparison.requireSame(entry(source), written, _ -> { })).isInstanceOf(FileException.class)
                .hasMessageContainingAll(copy.toString(), at, "differs from " + source, values);
        assertThatThrownBy(() -> comparison.requireSame(MemorySegment.ofArray(content), written, _ -> { }))
                .isInstanceOf(FileException.class).hasMessageContainingAll(copy.toString(), at, "differs from the converted values", values);
    }

    @Test
    void aFileThatEndsOrIsGoneAndAnotherSizeAreSaid() throws IOException {
        TensorEntry written = entry(copy);
        TensorEntry original = entry(source);
        TensorEntry other;
        try (var file = SafetensorsFile.open(copy)) {
            other = file.entry("a");
        }
        assertThatThrownBy(() -> new TensorComparison().requireSame(original, other, _ -> { })).isInstanceOf(FileException.class)
                .hasMessageContaining("has 10 bytes, but %d in %s".formatted(BYTES, source));
        try (var file = new RandomAccessFile(copy.toFile(), "rw")) {
            file.setLength(file.length() - 1);
            String end = "cannot be read: the file ends at byte " + file.length();
            assertThatThrownBy(() -> new TensorComparison().requireSame(original, written, _ -> { })).isInstanceOf(FileException.class)
                    .hasMessageContainingAll(copy.toString(), end);
            assertThatThrownBy(() -> new TensorComparison().requireSame(MemorySegment.ofArray(content), written, _ -> { }))
                    .isInstanceOf(FileException.class).hasMessageContainingAll(copy.toString(), end);
        }
        Files.delete(source);
        assertThatThrownBy(() -> new TensorComparison().requireSame(original, written, _ -> { })).isInstanceOf(FileException.class)
                .hasMessageContainingAll(source.toString(), "cannot be opened");
    }
}
