package kept.template;

/** The escapes of string literals, as in Python. */
final class StringEscapes {
    private static final int ASCII = 128;

    private StringEscapes() {}

    /** Decodes the text between the quotes. */
    static String decode(String literal) {
        if (literal.indexOf('\\') < 0) {
            return literal;
        }
        String text = ascii(literal);
        var value = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char sign = text.charAt(i);
            if (sign != '\\') {
                value.append(sign);
            } else {
                i = escape(text, i + 1, value);
            }
        }
        return value.toString();
    }

    /** Jinja2 escapes non-ASCII characters before it decodes escapes, so a backslash before such a character escapes the backslash of its escape. */
    private static String ascii(String literal) {
        if (literal.chars().allMatch(sign -> sign < ASCII)) {
            return literal;
        }
        var text = new StringBuilder();
        literal.codePoints().forEach(sign -> {
            if (sign < ASCII) {
                text.append((char) sign);
            } else {
                text.append(sign < 0x100 ? "\\x%02x".formatted(sign) : sign < 0x10000 ? "\\u%04x".formatted(sign) : "\\U%08x".formatted(sign));
            }
        });
        return text.toString();
    }

    /** Decodes the escape whose letter is at an index and returns the index of its last character. */
    private static int escape(String text, int at, StringBuilder value) {
        char letter = at < text.length() ? text.charAt(at) : 0;
        switch (letter) {
            case '\n' -> { }
            case '\\', '\'', '"' -> value.append(letter);
            case 'a' -> value.append('\u0007');
            case 'b' -> value.append('\b');
            case 'f' -> value.append('\f');
            case 'n' -> value.append('\n');
            case 'r' -> value.append('\r');
            case 't' -> value.append('\t');
            case 'v' -> value.append('\u000b');
            case 'x' -> {
                return hexadecimal(text, at + 1, 2, value);
            }
            case 'u' -> {
                return hexadecimal(text, at + 1, 4, value);
            }
            case 'U' -> {
                return hexadecimal(text, at + 1, 8, value);
            }
            case 'N' -> {
                return named(text, at + 1, value);
            }
            case '0', '1', '2', '3', '4', '5', '6', '7' -> {
                int end = at;
                int code = 0;
                while (end < text.length() && end < at + 3 && text.charAt(end) >= '0' && text.charAt(end) <= '7') {
                    code = code * 8 + text.charAt(end++) - '0';
                }
                value.append((char) code);
                return end - 1;
            }
            default -> value.append('\\').append(letter);
        }
        return at;
    }

    private static int hexadecimal(String text, int from, int length, StringBuilder value) {
        long code = 0;
        for (int i = from; i < from + length; i++) {
            int digit = i < text.length() ? Character.digit(text.charAt(i), 16) : -1;
            if (digit < 0) {
                throw new TemplateException("a string has an escape with too few hexadecimal digits");
            }
            code = code * 16 + digit;
        }
        if (code > Character.MAX_CODE_POINT) {
            throw new TemplateException("a string has an escape beyond U+10FFFF");
        }
        if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
            throw TemplateException.unsupported("a string with a surrogate (U+%04X), which is no character,".formatted(code));
        }
        value.appendCodePoint((int) code);
        return from + length - 1;
    }

    private static int named(String text, int from, StringBuilder value) {
        int end = from < text.length() && text.charAt(from) == '{' ? text.indexOf('}', from) : -1;
        if (end < 0) {
            throw new TemplateException("a string has \\N without the name of a character");
        }
        try {
            value.appendCodePoint(Character.codePointOf(text.substring(from + 1, end)));
        } catch (IllegalArgumentException e) {
            throw new TemplateException("a string names a character that is not known: " + text.substring(from + 1, end));
        }
        return end;
    }
}
