package kept.template;

import java.math.BigInteger;
import java.util.Locale;

/** Python's {@code format(value, specification)}: fill, alignment, sign, width, grouping, precision and type. */
final class FormatSpec {
    private static final String ALIGNMENTS = "<>=^";

    private final String specification;
    private final Interpreter interpreter;
    private String fill = " ";
    private char align;
    private char sign = '-';
    private boolean alternate;
    private boolean zeros;
    private int width;
    private String grouping = "";
    private int precision = -1;
    private char type;

    private FormatSpec(String specification, Interpreter interpreter) {
        this.specification = specification;
        this.interpreter = interpreter;
        parse();
    }

    static String format(Object value, String specification, Interpreter interpreter) {
        if (specification.isEmpty()) {
            return interpreter.text().string(value);
        }
        if (!(Types.isText(value) || Numbers.isNumber(value))) {
            throw new TemplateException("unsupported format string passed to %s.__format__".formatted(Types.name(value)));
        }
        return new FormatSpec(specification, interpreter).format(value);
    }

    private void parse() {
        int at = 0;
        int length = specification.length();
        int first = length == 0 ? 0 : Character.charCount(specification.codePointAt(0));
        if (first > 0 && first < length && ALIGNMENTS.indexOf(specification.charAt(first)) >= 0) {
            fill = specification.substring(0, first);
            align = specification.charAt(first);
            at = first + 1;
        } else if (length > 0 && ALIGNMENTS.indexOf(specification.charAt(0)) >= 0) {
            align = specification.charAt(at++);
        }
        if (at < length && "+- ".indexOf(specification.charAt(at)) >= 0) {
            sign = specification.charAt(at++);
        }
        if (at < length && specification.charAt(at) == '#') {
            alternate = true;
            at++;
        }
        if (at < length && specification.charAt(at) == '0') {
            zeros = true;
            at++;
        }
        int end = digits(at);
        width = number(at, end);
        at = end;
        if (at < length && ",_".indexOf(specification.charAt(at)) >= 0) {
            grouping = specification.substring(at, ++at);
        }
        if (at < length && specification.charAt(at) == '.') {
            end = digits(at + 1);
            if (end == at + 1) {
                throw new TemplateException("Format specifier missing precision");
            }
            precision = number(at + 1, end);
            at = end;
        }
        if (at < length) {
            type = specification.charAt(at++);
        }
        if (at < length) {
            throw new TemplateException("Invalid format specifier '%s'".formatted(Text.shortened(specification)));
        }
    }

    private int digits(int from) {
        int at = from;
        while (at < specification.length() && specification.charAt(at) >= '0' && specification.charAt(at) <= '9') {
            at++;
        }
        return at;
    }

    private int number(int from, int to) {
        if (to - from > 9) {
            throw new TemplateException("Too many decimal digits in format string");
        }
        return from == to ? 0 : Integer.parseInt(specification.substring(from, to));
    }

    private String format(Object value) {
        if (Types.isText(value)) {
            return text(Types.text(value));
        }
        boolean ofFloats = type != 0 && "eEfFgG%".indexOf(type) >= 0;
        return value instanceof Double || ofFloats ? real(Numbers.toDouble(value)) : integer(Numbers.integer(value));
    }

    private TemplateException unknownType(String of) {
        return new TemplateException("Unknown format code '%s' for object of type '%s'".formatted(type, of));
    }

    private String text(String value) {
        if (type != 0 && type != 's') {
            throw unknownType("str");
        }
        if (sign != '-' || alternate || align == '=' || !grouping.isEmpty()) {
            throw new TemplateException("the format of a number for a str");
        }
        String cut = precision < 0 || Characters.length(value) <= precision ? value : Characters.slice(value, 0, precision);
        return padded("", cut, '<', zeros ? "0" : fill);
    }

    private String integer(BigInteger value) {
        if (precision >= 0) {
            throw new TemplateException("Precision not allowed in integer format specifier");
        }
        if (type == 'c' || type == 'n') {
            throw TemplateException.unsupported("the format code " + type);
        }
        BigInteger magnitude = value.abs();
        String digits = switch (type) {
            case 0, 'd' -> Numbers.write(magnitude, Numbers.DECIMAL, interpreter.budget());
            case 'b' -> Numbers.write(magnitude, 2, interpreter.budget());
            case 'o' -> Numbers.write(magnitude, 8, interpreter.budget());
            case 'x' -> Numbers.write(magnitude, 16, interpreter.budget());
            case 'X' -> Numbers.write(magnitude, 16, interpreter.budget()).toUpperCase(Locale.ROOT);
            default -> throw unknownType("int");
        };
        String prefix = alternate && type != 0 && type != 'd' ? "0" + type : "";
        return number(value.signum() < 0, prefix, digits, "");
    }

    private String real(double value) {
        boolean percent = type == '%';
        String text;
        if (type == 0) {
            if (precision >= 0) {
                throw TemplateException.unsupported("a precision without a type, for a float,");
            }
            text = Numbers.repr(Math.abs(value));
        } else if ("eEfFgG%".indexOf(type) >= 0) {
            interpreter.budget().text(Math.max(0, precision));
            double scaled = percent ? value * 100 : value;
            text = FloatFormat.magnitude(scaled, percent ? 'f' : type, precision < 0 ? 6 : precision, alternate) + (percent ? "%" : "");
        } else if (type == 'n') {
            throw TemplateException.unsupported("the format code n");
        } else {
            throw unknownType("float");
        }
        int whole = 0;
        while (whole < text.length() && Character.isDigit(text.charAt(whole))) {
            whole++;
        }
        return number(value < 0 || value == 0 && 1 / value < 0, "", text.substring(0, whole), text.substring(whole));
    }

    /** Formats a number from its digits, which are grouped, and the rest. */
    private String number(boolean negative, String prefix, String digits, String rest) {
        String signs = (negative ? "-" : sign == '-' ? "" : String.valueOf(sign)) + prefix;
        boolean zeroFill = zeros && align == 0;
        String grouped = digits;
        if (!grouping.isEmpty()) {
            if (zeroFill) {
                throw TemplateException.unsupported("zeros and grouping in one format");
            }
            boolean binary = type != 0 && "boxX".indexOf(type) >= 0;
            if (binary && grouping.equals(",")) {
                throw new TemplateException("Cannot specify ',' with '%s'.".formatted(type));
            }
            grouped = grouped(digits, binary ? 4 : 3);
        }
        if (zeroFill) {
            align = '=';
            return padded(signs, grouped + rest, '>', "0");
        }
        return padded(signs, grouped + rest, '>', zeros ? "0".equals(fill) ? fill : fill.equals(" ") ? "0" : fill : fill);
    }

    private String grouped(String digits, int size) {
        var text = new StringBuilder();
        for (int i = 0; i < digits.length(); i++) {
            if (i > 0 && (digits.length() - i) % size == 0) {
                text.append(grouping);
            }
            text.append(digits.charAt(i));
        }
        return text.toString();
    }

    private String padded(String signs, String text, char usual, String with) {
        int missing = Math.max(0, width - Characters.length(text) - signs.length());
        interpreter.budget().text(text.length() + signs.length() + (long) missing * with.length());
        return switch (align == 0 ? usual : align) {
            case '<' -> signs + text + with.repeat(missing);
            case '^' -> with.repeat(missing / 2) + signs + text + with.repeat(missing - missing / 2);
            case '=' -> signs + with.repeat(missing) + text;
            default -> with.repeat(missing) + signs + text;
        };
    }
}
