package kept.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.text.VisibleWriter;

/** Output for a terminal or not: on a terminal, text is shown so that it cannot control the terminal; elsewhere it is printed unchanged. */
final class Terminal {
    private static final int OUTPUT = 1;
    private static final int ERROR = 2;

    private Terminal() {}

    /** Results for standard output. */
    static PrintWriter output(PrintWriter writer) {
        return shown(writer, isTerminal(OUTPUT));
    }

    /** Notes for standard error. */
    static PrintWriter error(PrintWriter writer) {
        return shown(writer, isTerminal(ERROR));
    }

    /**
     * A writer to where a terminal may be.
     *
     * @param writer receives the text
     * @param terminal whether a terminal shows it
     * @return one that escapes what would command the terminal, or the same
     */
    static PrintWriter shown(PrintWriter writer, boolean terminal) {
        return terminal ? new PrintWriter(new VisibleWriter(writer), true) : writer;
    }

    /** The runtime's console only says whether input and output are both a terminal; Linux says it of each. */
    private static boolean isTerminal(int descriptor) {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException e) {
            return System.console() != null && System.console().isTerminal();
        }
    }
}
