package kept.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The PTX files in the repository and their CUDA C++ sources. */
final class CommittedPtx {
    private static final Path PTX = Path.of("src/main/resources/kept/cuda");
    /** Directory of the CUDA C++ sources. */
    static final Path SOURCES = Path.of("../native/kernels");

    private CommittedPtx() {}

    /**
     * Returns the names of all PTX modules.
     *
     * @return sorted names without extension
     */
    static List<String> modules() {
        return names(PTX, ".ptx");
    }

    /**
     * Returns the names of files in a directory.
     *
     * @param directory directory
     * @param ending file extension with its dot
     * @return names in byte order without extension
     */
    static List<String> names(Path directory, String ending) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(ending))
                    .map(name -> name.substring(0, name.length() - ending.length())).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a module.
     *
     * @param module name without extension
     * @return PTX source
     */
    static String text(String module) {
        try {
            return Files.readString(PTX.resolve(module + ".ptx"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
