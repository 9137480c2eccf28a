package kept.bench;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A table without OpenBLAS or llama.cpp says why in one line. */
class NativePeersTest {
    @TempDir
    private Path directory;

    @AfterEach
    void forgetTheDirectories() {
        System.clearProperty(OpenBlas.PROPERTY);
        System.clearProperty(LlamaCpp.PROPERTY);
    }

    @ParameterizedTest
    @CsvSource({"OPENBLAS, kept.bench.openblas", "LLAMA_CPP, kept.bench.llama.cpp"})
    void aLibraryThatWasNotDownloadedIsNamedWithTheRemedy(Peer peer, String property) {
        String message = "it has not been downloaded (bin/bench does that; --no-peer measures without it)";
        assertThatThrownBy(peer::open).isInstanceOf(IllegalStateException.class).hasMessage(message);
        System.setProperty(property, directory.resolve("absent").toString());
        assertThatThrownBy(peer::open).isInstanceOf(IllegalStateException.class).hasMessage(message);
    }

    @ParameterizedTest
    @CsvSource({"OPENBLAS, kept.bench.openblas, libgfortran.so.5", "LLAMA_CPP, kept.bench.llama.cpp, libllama-common.so"})
    void aDirectoryWithoutALibraryIsNamed(Peer peer, String property, String otherLibrary) throws IOException {
        Files.createDirectory(directory.resolve(otherLibrary));
        System.setProperty(property, directory.toString());
        assertThatThrownBy(peer::open).isInstanceOf(IllegalStateException.class).hasMessage(
                directory + " has no library for this system; delete it to download it again");
    }

    @ParameterizedTest
    @CsvSource({"OPENBLAS, kept.bench.openblas, libopenblas.so.0", "LLAMA_CPP, kept.bench.llama.cpp, libllama.v0.5.0.so"})
    void aLibraryThatCannotBeLoadedHasTheMessageOfTheLinker(Peer peer, String property, String name) throws IOException {
        Path library = Files.createDirectory(directory.resolve(name));
        System.setProperty(property, directory.toString());
        assertThatThrownBy(peer::open).isInstanceOf(IllegalStateException.class).hasMessageStartingWith(
                "it cannot be loaded: " + library + ": ").hasMessageNotContaining("Cannot open library");
    }
}
