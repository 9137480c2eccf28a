package kept.text;

import java.io.IOException;
import java.io.Writer;

/** Passes text on as {@link VisibleText#onTerminal} shows it, independent of how it is split into pieces. */
public final class VisibleWriter extends Writer {
    private final Writer target;
    /** The first half of a surrogate pair whose second half has not arrived yet; 0 if none. */
    private char half;

    /**
     * Creates a filter in front of a writer.
     *
     * @param target receives the text
     */
    public VisibleWriter(Writer target) {
        this.target = target;
    }

    @Override
    public void write(char[] characters, int offset, int count) throws IOException {
        synchronized (lock) {
            if (count == 0) {
                return;
            }
            var piece = new StringBuilder(count + 1);
            if (half != 0) {
                piece.append(half);
                half = 0;
            }
            piece.append(characters, offset, count);
            char last = piece.charAt(piece.length() - 1);
            if (Character.isHighSurrogate(last)) {
                half = last;
                piece.setLength(piece.length() - 1);
            }
            target.write(VisibleText.onTerminal(piece.toString()));
        }
    }

    @Override
    public void flush() throws IOException {
        target.flush();
    }

    @Override
    public void close() throws IOException {
        synchronized (lock) {
            if (half != 0) {
                target.write(VisibleText.onTerminal(String.valueOf(half)));
                half = 0;
            }
            target.close();
        }
    }
}
