package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
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
        "3, 16777216, 4097", "5, 1000000, 12345", "9, 0, 3", "11, 5000003, 6"})
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

    /** Above and below the size from which a copy goes around the system's cache, and into a pipe. */
    @ParameterizedTest
    @CsvSource({"0, 40000003, 5", "13, 20000000, 4096", "7, 5000003, 9", "3, 100, 0"})
    void whatIsCopiedIsShownToTheInspectorWithItsPlaceInTheSource(int from, int size, int position) throws Exception {
        byte[] expected = Arrays.copyOfRange(bytes, from, from + size);
        byte[] shown = new byte[size];
        try (var file = new FlushedFile(directory.resolve("target"))) {
            file.copy(source, from, size, position, (piece, place) -> piece.duplicate().get(shown, (int) place - from, piece.remaining()));
        }
        assertThat(Arrays.mismatch(shown, expected)).isEqualTo(-1);
        Path pipe = directory.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        var reading = CompletableFuture.supplyAsync(() -> {
            try {
                return Files.readAllBytes(pipe);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        Arrays.fill(shown, (byte) 0);
        try (var sink = new SequentialSink(pipe)) {
            sink.copy(source, from, size, 0, (piece, place) -> piece.duplicate().get(shown, (int) place - from, piece.remaining()));
            sink.write(ByteBuffer.allocateDirect(2).put((byte) 1).put((byte) 2).flip(), size);
            sink.force();
        }
        byte[] written = reading.join();
        assertThat(written).hasSize(size + 2).endsWith(1, 2);
        assertThat(Arrays.mismatch(written, 0, size, expected, 0, size)).isEqualTo(-1);
        assertThat(Arrays.mismatch(shown, expected)).isEqualTo(-1);
    }

    @Test
    void aCopyOfMoreThanTheSourceHasIsRefused() throws IOException {
        try (var file = new FlushedFile(directory.resolve("target"))) {
            file.copy(source, 0, 20_000_000, 0);
            assertThatThrownBy(() -> file.copy(source, 10, SOURCE_BYTES, 0)).isInstanceOf(IOException.class)
                    .hasMessageContaining("ends at byte 40000003");
        }
        try (var sink = new SequentialSink(Path.of("/dev/null"))) {
            assertThatThrownBy(() -> sink.copy(source, 10, SOURCE_BYTES, 0, (_, _) -> { })).isInstanceOf(IOException.class)
                    .hasMessageContaining("ends at byte 40000003");
            sink.write(ByteBuffer.allocate(1), SOURCE_BYTES + 1L);
            assertThatThrownBy(sink::force).isInstanceOf(IOException.class).hasMessageContaining("were not written");
        }
    }

    /** The system tells of an error of the disk once: to whom it has told it must pass it on. */
    @Test
    void anErrorInTheBackgroundIsThrownToWhoWaits() throws IOException {
        var failed = BackgroundIo.start(() -> {
            throw new IOException("Input/output error");
        });
        assertThatThrownBy(failed::await).isExactlyInstanceOf(IOException.class).hasMessage("Input/output error");
        assertThat(failed.isDone()).isTrue();
        var release = new CountDownLatch(1);
        var running = BackgroundIo.start(() -> {
            try {
                release.await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        });
        assertThat(running.isDone()).isFalse();
        release.countDown();
        running.await();
        assertThat(running.isDone()).isTrue();
    }
}
