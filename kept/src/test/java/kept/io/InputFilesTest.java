package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InputFilesTest {
    @TempDir
    private Path folder;

    @Test
    void regularFilesAreReadAndSoAreLinksToThem() throws IOException {
        Path file = Files.writeString(folder.resolve("a"), "text");
        Path link = Files.createSymbolicLink(folder.resolve("b"), Path.of("a"));
        assertThat(InputFiles.irregularity(file)).isEmpty();
        assertThat(InputFiles.irregularity(folder.resolve("none"))).as("what is not there is told of by who opens it").isEmpty();
        assertThat(InputFiles.requireRegular("test", link)).isEqualTo(link);
        assertThat(InputFiles.find("test", folder, "b")).contains(link);
        assertThat(InputFiles.find("test", folder, "none")).isEmpty();
        assertThat(InputFiles.text("test", link)).isEqualTo("text");
        assertThat(InputFiles.bytes("test", file, 4)).isEqualTo("text".getBytes(StandardCharsets.UTF_8));
        refused(() -> InputFiles.bytes("test", file, 3), file, "has 4 bytes, above the limit of 3");
    }

    @Test
    void pipesDevicesAndDirectoriesAreNamed() throws IOException, InterruptedException {
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        String advice = "; only regular files are read, so save its contents to a file first";
        refused(() -> InputFiles.text("test", pipe), pipe, "is a pipe (FIFO)" + advice);
        refused(() -> InputFiles.open("test", pipe), pipe, "is a pipe (FIFO)" + advice);
        refused(() -> InputFiles.find("test", folder, "pipe"), pipe, "is a pipe (FIFO)" + advice);
        refused(() -> InputFiles.requireRegular("test", Path.of("/dev/zero")), Path.of("/dev/zero"), "is a device" + advice);
        refused(() -> InputFiles.requireRegular("test", folder), folder, "is a directory, not a file");
        Path missing = folder.resolve("none");
        refused(() -> InputFiles.text("test", missing), missing, "cannot be read: no such file or directory");
        refused(() -> InputFiles.open("test", missing), missing, "cannot be opened: no such file or directory");
    }

    @Test
    void aLinkToNothingIsNotTakenForAFileThatIsNotThere() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("a"), Path.of("../../blobs/0"));
        refused(() -> InputFiles.find("test", folder, "a"), link,
            "cannot be read: it is a broken link to ../../blobs/0: is the download complete?");
    }

    @Test
    void linksOutOfACheckpointAreRefused() throws IOException {
        Path checkpoint = Files.createDirectories(folder.resolve("parent/checkpoint"));
        Path secret = Files.writeString(folder.resolve("secret"), "s");
        Path sibling = Files.createDirectories(folder.resolve("parent/checkpoint-2"));
        Files.writeString(sibling.resolve("x"), "x");
        Path absolute = Files.createSymbolicLink(checkpoint.resolve("absolute"), secret);
        Path relative = Files.createSymbolicLink(checkpoint.resolve("relative"), Path.of("../../secret"));
        Path chained = Files.createSymbolicLink(checkpoint.resolve("chained"), Path.of("relative"));
        Path beside = Files.createSymbolicLink(checkpoint.resolve("beside"), Path.of("../checkpoint-2/x"));
        Path device = Files.createSymbolicLink(checkpoint.resolve("device"), Path.of("/dev/zero"));
        for (Path link : new Path[] {absolute, relative, chained, beside, device}) {
            refused(() -> InputFiles.find("test", checkpoint, link.getFileName().toString()), link, "is a link to " + link.toRealPath()
                + ", outside its directory; put the file itself there if it belongs to the checkpoint");
        }
        Path loop = Files.createSymbolicLink(checkpoint.resolve("loop"), Path.of("loop"));
        refused(() -> InputFiles.find("test", checkpoint, "loop"), loop,
            "cannot be read: it is a broken link to loop: is the download complete?");
    }

    /** The layout that huggingface_hub gives a cache: snapshots/REVISION/FILE -> ../../blobs/HASH, one level more for files in folders. */
    @ParameterizedTest
    @CsvSource({"models/snapshots/rev, ../../blobs/0, true", "models/snapshots/rev/sub, ../../../blobs/0, true",
        "models/snaps/rev, ../../blobs/0, false", "models/snapshots, ../blobs/0, false",
        "models/snapshots/rev, ../../refs/0, false", "models/snapshots/rev, ../../blobs/out, false"})
    void blobsOfTheCacheAreReadFromItsSnapshotsAlone(String directory, String target, boolean read) throws IOException {
        Path checkpoint = Files.createDirectories(folder.resolve(directory));
        for (String file : new String[] {"models/blobs/0", "models/refs/0", "out"}) {
            Files.createDirectories(folder.resolve(file).getParent());
            Files.writeString(folder.resolve(file), "content");
        }
        Files.createSymbolicLink(folder.resolve("models/blobs/out"), folder.resolve("out"));
        Path link = Files.createSymbolicLink(checkpoint.resolve("config.json"), Path.of(target));
        if (read) {
            assertThat(InputFiles.find("test", checkpoint, "config.json")).contains(link);
            Path by = Files.createSymbolicLink(folder.resolve("by"), checkpoint);
            assertThat(InputFiles.find("test", by, "config.json")).as("by a link to the directory").contains(by.resolve("config.json"));
        } else {
            refused(() -> InputFiles.find("test", checkpoint, "config.json"), link, "is a link to " + link.toRealPath()
                + ", outside its directory; put the file itself there if it belongs to the checkpoint");
        }
    }

    private static void refused(Runnable reading, Path file, String problem) {
        assertThatExceptionOfType(FileException.class).isThrownBy(reading::run).withMessage("[test] " + file + ": " + problem);
    }
}
