package kept.cuda.library;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Where people have a library of NVIDIA's beside the driver, in the order of the search:
 *
 * <ol>
 * <li>the file or directory of the library's own property, and then nowhere else
 * <li>the packages of the Python of the property {@value NativeLibrary#PYTHON_PROPERTY} (wheels such as {@code nvidia-cublas}, {@code
 * nvidia-cublas-cu12} and {@code nvidia-nccl-cu13}, which PyTorch installs too)
 * <li>the toolkits of CUDA_HOME and CUDA_PATH
 * <li>the dynamic linker's path
 * <li>the directories that toolkits are installed to: {@code /usr/local/cuda}, {@code /usr/local/cuda-*} from the newest version on,
 * {@code /opt/cuda}
 * <li>the packages of the active Python environment (VIRTUAL_ENV, CONDA_PREFIX)
 * </ol>
 *
 * @param property the library's own property
 * @param named its value, or null
 * @param wheel folder of the library's wheel among the packages of NVIDIA
 * @param python value of the property {@value NativeLibrary#PYTHON_PROPERTY}, or null
 * @param environment value of an environment variable, or null
 * @param root directory that the toolkits' directories are below: the file system's root
 */
record LibrarySearch(String property, String named, String wheel, String python, UnaryOperator<String> environment, Path root) {
    /** Directories of libraries within a toolkit; a Conda environment has them too. */
    private static final List<String> LIBRARIES = List.of("lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib");

    /** The search for cuBLAS. */
    static LibrarySearch cublas(String named, String python, UnaryOperator<String> environment, Path root) {
        return new LibrarySearch(NativeLibrary.CUBLAS_PROPERTY, named, "cublas", python, environment, root);
    }

    /** The search for NCCL. */
    static LibrarySearch nccl(String named, String python, UnaryOperator<String> environment, Path root) {
        return new LibrarySearch(NativeLibrary.NCCL_PROPERTY, named, "nccl", python, environment, root);
    }

    /** A place to search for the library; {@code toString} describes it in messages. */
    sealed interface Place {
        /**
         * Returns the candidates in a place.
         *
         * @param names file names of the library, from the newest version on
         * @return files that exist, or names for the dynamic linker
         */
        List<String> libraries(List<String> names);
    }

    /** Returns the places in the order of the search. */
    List<Place> places() {
        if (isSet(named)) {
            Path path = Path.of(named);
            String origin = "-D" + property;
            return List.of(Files.isDirectory(path) ? new Directories(path.toString(), origin, List.of(path)) : new NamedFile(path, origin));
        }
        List<Place> places = new ArrayList<>();
        if (isSet(python)) {
            Path path = Path.of(python);
            places.add(new Directories(path.toString(), "-D" + NativeLibrary.PYTHON_PROPERTY, packages(prefix(path))));
        }
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
            if (isSet(environment.apply(variable))) {
                Path toolkit = Path.of(environment.apply(variable));
                places.add(new Directories(toolkit.toString(), variable, libraries(toolkit)));
            }
        }
        places.add(new LinkersPath());
        places.add(new Directories("the directories of CUDA toolkits", "/usr/local/cuda*, /opt/cuda",
                toolkits().stream().flatMap(toolkit -> libraries(toolkit).stream()).toList()));
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            if (isSet(environment.apply(variable))) {
                Path prefix = Path.of(environment.apply(variable));
                List<Path> directories = new ArrayList<>(packages(prefix));
                directories.addAll(libraries(prefix));
                places.add(new Directories(prefix.toString(), variable, directories));
            }
        }
        return places;
    }

    private static boolean isSet(String value) {
        return value != null && !value.isBlank();
    }

    private static List<Path> libraries(Path toolkit) {
        return LIBRARIES.stream().map(toolkit::resolve).toList();
    }

    private List<Path> toolkits() {
        Path local = root.resolve("usr/local");
        List<Path> toolkits = new ArrayList<>(List.of(local.resolve("cuda")));
        toolkits.addAll(matching(local, "cuda-*").stream().sorted(Comparator.comparing(LibrarySearch::version).reversed()).toList());
        toolkits.add(root.resolve("opt/cuda"));
        return toolkits;
    }

    /** The version in a name such as cuda-12.4 as a number for comparison; others are the oldest. */
    private static int version(Path toolkit) {
        String[] parts = toolkit.getFileName().toString().replaceFirst("^cuda-", "").split("\\.", 3);
        try {
            return Integer.parseInt(parts[0]) * 1000 + (parts.length > 1 ? Integer.parseInt(parts[1]) : 999);
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** The directory that holds a Python's bin and lib: of an executable, which may be a link into another installation, or the directory itself. */
    private static Path prefix(Path python) {
        Path absolute = python.toAbsolutePath().normalize();
        Path folder = absolute.getParent();
        return Files.isDirectory(absolute) || folder == null || folder.getParent() == null ? absolute : folder.getParent();
    }

    /** The directories with the library among a Python's packages; a system's Python may have packages in /usr/local, too. */
    private List<Path> packages(Path prefix) {
        List<Path> directories = new ArrayList<>();
        for (Path base : List.of(prefix, prefix.resolve("local"))) {
            for (String library : List.of("lib", "lib64")) {
                for (Path version : matching(base.resolve(library), "python3*")) {
                    for (String packages : List.of("site-packages", "dist-packages")) {
                        Path nvidia = version.resolve(packages).resolve("nvidia");
                        matching(nvidia, "cu[0-9]*").forEach(wheel -> directories.add(wheel.resolve("lib")));
                        directories.add(nvidia.resolve(wheel).resolve("lib"));
                    }
                }
            }
        }
        return directories;
    }

    private static List<Path> matching(Path directory, String pattern) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, pattern)) {
            entries.forEach(found::add);
        } catch (IOException | DirectoryIteratorException e) {
            return List.of(); // What cannot be listed has no library that could be loaded.
        }
        found.sort(Comparator.reverseOrder());
        return found;
    }

    private record Directories(String name, String origin, List<Path> paths) implements Place {
        @Override
        public List<String> libraries(List<String> names) {
            return names.stream().flatMap(name -> paths.stream().map(path -> path.resolve(name))).filter(Files::isRegularFile).map(Path::toString)
                    .toList();
        }

        @Override
        public String toString() {
            return "%s (%s)".formatted(name, origin);
        }
    }

    private record NamedFile(Path path, String origin) implements Place {
        @Override
        public List<String> libraries(List<String> names) {
            return List.of(path.toAbsolutePath().toString());
        }

        @Override
        public String toString() {
            return "%s (%s)".formatted(path, origin);
        }
    }

    private record LinkersPath() implements Place {
        @Override
        public List<String> libraries(List<String> names) {
            return names;
        }

        @Override
        public String toString() {
            return "the linker's path";
        }
    }
}
