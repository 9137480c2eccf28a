package kept.text;

import org.jline.utils.WCWidth;

/**
 * Text of any origin on a terminal: nothing in it is a command, turns the direction of writing, or hides; and on one line it takes no more columns
 * than there are.
 */
public final class VisibleText {
    private static final String CUT = "…";
    private static final int ZERO_WIDTH_NON_JOINER = 0x200C;
    private static final int ZERO_WIDTH_JOINER = 0x200D;

    private VisibleText() { }

    /**
     * Text on one line, with escapes for line breaks, control and invisible characters, such as {@code \n} and {@code \u001b}, and for backslashes.
     *
     * @param text any text
     * @return the same without ambiguity
     */
    public static String escaped(String text) {
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
                        appendEscape(visible, character);
                    }
                }
            }
        });
        return visible.toString();
    }

    private static void appendEscape(StringBuilder visible, int character) {
        visible.append(character > 0xFFFF ? "\\U%08x".formatted(character) : "\\u%04x".formatted(character));
    }

    /**
     * Text as a terminal may be given it: line breaks and tabs stay, and so do the joiners of emoji and of Indic and Persian script; other control
     * characters and those of formatting, which move the cursor, change the direction or cannot be seen, are escaped.
     *
     * @param text any text
     * @return the same, harmless
     */
    public static String onTerminal(String text) {
        if (text.codePoints().allMatch(VisibleText::isHarmless)) {
            return text;
        }
        var visible = new StringBuilder(text.length() + 16);
        text.codePoints().forEach(character -> {
            if (isHarmless(character)) {
                visible.appendCodePoint(character);
            } else {
                appendEscape(visible, character);
            }
        });
        return visible.toString();
    }

    private static boolean isHarmless(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL -> character == '\n' || character == '\t';
            case Character.FORMAT -> character == ZERO_WIDTH_JOINER || character == ZERO_WIDTH_NON_JOINER;
            case Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE -> false;
            default -> true;
        };
    }

    /**
     * Text on one line, escaped, and cut where it is long.
     *
     * @param text any text
     * @param characters how many of them are shown at most
     * @return its beginning
     */
    public static String shortened(String text, int characters) {
        return text.codePointCount(0, text.length()) <= characters ? escaped(text)
                : escaped(text.substring(0, text.offsetByCodePoints(0, characters))) + CUT;
    }

    private static boolean isVisible(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE,
                    Character.PRIVATE_USE, Character.UNASSIGNED -> false;
            default -> true;
        };
    }

    /**
     * An escaped token between quotation marks, so that its spaces are seen.
     *
     * @param text the token
     * @return it on one line
     */
    public static String quoted(String text) {
        return '"' + escaped(text) + '"';
    }

    /**
     * How many columns a terminal gives to a text without control characters.
     *
     * @param text the text
     * @return the number
     */
    public static int columns(String text) {
        return text.codePoints().map(character -> Math.max(0, WCWidth.wcwidth(character))).sum();
    }

    /**
     * The end of a text that takes at most so many columns.
     *
     * @param text the text
     * @param columns how many
     * @return the end, behind a mark where something is left out
     */
    public static String end(String text, int columns) {
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

    /**
     * The beginning of a text that takes at most so many columns.
     *
     * @param text the text
     * @param columns how many
     * @return the beginning, before a mark where something is left out
     */
    public static String beginning(String text, int columns) {
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
