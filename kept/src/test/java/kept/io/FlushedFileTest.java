package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FlushedFileTest {
    private static final int SOURCE_BYTES = 40_000_003;

    @TempDir
    private Path directory;

    private byte[] bytes;
    private Path source;

    @BeforeEach
    void writeSource() throws IOException {
        bytes = new byte[SOURCE_BYTES];
        new Random(5).nextBytes(bytes);
        source = Files.write(directory.resolve("source"), bytes);
    }

    @ParameterizedTest
    @CsvSource({"0, 40000003, 0", "4096, 33554432, 4096", "1, 39999999, 8", "77, 20000000, 4095",
        "3, 16777216, 4097", "5, 1000000, 12345", "9, 0, 3"})
    void aCopyHasTheBytesOfItsSourceWhereverItBeginsAndLeavesWhatIsAroundIt(int from, int size, int position) throws IOException {
        Path target = directory.resolve("target");
        byte[] before = {1, 2, 3};
        byte[] after = {4, 5, 6, 7, 8};
        try (var file = new FlushedFile(target)) {
            file.write(ByteBuffer.wrap(before), 0);
            file.write(ByteBuffer.wrap(after), 3L + position + size);
            file.copy(source, from, size, 3L + position);
            file.force();
        }
        byte[] expected = new byte[3 + position + size + after.length];
        System.arraycopy(before, 0, expected, 0, 3);
        System.arraycopy(bytes, from, expected, 3 + position, size);
        System.arraycopy(after, 0, expected, 3 + position + size, after.length);
        assertThat(Arrays.mismatch(Files.readAllBytes(target), expected)).isEqualTo(-1);
    }

    @Test
    void aCopyOfMoreThanTheSourceHasIsRefused() throws IOException {
        try (var file = new FlushedFile(directory.resolve("target"))) {
            file.copy(source, 0, 20_000_000, 0);
            assertThatThrownBy(() -> file.copy(source, 10, SOURCE_BYTES, 0)).isInstanceOf(IOException.class)
                    .hasMessageContaining("ends at byte 40000003");
        }
    }
}
