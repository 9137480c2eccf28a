package kept.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A shared library of a peer, which {@code bin/bench} downloads.
 *
 * @param file its file
 * @param symbols its functions
 */
record NativeLibrary(Path file, SymbolLookup symbols) {
    /**
     * Loads a library.
     *
     * @param directory system property with its directory
     * @param name matches its file name, which depends on the system and the version
     * @throws IllegalStateException if it is not there or cannot be loaded; the message names the reason
     */
    static NativeLibrary load(String directory, Pattern name) {
        return load(find(System.getProperty(directory), name));
    }

    private static Path find(String directory, Pattern name) {
        if (directory == null || !Files.isDirectory(Path.of(directory))) {
            throw new IllegalStateException("it has not been downloaded (bin/bench does that; --no-peer measures without it)");
        }
        try (Stream<Path> files = Files.list(Path.of(directory))) {
            return files.filter(file -> name.matcher(file.getFileName().toString()).matches()).findFirst()
                    .orElseThrow(() -> new IllegalStateException("%s has no library for this system; delete it to download it again"
                            .formatted(directory))).toAbsolutePath();
        } catch (IOException e) {
            throw new IllegalStateException("%s cannot be read: %s".formatted(directory, e), e);
        }
    }

    @SuppressWarnings("restricted")
    private static NativeLibrary load(Path file) {
        try {
            return new NativeLibrary(file, SymbolLookup.libraryLookup(file, Arena.global()));
        } catch (IllegalArgumentException e) {
            throw new IllegalStateException("it cannot be loaded: " + reason(file, e.getMessage()), e);
        }
    }

    /** The message of the system's linker, which a lookup drops. */
    @SuppressWarnings("restricted")
    private static String reason(Path file, String otherwise) {
        try {
            System.load(file.toString());
            return otherwise;
        } catch (UnsatisfiedLinkError e) {
            return e.getMessage();
        }
    }

    /**
     * Returns a function.
     *
     * @param name its symbol
     * @param type its result and parameters
     * @param options how it is called
     * @throws java.util.NoSuchElementException if the library has no such function
     */
    @SuppressWarnings("restricted")
    MethodHandle function(String name, FunctionDescriptor type, Linker.Option... options) {
        return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), type, options);
    }

    /** Calls a function; for calls whose time does not matter, since arguments are boxed. */
    static Object call(MethodHandle function, Object... arguments) {
        try {
            return function.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
