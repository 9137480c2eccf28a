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
 * A shared library that is loaded on demand. The bindings look up each function here at its first call; {@link #loadDriver}, {@link
 * #loadCublas} and {@link #loadNccl} must have been called before, and throw if the library is missing.
 */
public final class NativeLibrary implements SymbolLookup {
    /** The library of the CUDA driver. */
    public static final NativeLibrary DRIVER = new NativeLibrary();
    /** The library of cuBLAS. */
    public static final NativeLibrary CUBLAS = new NativeLibrary();
    /** The library of NCCL. */
    public static final NativeLibrary NCCL = new NativeLibrary();

    /** System property with the file or the directory of cuBLAS. */
    public static final String CUBLAS_PROPERTY = "kept.cublas";
    /** System property with the file or the directory of NCCL. */
    public static final String NCCL_PROPERTY = "kept.nccl";
    /** System property with a Python, or the directory of its environment, whose packages include cuBLAS and NCCL. */
    public static final String PYTHON_PROPERTY = "kept.python";

    /** Name that the driver installs; libcuda.so is the development link, which many machines do not have. */
    private static final String DRIVER_NAME = "libcuda.so.1";
    private static final String NCCL_NAME = "libnccl.so.2";
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
     * {@value #CUBLAS_PROPERTY}; without the property in the places of {@link LibrarySearch}.
     *
     * @param driverMajor major CUDA version of the driver; a cuBLAS of a later version does not run on it
     * @throws MissingLibraryException if no cuBLAS is found; the message lists the searched places and the linker's message
     */
    public static void loadCublas(int driverMajor) {
        CUBLAS.loadCublas(new SystemLibraryLoader(), driverMajor,
                LibrarySearch.cublas(System.getProperty(CUBLAS_PROPERTY), System.getProperty(PYTHON_PROPERTY), System::getenv, Path.of("/")));
    }

    /**
     * Loads NCCL, unless it is loaded already. It is searched for in the file or directory of the property {@value #NCCL_PROPERTY}; without the
     * property in the places of {@link LibrarySearch}.
     *
     * @throws MissingLibraryException if no NCCL is found; the message lists the searched places and the linker's message
     */
    public static void loadNccl() {
        NCCL.loadNccl(new SystemLibraryLoader(),
                LibrarySearch.nccl(System.getProperty(NCCL_PROPERTY), System.getProperty(PYTHON_PROPERTY), System::getenv, Path.of("/")));
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

    synchronized void loadCublas(LibraryLoader loader, int driverMajor, LibrarySearch search) {
        List<String> names = new ArrayList<>();
        for (int major = Math.clamp(driverMajor, OLDEST_CUBLAS, NEWEST_CUBLAS); major >= OLDEST_CUBLAS; major--) {
            names.add("libcublas.so." + major);
        }
        load(loader, names, search, "cuBLAS", "install the CUDA toolkit's cuBLAS");
    }

    synchronized void loadNccl(LibraryLoader loader, LibrarySearch search) {
        load(loader, List.of(NCCL_NAME), search, "NCCL", "install libnccl2 or the wheel nvidia-nccl-cu13");
    }

    private void load(LibraryLoader loader, List<String> names, LibrarySearch search, String what, String remedy) {
        if (symbols != null) {
            return;
        }
        List<LibrarySearch.Place> places = search.places();
        List<String> failures = new ArrayList<>();
        for (LibrarySearch.Place place : places) {
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
        throw new MissingLibraryException("no %s: looked for %s in %s (%s); %s, or name its file by -D%s=FILE".formatted(what,
                String.join(", ", names), places.stream().map(LibrarySearch.Place::toString).collect(Collectors.joining(", ")), why, remedy,
                search.property()));
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
