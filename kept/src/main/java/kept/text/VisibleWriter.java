package kept.text;

import java.io.IOException;
import java.io.Writer;

/** Hands text on as {@link VisibleText#onTerminal} shows it, however it is cut into pieces. */
public final class VisibleWriter extends Writer {
    private final Writer target;
    /** The first half of a surrogate pair whose second half has not come yet; 0 for none. */
    private char half;

    /**
     * A writer in front of another.
     *
     * @param target where the text goes
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
