package kept.cuda.virtual;

import java.util.ArrayList;
import java.util.List;

/** The tokens of a PTX text with their lines, without comments and white space. */
final class PtxTokens {
    private final String file;
    private final List<String> texts = new ArrayList<>();
    private final List<Integer> lines = new ArrayList<>();
    private int position;

    PtxTokens(String file, String text) {
        this.file = file;
        int line = 1;
        int at = 0;
        while (at < text.length()) {
            char c = text.charAt(at);
            if (c == '\n') {
                line++;
                at++;
            } else if (Character.isWhitespace(c) || c == 0) {
                at++;
            } else if (text.startsWith("//", at)) {
                at = end(text.indexOf('\n', at), text);
            } else if (text.startsWith("/*", at)) {
                int stop = text.indexOf("*/", at);
                line += (int) text.substring(at, end(stop, text)).chars().filter(x -> x == '\n').count();
                at = stop < 0 ? text.length() : stop + 2;
            } else {
                int stop = at + 1;
                if (c == '"') {
                    stop = end(text.indexOf('"', stop), text) + 1;
                } else if (word(c)) {
                    while (stop < text.length() && (word(text.charAt(stop)) || cacheHint(text, stop))) {
                        stop += text.charAt(stop) == ':' ? 2 : 1;
                    }
                }
                texts.add(text.substring(at, Math.min(stop, text.length())));
                lines.add(line);
                at = stop;
            }
        }
    }

    private static int end(int index, String text) {
        return index < 0 ? text.length() : index;
    }

    private static boolean word(char c) {
        return Character.isLetterOrDigit(c) || c == '_' || c == '$' || c == '%' || c == '.';
    }

    /** The two colons of {@code .L2::128B}. */
    private static boolean cacheHint(String text, int at) {
        return text.startsWith("::", at);
    }

    boolean atEnd() {
        return position == texts.size();
    }

    int line() {
        return lines.isEmpty() ? 1 : lines.get(Math.min(position, lines.size() - 1));
    }

    String peek() {
        if (atEnd()) {
            throw error("the text ends in the middle of a statement");
        }
        return texts.get(position);
    }

    boolean next(String text) {
        return !atEnd() && texts.get(position).equals(text);
    }

    /** Returns whether the token after the next one equals the text. */
    boolean afterNext(String text) {
        return position + 1 < texts.size() && texts.get(position + 1).equals(text);
    }

    String take() {
        String text = peek();
        position++;
        return text;
    }

    boolean accept(String text) {
        if (next(text)) {
            position++;
            return true;
        }
        return false;
    }

    void expect(String text) {
        if (!accept(text)) {
            throw error("expected '" + text + "', found '" + (atEnd() ? "the end" : peek()) + "'");
        }
    }

    /** Skips the rest of the line of the last token. */
    void skipLine() {
        int line = lines.get(position - 1);
        while (!atEnd() && lines.get(position) == line) {
            position++;
        }
    }

    PtxException error(String message) {
        return new PtxException(file, line(), message);
    }
}
