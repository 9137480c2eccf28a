package kept.cuda.library;

import java.lang.foreign.SymbolLookup;

/** How a shared library is loaded: the seam of the tests. */
interface Linking {
    /**
     * Loads a library for the rest of the process.
     *
     * @param library a path, or a name for the system's linker to search
     * @return its symbols
     * @throws LinkageException if it cannot be loaded
     */
    SymbolLookup open(String library) throws LinkageException;

    /** The linker's own message. */
    final class LinkageException extends Exception {
        private static final long serialVersionUID = 1L;

        LinkageException(String message) {
            super(message);
        }
    }
}
