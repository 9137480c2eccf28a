package kept.cuda.library;

import java.lang.foreign.SymbolLookup;

/** Loads shared libraries; tests replace it. */
interface Linking {
    /**
     * Loads a library for the rest of the process.
     *
     * @param library path, or a name that the system's dynamic linker searches for
     * @return symbols of the library
     * @throws LinkageException if the library cannot be loaded
     */
    SymbolLookup open(String library) throws LinkageException;

    /** Carries the message of the dynamic linker. */
    final class LinkageException extends Exception {
        private static final long serialVersionUID = 1L;

        LinkageException(String message) {
            super(message);
        }
    }
}
