package kept;

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

/**
 * Standard output for results. A {@link PrintWriter} keeps errors to itself, so that a full disk or a closed pipe looks like success; this one ends the
 * program with them.
 */
final class StandardOutput extends Writer {
    private static final int FILE_TYPE = 0170000;
    private static final int PIPE = 0010000;
    private static final int SOCKET = 0140000;

    private final Writer writer;

    private StandardOutput(Writer writer) {
        this.writer = writer;
    }

    /** That of the process. */
    static PrintWriter ofProcess() {
        return over(new FileOutputStream(FileDescriptor.out), charset());
    }

    /** Any stream in its place. */
    static PrintWriter over(OutputStream stream, Charset charset) {
        return new PrintWriter(new StandardOutput(new OutputStreamWriter(stream, charset)), true);
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

    /** What is tried. */
    @FunctionalInterface
    private interface Attempt {
        void make() throws IOException;
    }

    private static void attempt(Attempt attempt) {
        try {
            attempt.make();
        } catch (IOException e) {
            throw new Failure(e);
        }
    }

    /** Whether it is a pipe: what refuses to be written then has no reader any more. Messages of the system are in the user's language. */
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

        Failure(IOException cause) {
            super("[output] " + (isPipe() ? "standard output was closed by its reader" : "standard output cannot be written: " + cause.getMessage()),
                    cause);
        }
    }
}
