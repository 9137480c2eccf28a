package kept.template;

import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Splits a template into tokens, with Jinja2's white space rules: removes the line break after a block or comment (trim_blocks), blanks before one
 * that starts its line (lstrip_blocks), and one line break at the end of the template; {@code -} strips all white space on its side, {@code +}
 * keeps it.
 */
final class Lexer {
    private static final List<String> OPERATORS = List.of("//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
            "}",
            ">", "<", "=", ".", ":", "|", ",", ";");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int position;
    private int line = 1;
    private int counted;
    /** Whether the text read so far ended with a line break. */
    private boolean lineStarting = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String source) {
        String lines = source.replace("\r\n", "\n").replace('\r', '\n');
        var lexer = new Lexer(lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines);
        lexer.template();
        return lexer.tokens;
    }

    private int line() {
        for (; counted < position; counted++) {
            if (source.charAt(counted) == '\n') {
                line++;
            }
        }
        return line;
    }

    private TemplateException failure(String message) {
        return new TemplateException(message, line(), false);
    }

    private void add(Token.Kind kind, String text) {
        tokens.add(new Token(kind, text, line()));
    }

    private void template() {
        while (position < source.length()) {
            int tag = nextTag();
            if (tag < 0) {
                add(Token.Kind.DATA, source.substring(position));
                break;
            }
            String text = source.substring(position, tag);
            char kind = source.charAt(tag + 1);
            char sign = signAt(tag + 2);
            data(text, kind != '{', sign);
            position = tag;
            int raw = kind == '%' ? rawBegin(tag + 2 + (sign == 0 ? 0 : 1)) : -1;
            if (raw >= 0) {
                raw(raw);
            } else {
                int inside = tag + 2 + (sign == 0 ? 0 : 1);
                switch (kind) {
                    case '#' -> comment(inside);
                    case '%' -> tag(Token.Kind.BLOCK_BEGIN, Token.Kind.BLOCK_END, inside);
                    default -> tag(Token.Kind.VARIABLE_BEGIN, Token.Kind.VARIABLE_END, inside);
                }
            }
        }
        position = source.length();
        add(Token.Kind.END, "");
    }

    private int nextTag() {
        for (int at = source.indexOf('{', position); at >= 0 && at + 1 < source.length(); at = source.indexOf('{', at + 1)) {
            if ("{%#".indexOf(source.charAt(at + 1)) >= 0) {
                return at;
            }
        }
        return -1;
    }

    private char signAt(int at) {
        return at < source.length() && "-+".indexOf(source.charAt(at)) >= 0 ? source.charAt(at) : 0;
    }

    /** Text before a tag, without the white space that the tag strips. */
    private void data(String text, boolean block, char sign) {
        String kept = text;
        if (sign == '-') {
            kept = Characters.stripEnd(text);
        } else if (sign == 0 && block) {
            int lineBegin = text.lastIndexOf('\n') + 1;
            if ((lineBegin > 0 || lineStarting) && Characters.isSpace(text, lineBegin, text.length())) {
                kept = text.substring(0, lineBegin);
            }
        }
        if (!kept.isEmpty()) {
            add(Token.Kind.DATA, kept);
        }
    }

    private int skipSpace(int from) {
        int at = from;
        while (at < source.length() && Characters.isSpace(source.charAt(at))) {
            at++;
        }
        return at;
    }

    private void moveTo(int next) {
        lineStarting = next > 0 && next > position ? source.charAt(next - 1) == '\n' : lineStarting;
        position = next;
    }

    /** The start of the text of a raw block, or -1 if this is not a raw block. */
    private int rawBegin(int inside) {
        int at = skipSpace(inside);
        if (!source.startsWith("raw", at)) {
            return -1;
        }
        at = skipSpace(at + 3);
        return source.startsWith("%}", at) ? at + 2 : source.startsWith("-%}", at) ? skipSpace(at + 3) : -1;
    }

    private void raw(int begin) {
        moveTo(begin);
        for (int at = source.indexOf("{%", begin); at >= 0; at = source.indexOf("{%", at + 1)) {
            char sign = signAt(at + 2);
            int word = skipSpace(at + 2 + (sign == 0 ? 0 : 1));
            if (source.startsWith("endraw", word)) {
                int end = end(skipSpace(word + 6), "%}", true);
                if (end >= 0) {
                    data(source.substring(begin, at), true, sign);
                    moveTo(end);
                    return;
                }
            }
        }
        if (begin < source.length()) {
            throw failure("Missing end of raw directive");
        }
    }

    private void comment(int inside) {
        int close = source.indexOf("#}", inside);
        if (inside == source.length()) {
            moveTo(inside);                                     // nothing follows: Jinja2 ends here too
            return;
        }
        if (close < 0) {
            throw failure("Missing end of comment tag");
        }
        moveTo(end(close > inside && signAt(close - 1) != 0 ? close - 1 : close, "#}", true));
    }

    /** The end of a closing tag at this position, including the white space it strips; -1 if there is none. */
    private int end(int at, String close, boolean block) {
        if (source.startsWith("-" + close, at)) {
            return skipSpace(at + 1 + close.length());
        }
        if (block && source.startsWith("+" + close, at)) {
            return at + 1 + close.length();
        }
        if (source.startsWith(close, at)) {
            int after = at + close.length();
            return block && source.startsWith("\n", after) ? after + 1 : after;
        }
        return -1;
    }

    private void tag(Token.Kind begin, Token.Kind end, int inside) {
        add(begin, "");
        moveTo(inside);
        boolean block = begin == Token.Kind.BLOCK_BEGIN;
        Deque<Character> open = new ArrayDeque<>();
        while (position < source.length()) {
            if (open.isEmpty()) {
                int after = end(position, block ? "%}" : "}}", block);
                if (after >= 0) {
                    add(end, "");
                    moveTo(after);
                    return;
                }
            }
            int space = skipSpace(position);
            if (space > position) {
                moveTo(space);
            } else {
                moveTo(expression(open));
            }
        }
    }

    /** Reads one token of an expression and returns its end. */
    private int expression(Deque<Character> open) {
        char first = source.charAt(position);
        if (isDigit(first)) {
            return number();
        }
        if (isWord(first)) {
            int end = position;
            while (end < source.length() && isWord(source.charAt(end))) {
                end++;
            }
            add(Token.Kind.NAME, source.substring(position, end));
            return end;
        }
        if (first == '\'' || first == '"') {
            return string(first);
        }
        for (String operator : OPERATORS) {
            if (source.startsWith(operator, position)) {
                balance(operator.charAt(0), open);
                add(Token.Kind.OPERATOR, operator);
                return position + operator.length();
            }
        }
        int character = source.codePointAt(position);
        throw failure(Character.isUnicodeIdentifierStart(character) ? "names of other letters than a to z are not supported"
                : "unexpected char " + Text.quote(Character.toString(character)));
    }

    private void balance(char operator, Deque<Character> open) {
        switch (operator) {
            case '(' -> open.push(')');
            case '[' -> open.push(']');
            case '{' -> open.push('}');
            case ')', ']', '}' -> {
                if (open.isEmpty()) {
                    throw failure("unexpected '%c'".formatted(operator));
                }
                char expected = open.pop();
                if (expected != operator) {
                    throw failure("unexpected '%c', expected '%c'".formatted(operator, expected));
                }
            }
            default -> { }
        }
    }

    private static boolean isDigit(char sign) {
        return sign >= '0' && sign <= '9';
    }

    private static boolean isWord(char sign) {
        return isDigit(sign) || sign >= 'a' && sign <= 'z' || sign >= 'A' && sign <= 'Z' || sign == '_';
    }

    /** Reads digits with single underscores between them and returns their end, or the start if there are none. */
    private int digits(int from, int radix) {
        int at = from;
        while (at < source.length()) {
            int next = source.charAt(at) == '_' && at > from ? at + 1 : at;
            if (next < source.length() && Character.digit(source.charAt(next), radix) >= 0 && source.charAt(next) < 128) {
                at = next + 1;
            } else {
                break;
            }
        }
        return at;
    }

    private int number() {
        int whole = digits(position, 10);
        boolean afterDot = position > 0 && source.charAt(position - 1) == '.';
        int end = whole;
        if (!afterDot) {
            if (end < source.length() && source.charAt(end) == '.' && digits(end + 1, 10) > end + 1) {
                end = digits(end + 1, 10);
            }
            if (end < source.length() && (source.charAt(end) == 'e' || source.charAt(end) == 'E')) {
                int power = signAt(end + 1) == 0 ? end + 1 : end + 2;
                end = digits(power, 10) > power ? digits(power, 10) : end;
            }
        }
        if (end > whole) {
            add(Token.Kind.FLOAT, source.substring(position, end).replace("_", ""));
            return end;
        }
        end = whole;
        if (source.charAt(position) == '0') {
            int radix = position + 1 == source.length() ? 0 : switch (source.charAt(position + 1)) {
                case 'x', 'X' -> 16;
                case 'o', 'O' -> 8;
                case 'b', 'B' -> 2;
                default -> 0;
            };
            int begin = position + 2;
            int from = begin < source.length() && source.charAt(begin) == '_' ? begin + 1 : begin;
            if (radix > 0 && digits(from, radix) > from) {
                end = digits(from, radix);
                requireDigits(end - from);
                add(Token.Kind.INTEGER, new BigInteger(source.substring(from, end).replace("_", ""), radix).toString());
                return end;
            }
            end = position + 1;
            while (source.startsWith("0", end) || source.startsWith("_0", end)) {
                end += source.charAt(end) == '_' ? 2 : 1;
            }
        }
        requireDigits(end - position);
        add(Token.Kind.INTEGER, source.substring(position, end).replace("_", ""));
        return end;
    }

    /** Bounds the length of an integer, whose conversion takes time by the square of it. */
    private void requireDigits(int count) {
        if (count > Numbers.MAXIMUM_DIGITS) {
            throw failure("a number of more than %d digits".formatted(Numbers.MAXIMUM_DIGITS));
        }
    }

    private int string(char quote) {
        int at = position + 1;
        while (at < source.length() && source.charAt(at) != quote) {
            at += source.charAt(at) == '\\' ? 2 : 1;
        }
        if (at >= source.length()) {
            throw failure("unexpected char " + Text.quote(String.valueOf(quote)) + ": a string without an end");
        }
        try {
            add(Token.Kind.STRING, StringEscapes.decode(source.substring(position + 1, at)));
        } catch (TemplateException e) {
            throw e.at(line());
        }
        return at + 1;
    }
}
