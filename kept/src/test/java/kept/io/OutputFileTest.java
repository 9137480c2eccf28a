package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {
    @TempDir
    private Path folder;

    @Test
    void appearsWithItsContentWhenCommittedAndParentsAreMade() throws IOException {
        Path target = folder.resolve("made/file");
        try (OutputFile file = prepare(target, false)) {
            file.write(bytes("cd"), 2);
            file.write(bytes("ab"), 0);
            assertThat(target).doesNotExist();
            file.commit();
        }
        assertThat(target).hasContent("abcd");
        assertThat(listing(target.getParent())).containsExactly("file");
    }

    @Test
    void leavesNothingBehindWhenNotCommitted() throws IOException {
        Path target = Files.writeString(folder.resolve("file"), "as before");
        try (OutputFile file = prepare(target, true)) {
            file.write(bytes("abcd"), 0);
            assertThat(listing(folder)).hasSize(2);
        }
        assertThat(listing(folder)).containsExactly("file");
        assertThat(target).hasContent("as before");
    }

    @Test
    void replacesAFileOnlyWhenAllowed() throws IOException {
        Path target = Files.writeString(folder.resolve("file"), "as before");
        assertThatThrownBy(() -> prepare(target, false)).isInstanceOf(FileException.class)
            .hasMessage("[test] " + target + ": exists; choose another file, or replace it with --overwrite");
        try (OutputFile file = prepare(target, true)) {
            file.write(bytes("abcd"), 0);
            file.commit();
        }
        assertThat(target).hasContent("abcd");
    }

    @Test
    void replacesWhatALinkPointsTo() throws IOException {
        Path real = Files.writeString(folder.resolve("real"), "as before");
        Path link = Files.createSymbolicLink(folder.resolve("link"), real);
        try (OutputFile file = prepare(link, true)) {
            file.write(bytes("abcd"), 0);
            file.commit();
        }
        assertThat(link).isSymbolicLink();
        assertThat(real).hasContent("abcd");
    }

    @Test
    void refusesInputsAndDirectories() throws IOException {
        Path input = Files.writeString(folder.resolve("input"), "precious");
        Path link = Files.createSymbolicLink(folder.resolve("link"), input);
        assertThatThrownBy(() -> OutputFile.prepare("test", link, 4, true, List.of(input))).isInstanceOf(FileException.class)
            .hasMessage("[test] " + link + ": is an input, so it is not replaced; choose another file");
        assertThatThrownBy(() -> prepare(folder, true)).isInstanceOf(FileException.class).hasMessageContaining("is a directory");
        assertThat(input).hasContent("precious");
    }

    @Test
    void refusesWhatTheDiskHasNoRoomFor() throws IOException {
        Path target = folder.resolve("file");
        assertThatThrownBy(() -> OutputFile.prepare("test", target, Long.MAX_VALUE, false, List.of())).isInstanceOf(FileException.class)
            .hasMessageMatching("\\[output\\] .*file: needs 9,223,372,036,854,775,807 bytes, but only [\\d,]+ are free there; make room .*");
        assertThat(listing(folder)).isEmpty();
    }

    @Test
    void saysHowManyBytesWereNeededWhenTheDiskIsFull() throws IOException {
        Path target = folder.resolve("file");
        try (OutputFile file = OutputFile.prepare("test", target, 4, false, List.of(), OutputFileTest::full)) {
            assertThatThrownBy(() -> file.write(bytes("abcd"), 0)).isInstanceOf(FileException.class)
                .hasMessageMatching("\\[test\\] .*file: cannot be written: No space left on device \\(bytes needed: 4, free there: \\d+\\); .*");
        }
        assertThat(listing(folder)).isEmpty();
    }

    @Test
    void aFullDiskAtTheLastMomentLeavesNothingToo() throws IOException {
        Path target = folder.resolve("file");
        try (OutputFile file = OutputFile.prepare("test", target, 4, false, List.of(), OutputFileTest::full)) {
            assertThatThrownBy(file::commit).isInstanceOf(FileException.class).hasMessageContaining("No space left on device");
        }
        assertThat(listing(folder)).isEmpty();
    }

    private static OutputFile prepare(Path target, boolean overwrite) {
        return OutputFile.prepare("test", target, 4, overwrite, List.of());
    }

    private static ByteSink full(Path path) throws IOException {
        ByteSink sink = ByteSink.newFile(path);
        return new ByteSink() {
            @Override
            public void write(ByteBuffer bytes, long position) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void copy(Path source, long from, long size, long position, Inspector inspector) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void force() throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void close() throws IOException {
                sink.close();
            }
        };
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static List<String> listing(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
