package kept.template;

import java.util.Locale;

/** Python's character classes, and string operations that count in code points. */
final class Characters {
    private Characters() {}

    /** White space as in {@code str.isspace} and {@code \s}; all of it is in the Basic Multilingual Plane. */
    static boolean isSpace(int sign) {
        return sign >= 0x09 && sign <= 0x0d || sign >= 0x1c && sign <= 0x20 || sign == 0x85 || sign == 0xa0 || sign == 0x1680
                || sign >= 0x2000 && sign <= 0x200a || sign == 0x2028 || sign == 0x2029 || sign == 0x202f || sign == 0x205f || sign == 0x3000;
    }

    static boolean isSpace(String text, int from, int to) {
        for (int i = from; i < to; i++) {
            if (!isSpace(text.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    /** Line breaks as in {@code str.splitlines}. */
    static boolean isLineBreak(int sign) {
        return sign >= 0x0a && sign <= 0x0d || sign >= 0x1c && sign <= 0x1e || sign == 0x85 || sign == 0x2028 || sign == 0x2029;
    }

    static String stripStart(String text) {
        int begin = 0;
        while (begin < text.length() && isSpace(text.charAt(begin))) {
            begin++;
        }
        return text.substring(begin);
    }

    static String stripEnd(String text) {
        int end = text.length();
        while (end > 0 && isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end);
    }

    static String strip(String text) {
        return stripStart(stripEnd(text));
    }

    /** Characters that {@code repr} does not escape. */
    static boolean isPrintable(int sign) {
        return sign == ' ' || switch (Character.getType(sign)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED, Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR -> false;
            default -> true;
        };
    }

    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** Whether every code point is one char, so that both indices are equal. */
    private static boolean isBasic(String text) {
        return length(text) == text.length();
    }

    /** The substring between two code point indices. */
    static String slice(String text, int from, int to) {
        if (isBasic(text)) {
            return text.substring(from, to);
        }
        int begin = text.offsetByCodePoints(0, from);
        return text.substring(begin, text.offsetByCodePoints(begin, to - from));
    }

    /** The char offset of a code point index. */
    static int offset(String text, int place) {
        return isBasic(text) ? place : text.offsetByCodePoints(0, place);
    }

    /**
     * Finds the first occurrence, in linear time for any text and pattern.
     *
     * @return its char offset, or -1
     */
    static int indexOf(String text, String part, int from) {
        if (part.length() <= SHORT || part.length() > text.length() - from) {
            return text.indexOf(part, from);
        }
        int[] borders = borders(part);
        int matched = 0;
        for (int i = from; i < text.length(); i++) {
            while (matched > 0 && text.charAt(i) != part.charAt(matched)) {
                matched = borders[matched - 1];
            }
            if (text.charAt(i) == part.charAt(matched)) {
                matched++;
            }
            if (matched == part.length()) {
                return i - matched + 1;
            }
        }
        return -1;
    }

    private static final int SHORT = 16;

    /** The failure function of Knuth, Morris and Pratt: for each prefix, the length of its longest proper prefix that is also its suffix. */
    private static int[] borders(String part) {
        var borders = new int[part.length()];
        int matched = 0;
        for (int i = 1; i < part.length(); i++) {
            while (matched > 0 && part.charAt(i) != part.charAt(matched)) {
                matched = borders[matched - 1];
            }
            if (part.charAt(i) == part.charAt(matched)) {
                matched++;
            }
            borders[i] = matched;
        }
        return borders;
    }

    /** Title case of one character, which may become several. */
    static String toTitle(int sign) {
        int simple = Character.toTitleCase(sign);
        String upper = Character.toString(sign).toUpperCase(Locale.ROOT);
        if (simple != sign || upper.codePointCount(0, upper.length()) == 1) {
            return Character.toString(simple);
        }
        int first = upper.codePointAt(0);
        String rest = upper.substring(Character.charCount(first));
        // U+0149: the first part is not a cased letter and is kept before the capital.
        return Character.isLetter(first) && Character.toLowerCase(first) == first ? upper
                : Character.toString(first) + rest.toLowerCase(Locale.ROOT);
    }

    static boolean isCased(int sign) {
        return Character.isUpperCase(sign) || Character.isLowerCase(sign) || Character.isTitleCase(sign);
    }
}
