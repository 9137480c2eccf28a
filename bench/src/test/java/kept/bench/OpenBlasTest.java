package kept.bench;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A table without OpenBLAS says why in one line. */
class OpenBlasTest {
    @TempDir
    private Path directory;

    @AfterEach
    void forgetTheDirectory() {
        System.clearProperty(OpenBlas.PROPERTY);
    }

    @Test
    void aLibraryThatWasNotDownloadedIsNamedWithTheRemedy() {
        System.setProperty(OpenBlas.PROPERTY, directory.resolve("absent").toString());
        assertThatThrownBy(Peer.OPENBLAS::open).isInstanceOf(IllegalStateException.class).hasMessage(
                "it has not been downloaded (bin/bench does that; --no-peer measures without it)");
    }

    @Test
    void aDirectoryWithoutALibraryIsNamed() throws IOException {
        Files.writeString(directory.resolve("libgfortran.so.5"), "");
        System.setProperty(OpenBlas.PROPERTY, directory.toString());
        assertThatThrownBy(Peer.OPENBLAS::open).isInstanceOf(IllegalStateException.class).hasMessage(
                directory + " has no library for this system; delete it to download it again");
    }

    @Test
    void aLibraryThatCannotBeLoadedHasTheMessageOfTheLinker() throws IOException {
        Path library = Files.createDirectory(directory.resolve("libopenblas.so.0"));
        System.setProperty(OpenBlas.PROPERTY, directory.toString());
        assertThatThrownBy(Peer.OPENBLAS::open).isInstanceOf(IllegalStateException.class).hasMessageStartingWith(
                "it cannot be loaded: " + library + ": ").hasMessageNotContaining("Cannot open library");
    }
}
