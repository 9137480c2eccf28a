package kept.cuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The search for shared libraries, and the errors when one is missing. */
class NativeLibraryTest {
    private static final SymbolLookup SYMBOLS = name -> name.equals("here") ? Optional.of(MemorySegment.ofAddress(4711)) : Optional.empty();

    @TempDir
    private Path directory;
    private final NativeLibrary library = new NativeLibrary();
    private final List<String> asked = new ArrayList<>();

    @Test
    void theDriverIsLoadedOnceFromLibcuda() {
        assertThat(library.find("here")).isEmpty();
        library.loadDriver(having("libcuda.so.1"), "Linux");
        library.loadDriver(having("libcuda.so.1"), "Linux");
        assertThat(asked).containsExactly("libcuda.so.1");
        assertThat(library.origin()).isEqualTo("libcuda.so.1");
        assertThat(library.find("here")).contains(MemorySegment.ofAddress(4711));
        assertThat(library.find("elsewhere")).isEmpty();
    }

    @Test
    void aMissingDriverIsReportedWithTheLinkersMessage() {
        assertThatThrownBy(() -> library.loadDriver(having(), "Linux")).isInstanceOf(MissingLibraryException.class)
                .hasMessage("no NVIDIA driver on this machine (libcuda.so.1: no such thing); install one, for CUDA 12.0 or newer");
        assertThat(library.origin()).isNull();
        assertThatThrownBy(() -> library.loadDriver(having(), "Windows 11")).hasMessage("the CUDA backend runs on Linux, and this is Windows 11");
    }

    @Test
    void theMessageIsThatOfTheSystemsLinker() {
        assertThatThrownBy(() -> new SystemLibraryLoader().open("libkept-none.so.1")).isInstanceOf(LibraryLoader.LoadException.class)
                .hasMessageContaining("libkept-none.so.1").hasMessageContaining("No such file");
    }

    @Test
    void theNewestCublasThatTheDriverCanRunIsLoaded() {
        library.loadCublas(having("libcublas.so.13", "libcublas.so.12"), 12, null, _ -> null);
        assertThat(library.origin()).isEqualTo("libcublas.so.12");
        assertThat(asked).containsExactly("libcublas.so.12");
        var other = new NativeLibrary();
        other.loadCublas(having("libcublas.so.11", "libcublas.so.13"), 14, null, _ -> null);
        assertThat(other.origin()).isEqualTo("libcublas.so.13");
    }

    @Test
    void cublasIsSearchedForInToolkitsFirstAndThenOnTheLinkersPath() {
        String old = file("home/lib/libcublas.so.11");
        String both = file("path/lib64/libcublas.so.12");
        Map<String, String> environment =
                Map.of("CUDA_HOME", directory.resolve("home").toString(), "CUDA_PATH", directory.resolve("path").toString());
        library.loadCublas(having(old, both, "libcublas.so.13"), 13, null, environment::get);
        assertThat(library.origin()).isEqualTo(old);
        var other = new NativeLibrary();
        other.loadCublas(having(both, "libcublas.so.13"), 13, null, environment::get);
        assertThat(other.origin()).isEqualTo(both);
        var third = new NativeLibrary();
        third.loadCublas(having("libcublas.so.13"), 13, null, environment::get);
        assertThat(third.origin()).isEqualTo("libcublas.so.13");
    }

    @Test
    void cublasLtIsLoadedFromTheDirectoryOfCublas() {
        String main = file("home/lib64/libcublas.so.12");
        String companion = file("home/lib64/libcublasLt.so.12");
        library.loadCublas(having(main, companion), 12, null, Map.of("CUDA_HOME", directory.resolve("home").toString())::get);
        assertThat(asked).containsExactly(companion, main);
    }

    @Test
    void thePropertyReplacesTheSearch() {
        String named = file("own/libcublas.so.12");
        file("home/lib64/libcublas.so.13");
        Map<String, String> environment = Map.of("CUDA_HOME", directory.resolve("home").toString());
        library.loadCublas(having(named, "libcublas.so.13"), 13, named, environment::get);
        assertThat(library.origin()).isEqualTo(named);
        var other = new NativeLibrary();
        other.loadCublas(having(named, "libcublas.so.13"), 13, directory.resolve("own").toString(), environment::get);
        assertThat(other.origin()).isEqualTo(named);
        asked.clear();
        Path none = directory.resolve("none.so");
        assertThatThrownBy(() -> new NativeLibrary().loadCublas(having("libcublas.so.13"), 13, none.toString(), environment::get))
                .isInstanceOf(MissingLibraryException.class).hasMessageContaining("%s (-Dkept.cublas) (%s: no such thing)".formatted(none, none));
        assertThat(asked).containsExactly(none.toString());
    }

    @Test
    void aMissingCublasIsReportedWithAllSearchedPlaces() {
        Map<String, String> environment = Map.of("CUDA_HOME", "/opt/cuda");
        assertThatThrownBy(() -> library.loadCublas(having(), 12, null, environment::get)).isInstanceOf(MissingLibraryException.class)
                .hasMessage("no cuBLAS: looked for libcublas.so.12, libcublas.so.11 in /opt/cuda/lib64 (CUDA_HOME), /opt/cuda/lib (CUDA_HOME), "
                        + "the linker's path (libcublas.so.12: no such thing); "
                        + "install the CUDA toolkit's cuBLAS, or name its file by -Dkept.cublas=FILE");
    }

    /** For an existing library the linker names the missing dependency, which is the helpful message. */
    @Test
    void theReasonWhyAnExistingLibraryCannotBeLoadedIsReported() {
        LibraryLoader lacking = name -> {
            throw new LibraryLoader.LoadException(name.endsWith("12") ? "libcublasLt.so.12: cannot open" : name + ": no such thing");
        };
        assertThatThrownBy(() -> library.loadCublas(lacking, 13, null, _ -> null)).hasMessageContaining("(libcublasLt.so.12: cannot open)");
    }

    private LibraryLoader having(String... libraries) {
        return name -> {
            asked.add(name);
            if (!List.of(libraries).contains(name)) {
                throw new LibraryLoader.LoadException(name + ": no such thing");
            }
            return SYMBOLS;
        };
    }

    private String file(String name) {
        try {
            Path file = directory.resolve(name);
            Files.createDirectories(file.getParent());
            return Files.writeString(file, "").toString();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
