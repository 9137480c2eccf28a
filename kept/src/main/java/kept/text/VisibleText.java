package kept.text;

/**
 * Makes untrusted text safe to show on a terminal: no control sequences, no change of writing direction, no invisible characters; and limits a line
 * to a number of columns.
 */
public final class VisibleText {
    private static final String CUT = "…";
    private static final int ZERO_WIDTH_NON_JOINER = 0x200C;
    private static final int ZERO_WIDTH_JOINER = 0x200D;

    private VisibleText() { }

    /**
     * Escapes a text to one line: line breaks, control and invisible characters, such as {@code \n} and {@code \u001b}, and backslashes.
     *
     * @param text any text
     * @return the unambiguous escaped text
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
     * Escapes text for a terminal: line breaks and tabs stay, as do the joiners used in emoji and in Indic and Persian scripts; other control and
     * format characters, which move the cursor, change the direction or are invisible, are escaped.
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
     * Escapes a text to one line and shortens it.
     *
     * @param text any text
     * @param characters the maximum number of characters shown
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
     * Escapes a token and puts it in quotation marks, so that its spaces are visible.
     *
     * @param text the token
     * @return it on one line
     */
    public static String quoted(String text) {
        return '"' + escaped(text) + '"';
    }

    /**
     * The number of terminal columns of a text without control characters.
     *
     * @param text the text
     * @return the number
     */
    public static int columns(String text) {
        return text.codePoints().map(character -> CharacterWidth.of(character)).sum();
    }

    /**
     * The end of a text that fits into a number of columns.
     *
     * @param text the text
     * @param columns how many
     * @return the end, preceded by an ellipsis if text is omitted
     */
    public static String end(String text, int columns) {
        if (columns(text) <= columns) {
            return text;
        }
        int from = text.length();
        int used = 1;
        while (from > 0) {
            int character = text.codePointBefore(from);
            used += CharacterWidth.of(character);
            if (used > columns) {
                break;
            }
            from -= Character.charCount(character);
        }
        return CUT + text.substring(from);
    }

    /**
     * The beginning of a text that fits into a number of columns.
     *
     * @param text the text
     * @param columns how many
     * @return the beginning, followed by an ellipsis if text is omitted
     */
    public static String beginning(String text, int columns) {
        if (columns(text) <= columns) {
            return text;
        }
        int to = 0;
        int used = 1;
        while (to < text.length()) {
            int character = text.codePointAt(to);
            used += CharacterWidth.of(character);
            if (used > columns) {
                break;
            }
            to += Character.charCount(character);
        }
        return text.substring(0, to) + CUT;
    }
}
