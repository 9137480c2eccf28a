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
import java.util.function.UnaryOperator;
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
        library.loadCublas(having("libcublas.so.13", "libcublas.so.12"), 12, search(null, _ -> null));
        assertThat(library.origin()).isEqualTo("libcublas.so.12");
        assertThat(asked).containsExactly("libcublas.so.12");
        var other = new NativeLibrary();
        other.loadCublas(having("libcublas.so.11", "libcublas.so.13"), 14, search(null, _ -> null));
        assertThat(other.origin()).isEqualTo("libcublas.so.13");
    }

    @Test
    void cublasIsSearchedForInToolkitsFirstAndThenOnTheLinkersPath() {
        String old = file("home/lib/libcublas.so.11");
        String both = file("path/lib64/libcublas.so.12");
        Map<String, String> environment =
                Map.of("CUDA_HOME", directory.resolve("home").toString(), "CUDA_PATH", directory.resolve("path").toString());
        library.loadCublas(having(old, both, "libcublas.so.13"), 13, search(null, environment::get));
        assertThat(library.origin()).isEqualTo(old);
        var other = new NativeLibrary();
        other.loadCublas(having(both, "libcublas.so.13"), 13, search(null, environment::get));
        assertThat(other.origin()).isEqualTo(both);
        var third = new NativeLibrary();
        third.loadCublas(having("libcublas.so.13"), 13, search(null, environment::get));
        assertThat(third.origin()).isEqualTo("libcublas.so.13");
    }

    @Test
    void cublasLtIsLoadedFromTheDirectoryOfCublas() {
        String main = file("home/lib64/libcublas.so.12");
        String companion = file("home/lib64/libcublasLt.so.12");
        library.loadCublas(having(main, companion), 12, search(null, Map.of("CUDA_HOME", directory.resolve("home").toString())::get));
        assertThat(asked).containsExactly(companion, main);
    }

    @Test
    void thePropertyReplacesTheSearch() {
        String named = file("own/libcublas.so.12");
        file("home/lib64/libcublas.so.13");
        Map<String, String> environment = Map.of("CUDA_HOME", directory.resolve("home").toString());
        library.loadCublas(having(named, "libcublas.so.13"), 13, search(named, environment::get));
        assertThat(library.origin()).isEqualTo(named);
        var other = new NativeLibrary();
        other.loadCublas(having(named, "libcublas.so.13"), 13, search(directory.resolve("own").toString(), environment::get));
        assertThat(other.origin()).isEqualTo(named);
        asked.clear();
        Path none = directory.resolve("none.so");
        assertThatThrownBy(() -> new NativeLibrary().loadCublas(having("libcublas.so.13"), 13, search(none.toString(), environment::get)))
                .isInstanceOf(MissingLibraryException.class).hasMessageContaining("%s (-Dkept.cublas) (%s: no such thing)".formatted(none, none));
        assertThat(asked).containsExactly(none.toString());
    }

    @Test
    void aMissingCublasIsReportedWithAllSearchedPlaces() {
        Map<String, String> environment = Map.of("CUDA_HOME", "/opt/cuda");
        assertThatThrownBy(() -> library.loadCublas(having(), 12, search(null, environment::get))).isInstanceOf(MissingLibraryException.class)
                .hasMessage("no cuBLAS: looked for libcublas.so.12, libcublas.so.11 in /opt/cuda (CUDA_HOME), the linker's path, "
                        + "the directories of CUDA toolkits (/usr/local/cuda*, /opt/cuda) (libcublas.so.12: no such thing); "
                        + "install the CUDA toolkit's cuBLAS, or name its file by -Dkept.cublas=FILE");
    }

    @Test
    void cublasIsFoundInTheDirectoriesOfToolkitsFromTheNewestOn() {
        String nine = file("usr/local/cuda-12.9/targets/x86_64-linux/lib/libcublas.so.12");
        String ten = file("usr/local/cuda-12.10/lib64/libcublas.so.12");
        String link = file("usr/local/cuda/lib64/libcublas.so.12");
        String arch = file("opt/cuda/lib64/libcublas.so.12");
        file("usr/local/cuda-old/lib64/libcublas.so.12");
        var loadable = new ArrayList<>(List.of(link, ten, nine, arch));
        while (!loadable.isEmpty()) {
            var found = new NativeLibrary();
            found.loadCublas(having(loadable.toArray(String[]::new)), 12, search(null, _ -> null));
            assertThat(found.origin()).isEqualTo(loadable.removeFirst());
        }
        library.loadCublas(having(link, "libcublas.so.12"), 12, search(null, _ -> null));
        assertThat(library.origin()).as("the linker's path goes first").isEqualTo("libcublas.so.12");
    }

    @Test
    void cublasIsFoundAmongTheWheelsOfANamedPythonAndOfTheActiveEnvironment() {
        String python = file("venv/bin/python3");
        String thirteen = file("venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcublas.so.13");
        String thirteenLt = file("venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcublasLt.so.13");
        String twelve = file("venv/lib/python3.12/site-packages/nvidia/cublas/lib/libcublas.so.12");
        library.loadCublas(having(thirteen, thirteenLt, twelve, "libcublas.so.13"), 13, LibrarySearch.cublas(null, python, _ -> null, directory));
        assertThat(library.origin()).isEqualTo(thirteen);
        assertThat(asked).containsExactly(thirteenLt, thirteen);
        var older = new NativeLibrary();
        older.loadCublas(having(thirteen, twelve), 12, LibrarySearch.cublas(null, directory.resolve("venv").toString(), _ -> null, directory));
        assertThat(older.origin()).as("the driver cannot run the newer one").isEqualTo(twelve);
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            var active = new NativeLibrary();
            active.loadCublas(having(twelve), 12, search(null, Map.of(variable, directory.resolve("venv").toString())::get));
            assertThat(active.origin()).isEqualTo(twelve);
        }
        String system = file("usr/local/lib/python3.11/dist-packages/nvidia/cublas/lib/libcublas.so.12");
        var ofTheSystem = new NativeLibrary();
        ofTheSystem.loadCublas(having(system), 12, LibrarySearch.cublas(null, file("usr/bin/python3"), _ -> null, directory));
        assertThat(ofTheSystem.origin()).isEqualTo(system);
    }

    @Test
    void ncclIsSearchedForAsCublasIs() {
        library.loadNccl(having("libnccl.so.2"), LibrarySearch.nccl(null, null, _ -> null, directory));
        assertThat(library.origin()).isEqualTo("libnccl.so.2");
        String python = file("venv/bin/python3");
        String wheel = file("venv/lib/python3.12/site-packages/nvidia/nccl/lib/libnccl.so.2");
        var ofAWheel = new NativeLibrary();
        ofAWheel.loadNccl(having(wheel, "libnccl.so.2"), LibrarySearch.nccl(null, python, _ -> null, directory));
        assertThat(ofAWheel.origin()).isEqualTo(wheel);
        String named = file("own/libnccl.so.2");
        var ofAFolder = new NativeLibrary();
        ofAFolder.loadNccl(having(named, "libnccl.so.2"), LibrarySearch.nccl(directory.resolve("own").toString(), python, _ -> null, directory));
        assertThat(ofAFolder.origin()).isEqualTo(named);
        assertThatThrownBy(() -> new NativeLibrary().loadNccl(having(), LibrarySearch.nccl(null, null, _ -> null, directory)))
                .isInstanceOf(MissingLibraryException.class).hasMessage("no NCCL: looked for libnccl.so.2 in the linker's path, the directories of "
                        + "CUDA toolkits (/usr/local/cuda*, /opt/cuda) (libnccl.so.2: no such thing); install libnccl2 or the wheel "
                        + "nvidia-nccl-cu13, or name its file by -Dkept.nccl=FILE");
    }

    /** For an existing library the linker names the missing dependency, which is the helpful message. */
    @Test
    void theReasonWhyAnExistingLibraryCannotBeLoadedIsReported() {
        LibraryLoader lacking = name -> {
            throw new LibraryLoader.LoadException(name.endsWith("12") ? "libcublasLt.so.12: cannot open" : name + ": no such thing");
        };
        assertThatThrownBy(() -> library.loadCublas(lacking, 13, search(null, _ -> null))).hasMessageContaining("(libcublasLt.so.12: cannot open)");
    }

    private LibrarySearch search(String cublas, UnaryOperator<String> environment) {
        return LibrarySearch.cublas(cublas, null, environment, directory);
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
