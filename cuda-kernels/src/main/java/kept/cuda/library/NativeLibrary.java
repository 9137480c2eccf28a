package kept.cuda.library;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A shared library that is loaded on demand. The bindings look up each function here at its first call; {@link #loadDriver} and {@link #loadCublas}
 * must have been called before, and throw if the library is missing.
 */
public final class NativeLibrary implements SymbolLookup {
    /** The library of the CUDA driver. */
    public static final NativeLibrary DRIVER = new NativeLibrary();
    /** The library of cuBLAS. */
    public static final NativeLibrary CUBLAS = new NativeLibrary();

    /** System property with the file or the directory of cuBLAS. */
    public static final String CUBLAS_PROPERTY = "kept.cublas";
    /** System property with a Python, or the directory of its environment, whose packages include cuBLAS. */
    public static final String PYTHON_PROPERTY = "kept.python";

    /** Name that the driver installs; libcuda.so is the development link, which many machines do not have. */
    private static final String DRIVER_NAME = "libcuda.so.1";
    private static final int OLDEST_CUBLAS = 11;
    private static final int NEWEST_CUBLAS = 13;

    private volatile SymbolLookup symbols;
    private volatile String origin;

    /** Creates a library that is not loaded yet. */
    NativeLibrary() {}

    /**
     * Looks up a function of the library.
     *
     * @param name exported name
     * @return address of the function; empty if the library does not export it or is not loaded
     */
    @Override
    public Optional<MemorySegment> find(String name) {
        SymbolLookup loaded = symbols;
        return loaded == null ? Optional.empty() : loaded.find(name);
    }

    /**
     * Returns the file that the library was loaded from.
     *
     * @return path, or the name that the dynamic linker resolved; null if the library is not loaded
     */
    public String origin() {
        return origin;
    }

    /**
     * Loads the library of the CUDA driver unless it is loaded already.
     *
     * @throws MissingLibraryException if the library is missing; the message contains the linker's
     */
    public static void loadDriver() {
        DRIVER.loadDriver(new SystemLibraryLoader(), System.getProperty("os.name"));
    }

    /**
     * Loads the newest cuBLAS that the driver can run, unless one is loaded already. It is searched for in the file or directory of the property
     * {@value #CUBLAS_PROPERTY}; without the property in the places of {@link CublasSearch}.
     *
     * @param driverMajor major CUDA version of the driver; a cuBLAS of a later version does not run on it
     * @throws MissingLibraryException if no cuBLAS is found; the message lists the searched places and the linker's message
     */
    public static void loadCublas(int driverMajor) {
        CUBLAS.loadCublas(new SystemLibraryLoader(), driverMajor, CublasSearch.ofThisMachine());
    }

    synchronized void loadDriver(LibraryLoader loader, String system) {
        if (symbols != null) {
            return;
        }
        if (!system.toLowerCase(Locale.ROOT).startsWith("linux")) {
            throw new MissingLibraryException("the CUDA backend runs on Linux, and this is " + system);
        }
        try {
            load(loader, DRIVER_NAME);
        } catch (LibraryLoader.LoadException e) {
            throw new MissingLibraryException("no NVIDIA driver on this machine (%s); install one, for CUDA 12.0 or newer".formatted(e.getMessage()));
        }
    }

    synchronized void loadCublas(LibraryLoader loader, int driverMajor, CublasSearch search) {
        if (symbols != null) {
            return;
        }
        List<String> names = new ArrayList<>();
        for (int major = Math.clamp(driverMajor, OLDEST_CUBLAS, NEWEST_CUBLAS); major >= OLDEST_CUBLAS; major--) {
            names.add("libcublas.so." + major);
        }
        List<CublasSearch.Place> places = search.places();
        List<String> failures = new ArrayList<>();
        for (CublasSearch.Place place : places) {
            for (String library : place.libraries(names)) {
                try {
                    loadCublasLt(loader, library);
                    load(loader, library);
                    return;
                } catch (LibraryLoader.LoadException e) {
                    failures.add(e.getMessage());
                }
            }
        }
        // The linker's message about a file that exists but cannot be loaded is more helpful than about one that it did not find.
        String why = failures.stream().filter(message -> names.stream().noneMatch(message::startsWith)).findFirst()
                .or(() -> failures.stream().findFirst()).orElse("no such file");
        throw new MissingLibraryException("no cuBLAS: looked for %s in %s (%s); install the CUDA toolkit's cuBLAS, or name its file by -D%s=FILE"
                .formatted(String.join(", ", names), places.stream().map(CublasSearch.Place::toString).collect(Collectors.joining(", ")), why,
                        CUBLAS_PROPERTY));
    }

    private void load(LibraryLoader loader, String library) throws LibraryLoader.LoadException {
        symbols = loader.open(library);
        origin = library;
    }

    /** cuBLAS depends on libcublasLt.so of its version. The linker does not search cuBLAS's directory, so a copy there is loaded first. */
    private static void loadCublasLt(LibraryLoader loader, String library) throws LibraryLoader.LoadException {
        Path file = Path.of(library);
        if (file.getParent() == null) {
            return;
        }
        Path sibling = file.resolveSibling(file.getFileName().toString().replaceFirst("libcublas", "libcublasLt"));
        if (!sibling.equals(file) && sibling.toFile().isFile()) {
            loader.open(sibling.toString());
        }
    }
}
