package kept.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import kept.io.AtomicFiles;
import kept.tensor.TensorException;
import kept.text.Reasons;
import kept.text.VisibleText;

/** Failures as one line for the user: what is wrong, and what to do. */
final class Failures {
    private static final String NO_FILES = "Too many open files";

    private Failures() {}

    /**
     * Returns the line of any failure.
     *
     * @param failure an exception of ours, whose message is the line, or any other exception or error
     */
    static String line(Throwable failure) {
        String message = switch (failure) {
            case TensorException expected -> expected.getMessage();
            case ProgramException expected -> expected.getMessage();
            case OutOfMemoryError error -> outOfMemory(error);
            case StackOverflowError _ -> "[memory] the stack is full: what was read is nested too deeply, or KEPT_JAVA_OPTIONS=-Xss16m gives more";
            case InternalError error when isLostPage(error) ->
                "[read] a file that is read was shortened meanwhile, or its disk cannot be read; nothing may write to it while the program runs";
            case StandardOutput.Failure printing -> printing.getMessage();
            case InvalidPathException path -> "[path] '%s': %s".formatted(path.getInput(), Reasons.of(path));
            case UncheckedIOException io -> "[file] " + AtomicFiles.reason(io.getCause());
            case NoClassDefFoundError missing -> unloaded(missing);
            default -> unexpected(failure);
        };
        return oneLine(message);
    }

    private static String outOfMemory(OutOfMemoryError error) {
        String message = String.valueOf(error.getMessage());
        if (message.contains("direct") || message.contains("thread")) {
            return "[memory] %s; less at a time (--threads, a smaller batch) or more memory helps".formatted(message);
        }
        return "[memory] the Java heap of %d MiB is full; KEPT_JAVA_OPTIONS=-Xmx8g gives bin/kept more"
                .formatted(Runtime.getRuntime().maxMemory() >> 20);
    }

    /** Classes are read from the program's files while it runs, which fails where no more files can be opened. */
    private static String unloaded(NoClassDefFoundError missing) {
        String line = unexpected(missing);
        return line.startsWith("[file]") ? line : ("[program] %s cannot be read from the program's files: they are damaged or being built again, "
                + "or the system lets this process open no more files (ulimit -n 1024 before it allows more)").formatted(missing.getMessage());
    }

    /** The JVM's error for a page of a mapped file that cannot be read. */
    private static boolean isLostPage(InternalError error) {
        return error.getMessage() != null && error.getMessage().contains("unsafe memory access");
    }

    /** An unexpected exception, or an error of the system that caused it. */
    private static String unexpected(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException && String.valueOf(cause.getMessage()).contains(NO_FILES)) {
                return "[file] the system lets this process open no more files (%s); ulimit -n 1024 before it allows more"
                        .formatted(cause.getMessage());
            }
        }
        return "unexpected failure, please report it (--debug shows where): " + failure;
    }

    private static String oneLine(String message) {
        return VisibleText.onTerminal(String.valueOf(message).strip().replaceAll("\\s*\\R\\s*", " "));
    }
}
