package kept.cuda.library;

import java.lang.foreign.SymbolLookup;

/** Loads shared libraries; tests replace it. */
interface LibraryLoader {
    /**
     * Loads a library for the rest of the process.
     *
     * @param library path, or a name that the system's dynamic linker searches for
     * @return symbols of the library
     * @throws LoadException if the library cannot be loaded
     */
    SymbolLookup open(String library) throws LoadException;

    /** Carries the message of the dynamic linker. */
    final class LoadException extends Exception {
        private static final long serialVersionUID = 1L;

        LoadException(String message) {
            super(message);
        }
    }
}
