package kept.cuda.library;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * A shared library that is loaded on demand. The bindings look their functions up here, each when it is first called: {@link #DRIVER} and
 * {@link #CUBLAS} must have been loaded before, which is where a missing one is told.
 */
public final class NativeLibrary implements SymbolLookup {
    /** The CUDA driver's library. */
    public static final NativeLibrary DRIVER = new NativeLibrary();
    /** cuBLAS. */
    public static final NativeLibrary CUBLAS = new NativeLibrary();

    /** The system property that names cuBLAS's file, or its directory. */
    public static final String CUBLAS_PROPERTY = "kept.cublas";

    /** The name that the driver installs; libcuda.so is only for linking against, and is not everywhere. */
    private static final String DRIVER_NAME = "libcuda.so.1";
    private static final int OLDEST_CUBLAS = 11;
    private static final int NEWEST_CUBLAS = 13;

    private volatile SymbolLookup symbols;
    private volatile String origin;

    /** A library that is not loaded. */
    NativeLibrary() {}

    /**
     * Finds a function of the library.
     *
     * @param name the exported name
     * @return its address; empty where the library has none, or is not loaded
     */
    @Override
    public Optional<MemorySegment> find(String name) {
        SymbolLookup loaded = symbols;
        return loaded == null ? Optional.empty() : loaded.find(name);
    }

    /**
     * What the library was loaded as.
     *
     * @return a path, or the name that the linker found; null if it is not loaded
     */
    public String origin() {
        return origin;
    }

    /**
     * Loads the CUDA driver's library, unless it was.
     *
     * @throws MissingLibraryException if there is none, with the linker's message
     */
    public static void loadDriver() {
        DRIVER.loadDriver(new SystemLinking(), System.getProperty("os.name"));
    }

    /**
     * Loads cuBLAS, unless it was: the newest that the driver can run, from the file or directory that the property kept.cublas names, else from
     * CUDA_HOME, CUDA_PATH, or where the linker looks.
     *
     * @param driverMajor the driver's CUDA version before the point: a library of a later one does not run on it
     * @throws MissingLibraryException if there is none, with all places and the linker's message
     */
    public static void loadCublas(int driverMajor) {
        CUBLAS.loadCublas(new SystemLinking(), driverMajor, System.getProperty(CUBLAS_PROPERTY), System::getenv);
    }

    synchronized void loadDriver(Linking linking, String system) {
        if (symbols != null) {
            return;
        }
        if (!system.toLowerCase(Locale.ROOT).startsWith("linux")) {
            throw new MissingLibraryException("the CUDA backend runs on Linux, and this is " + system);
        }
        try {
            load(linking, DRIVER_NAME);
        } catch (Linking.LinkageException e) {
            throw new MissingLibraryException("no NVIDIA driver on this machine (%s); install one, for CUDA 12.0 or newer".formatted(e.getMessage()));
        }
    }

    synchronized void loadCublas(Linking linking, int driverMajor, String property, UnaryOperator<String> environment) {
        if (symbols != null) {
            return;
        }
        List<String> names = new ArrayList<>();
        for (int major = Math.clamp(driverMajor, OLDEST_CUBLAS, NEWEST_CUBLAS); major >= OLDEST_CUBLAS; major--) {
            names.add("libcublas.so." + major);
        }
        List<Place> places = places(property, environment);
        List<String> said = new ArrayList<>();
        for (Place place : places) {
            for (String library : place.libraries(names)) {
                try {
                    loadBeside(linking, library);
                    load(linking, library);
                    return;
                } catch (Linking.LinkageException e) {
                    said.add(e.getMessage());
                }
            }
        }
        // Of a file that is there and cannot be loaded the linker tells more than of one that it did not find.
        String why = said.stream().filter(message -> names.stream().noneMatch(message::startsWith)).findFirst()
                .or(() -> said.stream().findFirst()).orElse("no such file");
        throw new MissingLibraryException("no cuBLAS: looked for %s in %s (%s); install the CUDA toolkit's cuBLAS, or name its file by -D%s=FILE"
                .formatted(String.join(", ", names), places.stream().map(Place::toString).collect(Collectors.joining(", ")), why, CUBLAS_PROPERTY));
    }

    private void load(Linking linking, String library) throws Linking.LinkageException {
        symbols = linking.open(library);
        origin = library;
    }

    /** cuBLAS needs libcublasLt.so of its version. A copy in the same directory is not where the linker looks, but one that is loaded is found. */
    private static void loadBeside(Linking linking, String library) throws Linking.LinkageException {
        Path file = Path.of(library);
        if (file.getParent() == null) {
            return;
        }
        Path beside = file.resolveSibling(file.getFileName().toString().replaceFirst("libcublas", "libcublasLt"));
        if (!beside.equals(file) && beside.toFile().isFile()) {
            linking.open(beside.toString());
        }
    }

    private static List<Place> places(String property, UnaryOperator<String> environment) {
        if (property != null && !property.isBlank()) {
            Path named = Path.of(property);
            return List.of(named.toFile().isDirectory() ? new Directory(named, "-D" + CUBLAS_PROPERTY) : new NamedFile(named));
        }
        List<Place> places = new ArrayList<>();
        for (String variable : List.of("CUDA_HOME", "CUDA_PATH")) {
            String toolkit = environment.apply(variable);
            if (toolkit != null && !toolkit.isBlank()) {
                places.add(new Directory(Path.of(toolkit, "lib64"), variable));
                places.add(new Directory(Path.of(toolkit, "lib"), variable));
            }
        }
        places.add(new LinkersPath());
        return places;
    }

    /** Somewhere to look for cuBLAS; its text goes into the message. */
    private sealed interface Place {
        List<String> libraries(List<String> names);
    }

    private record Directory(Path path, String origin) implements Place {
        @Override
        public List<String> libraries(List<String> names) {
            return names.stream().map(path::resolve).filter(file -> file.toFile().isFile()).map(Path::toString).toList();
        }

        @Override
        public String toString() {
            return "%s (%s)".formatted(path, origin);
        }
    }

    private record NamedFile(Path path) implements Place {
        @Override
        public List<String> libraries(List<String> names) {
            return List.of(path.toAbsolutePath().toString());
        }

        @Override
        public String toString() {
            return "%s (-D%s)".formatted(path, CUBLAS_PROPERTY);
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
