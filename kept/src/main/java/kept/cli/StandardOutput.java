package kept.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.Charset;
import java.nio.charset.UnsupportedCharsetException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.text.Reasons;

/**
 * Standard output for results. A {@link PrintWriter} keeps errors to itself, so that a full disk or a closed pipe looks like success; this one ends
 * the program with the first of them, and takes nothing after it.
 */
public final class StandardOutput extends Writer {
    private static final int FILE_TYPE = 0170000;
    private static final int PIPE = 0010000;
    private static final int SOCKET = 0140000;

    private final Writer writer;
    private final boolean pipe;
    private boolean failed;

    private StandardOutput(Writer writer, boolean pipe) {
        this.writer = writer;
        this.pipe = pipe;
    }

    /** That of the process. */
    static PrintWriter ofProcess() {
        return over(new FileOutputStream(FileDescriptor.out), charset(), isPipe());
    }

    /**
     * Any stream in its place.
     *
     * @param stream receives the text
     * @param charset in what encoding
     * @param pipe whether it is a pipe: what refuses to be written then has no reader any more; messages of the system are in the user's language
     */
    public static PrintWriter over(OutputStream stream, Charset charset, boolean pipe) {
        return new PrintWriter(new StandardOutput(new OutputStreamWriter(stream, charset), pipe), true);
    }

    private static Charset charset() {
        try {
            return Charset.forName(System.getProperty("stdout.encoding", Charset.defaultCharset().name()));
        } catch (UnsupportedCharsetException e) {
            return Charset.defaultCharset();
        }
    }

    @Override
    public void write(char[] text, int from, int count) {
        attempt(() -> writer.write(text, from, count));
    }

    @Override
    public void flush() {
        attempt(writer::flush);
    }

    @Override
    public void close() {
        attempt(writer::close);
    }

    /** The attempted operation. */
    @FunctionalInterface
    private interface Attempt {
        void make() throws IOException;
    }

    private void attempt(Attempt attempt) {
        if (failed) {
            return;
        }
        try {
            attempt.make();
        } catch (IOException e) {
            failed = true;
            throw new Failure("[output] standard output " + (pipe ? "was closed by its reader" : "cannot be written: " + Reasons.of(e)), e);
        }
    }

    private static boolean isPipe() {
        try {
            int type = (int) Files.getAttribute(Path.of("/dev/stdout"), "unix:mode") & FILE_TYPE;
            return type == PIPE || type == SOCKET;
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return false;
        }
    }

    /** Nothing more can be printed. */
    static final class Failure extends UncheckedIOException {
        private static final long serialVersionUID = 1L;

        Failure(String message, IOException cause) {
            super(message, cause);
        }
    }
}
