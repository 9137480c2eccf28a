package kept.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The PTX in the repository, and what it is compiled from. */
final class CommittedPtx {
    private static final Path PTX = Path.of("src/main/resources/kept/cuda");
    /** The CUDA C++. */
    static final Path SOURCES = Path.of("../native/kernels");

    private CommittedPtx() {}

    /**
     * The names of all modules.
     *
     * @return in alphabetical order, without endings
     */
    static List<String> modules() {
        return names(PTX, ".ptx");
    }

    /**
     * The names of files.
     *
     * @param directory where
     * @param ending what their names end with
     * @return in the order of their bytes, without endings
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
     * A module's text.
     *
     * @param module its name
     * @return the PTX
     */
    static String text(String module) {
        try {
            return Files.readString(PTX.resolve(module + ".ptx"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
