package kept.template;

/** String methods that test character classes, such as {@code isdigit}. */
final class CharacterTests {
    private static final int ASCII = 128;

    private CharacterTests() {}

    static boolean holds(String text, String name) {
        return switch (name) {
            case "isascii" -> text.chars().allMatch(sign -> sign < ASCII);
            case "isprintable" -> text.codePoints().allMatch(Characters::isPrintable);
            case "islower" -> hasCase(text, false);
            case "isupper" -> hasCase(text, true);
            case "istitle" -> isTitle(text);
            case "isidentifier" -> isIdentifier(text);
            default -> !text.isEmpty() && text.codePoints().allMatch(sign -> holds(sign, name));
        };
    }

    private static boolean holds(int sign, String name) {
        return switch (name) {
            case "isspace" -> Characters.isSpace(sign);
            case "isalpha" -> Character.isLetter(sign);
            case "isdecimal" -> Character.isDigit(sign);
            case "isdigit" -> isDigit(sign);
            case "isnumeric" -> isNumeric(sign);
            default -> Character.isLetter(sign) || isNumeric(sign);
        };
    }

    /**
     * Digits of all scripts, superscripts and subscripts; other characters that Python counts as digits are rejected because Java has no data
     * for them.
     */
    private static boolean isDigit(int sign) {
        if (Character.isDigit(sign) || sign == 0xb2 || sign == 0xb3 || sign == 0xb9 || sign == 0x2070 || sign >= 0x2074 && sign <= 0x2079
                || sign >= 0x2080 && sign <= 0x2089) {
            return true;
        }
        if (Character.getType(sign) == Character.OTHER_NUMBER && sign != 0xbc && sign != 0xbd && sign != 0xbe) {
            throw TemplateException.unsupported("isdigit of U+%04X".formatted(sign));
        }
        return false;
    }

    private static boolean isNumeric(int sign) {
        int type = Character.getType(sign);
        if (type == Character.OTHER_LETTER && Character.isIdeographic(sign)) {
            return isNumberOfHan(sign);
        }
        return type == Character.DECIMAL_DIGIT_NUMBER || type == Character.OTHER_NUMBER || type == Character.LETTER_NUMBER;
    }

    private static boolean isNumberOfHan(int sign) {
        return "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u842c\u4e07\u5104\u4ebf\u5146".indexOf(sign) >= 0;
    }

    private static boolean hasCase(String text, boolean upper) {
        boolean cased = false;
        for (int i = 0; i < text.length();) {
            int sign = text.codePointAt(i);
            i += Character.charCount(sign);
            if (Character.isTitleCase(sign) || (upper ? Character.isLowerCase(sign) : Character.isUpperCase(sign))) {
                return false;
            }
            cased |= upper ? Character.isUpperCase(sign) : Character.isLowerCase(sign);
        }
        return cased;
    }

    private static boolean isTitle(String text) {
        boolean inside = false;
        boolean cased = false;
        for (int i = 0; i < text.length();) {
            int sign = text.codePointAt(i);
            i += Character.charCount(sign);
            boolean upper = Character.isUpperCase(sign) || Character.isTitleCase(sign);
            boolean lower = Character.isLowerCase(sign);
            if (upper && inside || lower && !inside) {
                return false;
            }
            inside = upper || lower;
            cased |= inside;
        }
        return cased;
    }

    private static boolean isIdentifier(String text) {
        if (text.isEmpty()) {
            return false;
        }
        int first = text.codePointAt(0);
        boolean begins = first == '_' || first != '$' && Character.isUnicodeIdentifierStart(first);
        return begins && text.codePoints().skip(1).allMatch(sign -> Character.isUnicodeIdentifierPart(sign)
                && !Character.isIdentifierIgnorable(sign));
    }
}
