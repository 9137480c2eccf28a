package kept.distributed.mpi;

import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import kept.distributed.RankException;

/**
 * An MPI library that is loaded, with its binary interface.
 *
 * @param file the path, or the name that the dynamic linker has resolved
 * @param abi its interface
 * @param symbols what it exports
 */
record MpiLibrary(String file, MpiAbi abi, SymbolLookup symbols) {
    /** System property with the file of the library. */
    static final String PROPERTY = "kept.mpi";

    /** Loads shared libraries; tests replace it. */
    @FunctionalInterface
    interface Loader {
        /**
         * Loads a library for the rest of the process.
         *
         * @param library a path, or a name that the dynamic linker searches for
         * @return what it exports
         * @throws LoadException if it cannot be loaded
         */
        SymbolLookup open(String library) throws LoadException;
    }

    /** Carries the message of the dynamic linker. */
    static final class LoadException extends Exception {
        private static final long serialVersionUID = 1L;

        LoadException(String message) {
            super(message);
        }
    }

    /**
     * Loads the library that belongs to a launcher.
     *
     * @param launcher the launcher, or null if only the library knows it
     * @param named the value of {@value #PROPERTY}, or null
     * @param loader loads libraries
     * @return the library
     * @throws RankException if there is none, or the named one belongs to another launcher
     */
    static MpiLibrary load(MpiLauncher launcher, String named, Loader loader) {
        return named != null ? loadNamed(launcher, named, loader) : search(launcher, loader);
    }

    private static MpiLibrary loadNamed(MpiLauncher launcher, String named, Loader loader) {
        SymbolLookup symbols;
        try {
            symbols = loader.open(named);
        } catch (LoadException e) {
            throw new RankException("[ranks] -D%s=%s cannot be loaded: %s".formatted(PROPERTY, named, e.getMessage()));
        }
        if (symbols.find("MPI_Init_thread").isEmpty()) {
            throw new RankException("[ranks] -D%s=%s is no MPI library: it has no MPI_Init_thread".formatted(PROPERTY, named));
        }
        MpiAbi abi = MpiAbi.of(named, symbols);
        if (launcher != null && !launcher.families().contains(abi)) {
            throw new RankException(("[ranks] %s has started this process, but -D%s=%s is of %s; use that library's own mpirun, or leave the option "
                    + "out").formatted(launcher.name(), PROPERTY, named, abi.label()));
        }
        return new MpiLibrary(named, abi, symbols);
    }

    private static MpiLibrary search(MpiLauncher launcher, Loader loader) {
        Set<String> names = new LinkedHashSet<>();
        launcher.families().forEach(family -> names.addAll(names(family)));
        List<String> failures = new ArrayList<>();
        for (String name : names) {
            try {
                SymbolLookup symbols = loader.open(name);
                MpiAbi abi = MpiAbi.of(name, symbols);
                if (launcher.families().contains(abi)) {
                    return new MpiLibrary(name, abi, symbols);
                }
                failures.add(name + " is of " + abi.label());
            } catch (LoadException e) {
                failures.add(e.getMessage());
            }
        }
        // What the linker says about a file that it has found helps more than that it has not found another.
        String why = failures.stream().filter(failure -> names.stream().noneMatch(name -> failure.startsWith(name + ":"))).findFirst()
                .orElse(failures.getFirst());
        throw new RankException("[ranks] %s has started this process, but its library is not found (%s): looked for %s; name its file by -D%s=FILE"
                .formatted(launcher.name(), why, String.join(", ", names), PROPERTY));
    }

    /** The names that libraries of a family are installed under. */
    private static List<String> names(MpiAbi family) {
        return switch (family) {
            case OPEN_MPI -> List.of("libmpi.so.40");
            case MPICH -> List.of("libmpich.so.12", "libmpi.so.12");
            case STANDARD -> List.of("libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi_abi.so");
        };
    }
}
