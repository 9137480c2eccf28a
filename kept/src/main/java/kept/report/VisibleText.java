package kept.report;

import org.jline.utils.WCWidth;

/** Text of any origin on one line of a terminal: nothing in it is a command, and it takes no more columns than there are. */
final class VisibleText {
    private static final String CUT = "…";

    private VisibleText() { }

    /** The same with escapes for line breaks, control and invisible characters, such as {@code \n} and {@code \u001b}, and for backslashes. */
    static String escaped(String text) {
        var visible = new StringBuilder();
        text.codePoints().forEach(character -> {
            switch (character) {
                case '\n' -> visible.append("\\n");
                case '\r' -> visible.append("\\r");
                case '\t' -> visible.append("\\t");
                case '\\' -> visible.append("\\\\");
                default -> {
                    if (isVisible(character)) {
                        visible.appendCodePoint(character);
                    } else {
                        visible.append(character > 0xFFFF ? "\\U%08x".formatted(character) : "\\u%04x".formatted(character));
                    }
                }
            }
        });
        return visible.toString();
    }

    private static boolean isVisible(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE,
                    Character.PRIVATE_USE, Character.UNASSIGNED -> false;
            default -> true;
        };
    }

    /** An escaped token between quotation marks, so that its spaces are seen. */
    static String quoted(String text) {
        return '"' + escaped(text) + '"';
    }

    /** How many columns a terminal gives to a text without control characters. */
    static int columns(String text) {
        return text.codePoints().map(character -> Math.max(0, WCWidth.wcwidth(character))).sum();
    }

    /** The end of a text that takes at most so many columns. */
    static String end(String text, int columns) {
        if (columns(text) <= columns) {
            return text;
        }
        int from = text.length();
        int used = 1;
        while (from > 0) {
            int character = text.codePointBefore(from);
            used += Math.max(0, WCWidth.wcwidth(character));
            if (used > columns) {
                break;
            }
            from -= Character.charCount(character);
        }
        return CUT + text.substring(from);
    }

    /** The beginning of a text that takes at most so many columns. */
    static String beginning(String text, int columns) {
        if (columns(text) <= columns) {
            return text;
        }
        int to = 0;
        int used = 1;
        while (to < text.length()) {
            int character = text.codePointAt(to);
            used += Math.max(0, WCWidth.wcwidth(character));
            if (used > columns) {
                break;
            }
            to += Character.charCount(character);
        }
        return text.substring(0, to) + CUT;
    }
}
