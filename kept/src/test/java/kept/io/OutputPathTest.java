package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Paths that are no plain new names: links, devices, pipes, file systems of the kernel. */
@Timeout(60)
class OutputPathTest {
    @TempDir
    private Path temporary;
    private Path folder;

    @BeforeEach
    void resolve() throws IOException {
        folder = temporary.toRealPath();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/proc/foo", "/proc/self/foo", "/sys/foo", "/dev/null", "/dev/null/x", "/dev/full/x/y"})
    void whereNothingCanBeMadeIsSaidAtOnce(String path) {
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(Path.of(path), false))
            .withMessageStartingWith("[output] " + path + ": ");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputProbe.requireDirectory("--output", Path.of(path)))
            .withMessageStartingWith("[output] " + path + ": --output cannot be written: ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/proc/foo", "/sys/foo", "/dev/null/x", "/no/such/folder/x", "/proc", "."})
    void aFileThatCannotBeMadeIsSaidAtOnce(String path) {
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputProbe.requireFile("--json", Path.of(path)))
            .withMessageStartingWith("[output] " + path + ": --json cannot be written: ");
    }

    @Test
    void aNameThatIsTooLongOrALinkThatLeadsNowhereIsSaid() throws IOException {
        Path longest = folder.resolve("x".repeat(255));
        OutputProbe.requireFile("--json", longest);
        AtomicFiles.write(longest, new byte[] {1});
        assertThat(longest).hasBinaryContent(new byte[] {1});
        Path tooLong = folder.resolve("x".repeat(256));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputProbe.requireFile("--json", tooLong))
            .withMessageContaining("File name too long");
        Path one = folder.resolve("one");
        Files.createSymbolicLink(one, Files.createSymbolicLink(folder.resolve("two"), one));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputProbe.requireFile("--json", one))
            .withMessageContaining("ymbolic links");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(one, true))
            .withMessageContaining("ymbolic links");
        assertThat(listing()).containsExactly("one", "two", "x".repeat(255));
    }

    @Test
    void aParentOfWhatDoesNotExistIsNoPlace() throws IOException {
        Path lost = folder.resolve("none/../out");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputDirectory.prepare(lost, true))
            .withMessageContaining("none does not exist, so .. cannot follow it");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputProbe.requireDirectory("--output", lost))
            .withMessageContaining("none does not exist, so .. cannot follow it");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> OutputProbe.requireFile("--json", lost))
            .withMessageContaining("none");
        assertThat(listing()).isEmpty();
        Path inner = Files.createDirectories(folder.resolve("real/inner"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), inner);
        OutputDirectory.prepare(link.resolve("../out"), false).commit();
        assertThat(listing(folder.resolve("real"))).containsExactly("inner", "out");
    }

    @Test
    void aDanglingLinkStaysAndWhatItLeadsToIsMade() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Path link = Files.createSymbolicLink(folder.resolve("link.json"), Path.of("elsewhere/real.json"));
        OutputProbe.requireFile("--json", link);
        AtomicFiles.write(link, "{}".getBytes(StandardCharsets.UTF_8));
        assertThat(link).isSymbolicLink();
        assertThat(elsewhere.resolve("real.json")).hasContent("{}");
        Path directory = Files.createSymbolicLink(folder.resolve("link"), Path.of("elsewhere/real"));
        OutputDirectory.prepare(directory, false).commit();
        assertThat(directory).isSymbolicLink();
        assertThat(elsewhere.resolve("real")).isEmptyDirectory();
        assertThat(listing(elsewhere)).containsExactly("real", "real.json");
    }

    @Test
    void dotsAreFollowedAsTheSystemDoes() throws IOException {
        Path inner = Files.createDirectories(folder.resolve("a/b"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), inner);
        assertThat(OutputPath.resolve(link.resolve("../out"))).isEqualTo(folder.resolve("a/out"));
        assertThat(OutputPath.resolve(Path.of("."))).isEqualTo(Path.of("").toRealPath());
    }

    @Test
    void aDeviceIsWrittenToAndStays() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("/dev/null"));
        for (Path device : List.of(Path.of("/dev/null"), link)) {
            OutputProbe.requireFile("--json", device);
            AtomicFiles.write(device, new byte[10]);
            try (var file = OutputFile.prepare("test", device, 4, false, List.of())) {
                file.write(ByteBuffer.allocate(2), 2);
                file.write(ByteBuffer.allocate(2), 0);
                file.commit();
            }
            assertThat(OutputPath.isSpecial(device)).isTrue();
        }
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> AtomicFiles.write(Path.of("/dev/full"), new byte[10]))
            .withMessage("[write] /dev/full: cannot be written: No space left on device");
        assertThat(OutputPath.isSpecial(Path.of("/dev/full"))).isTrue();
        assertThat(link).isSymbolicLink();
        assertThat(listing()).containsExactly("link");
    }

    @Test
    @Timeout(30)
    void aPipeThatNobodyReadsIsRefused() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        assertThatExceptionOfType(IOException.class).isThrownBy(() -> new SequentialSink(pipe, Duration.ZERO))
            .withMessage("no program opened it for reading within 0 seconds; start the reader first");
        assertThat(OutputPath.isSpecial(pipe)).isTrue();
    }

    @Test
    void aPipeGetsTheBytesInTheirOrder() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        OutputProbe.requireFile("--json", pipe);
        var reading = CompletableFuture.supplyAsync(() -> {
            try {
                return Files.readString(pipe);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        try (var file = OutputFile.prepare("test", pipe, 6, false, List.of())) {
            file.write(bytes("cd"), 2);
            file.write(bytes("ab"), 0);
            file.write(bytes("ef"), 4);
            file.commit();
        }
        assertThat(reading.join()).isEqualTo("abcdef");
        assertThat(OutputPath.isSpecial(pipe)).isTrue();
        assertThat(listing()).containsExactly("pipe");
    }

    @Test
    void aProbeLeavesNothingAndChangesNothing() throws IOException {
        Path file = Files.writeString(folder.resolve("result.json"), "as before");
        OutputProbe.requireFile("--json", file);
        OutputProbe.requireNewFile("--output", folder.resolve("new/er/file"));
        OutputProbe.requireDirectory("--output", folder.resolve("new/er"));
        OutputProbe.requireFolder("--spill", folder);
        assertThat(file).hasContent("as before");
        assertThat(listing()).containsExactly("result.json");
    }

    @Test
    void directoriesMadeForAnOutputGoWithIt() throws IOException {
        Path target = folder.resolve("a/b/out");
        OutputDirectory.prepare(target, false).close();
        OutputFile.prepare("test", target, 4, false, List.of()).close();
        ResumableDirectory.prepare(target, OutputKind.CHECKPOINT, false, false, new LinkedHashMap<>()).close();
        assertThat(listing()).isEmpty();
    }

    @Test
    void aMountPointIsNotReplaced() {
        Path mounted = Path.of("/proc");
        assertThat(OutputPath.isMountPoint(mounted)).isTrue();
        assertThat(OutputPath.isMountPoint(folder)).isFalse();
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    private List<String> listing() throws IOException {
        return listing(folder);
    }

    private static List<String> listing(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
