package kept;

import java.io.PrintStream;

/** Dispatches {@code kept <command> [arguments]} to the program of that name. */
public final class Main {
    private static final int WRONG_USAGE = 2;

    private Main() {}

    /**
     * Runs one command and ends the process: exit code 0 for success, 1 for failure, 2 for wrong usage.
     *
     * @param arguments the command and its arguments
     */
    public static void main(String[] arguments) {
        System.exit(run(arguments, System.out, System.err));
    }

    static int run(String[] arguments, PrintStream out, PrintStream err) {
        if (arguments.length == 1 && (arguments[0].equals("--help") || arguments[0].equals("-h"))) {
            out.println("usage: kept <command> [arguments]");
            return 0;
        }
        if (arguments.length > 0) {
            err.println("kept: unknown command '" + arguments[0] + "'");
        }
        err.println("usage: kept <command> [arguments]");
        return WRONG_USAGE;
    }
}
