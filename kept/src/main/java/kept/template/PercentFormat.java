package kept.template;

import java.math.BigInteger;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** {@code "%s %05.2f" % values}. */
final class PercentFormat {
    private static final String FLAGS = "-+ #0";

    private final String format;
    private final Interpreter interpreter;
    private final Object value;
    private final List<Object> items;
    private final boolean mapping;
    private final StringBuilder result = new StringBuilder();
    private int position;
    private int taken;

    private PercentFormat(String format, Object value, Interpreter interpreter) {
        this.format = format;
        this.value = value;
        this.interpreter = interpreter;
        items = value instanceof PyTuple tuple ? tuple.items() : Collections.singletonList(value);
        mapping = value instanceof PyDict || value instanceof PyList || value instanceof Range || value instanceof Undefined;
    }

    static String format(String format, Object value, Interpreter interpreter) {
        return new PercentFormat(format, value, interpreter).run();
    }

    private String run() {
        interpreter.budget().text(format.length());
        while (position < format.length()) {
            char sign = format.charAt(position++);
            if (sign == '%') {
                field();
            } else {
                result.append(sign);
            }
        }
        if (taken < items.size() && !mapping) {
            throw new TemplateException("not all arguments converted during string formatting");
        }
        return result.toString();
    }

    private char next() {
        if (position >= format.length()) {
            throw new TemplateException("incomplete format");
        }
        return format.charAt(position++);
    }

    private Object take() {
        if (taken >= items.size()) {
            throw new TemplateException("not enough arguments for format string");
        }
        return items.get(taken++);
    }

    private void field() {
        Object named = Arguments.MISSING;
        char sign = next();
        if (sign == '(') {
            named = named();
            sign = next();
        }
        var flags = new StringBuilder();
        while (FLAGS.indexOf(sign) >= 0) {
            flags.append(sign);
            sign = next();
        }
        position--;
        int width = number(named);
        if (width < 0 && width != Integer.MIN_VALUE) {
            flags.append('-');
            width = -width;
        }
        int precision = -1;
        if (next() == '.') {
            precision = Math.max(0, number(named));
        } else {
            position--;
        }
        sign = next();
        if ("hlL".indexOf(sign) >= 0) {
            sign = next();
        }
        if (sign == '%') {
            result.append('%');
            return;
        }
        Object given = named == Arguments.MISSING ? take() : named;
        append(given, sign, flags.toString(), Math.max(0, width), precision);
    }

    /** Parses digits, or a star that takes an argument; the smallest int means none. */
    private int number(Object named) {
        if (position < format.length() && format.charAt(position) == '*') {
            position++;
            if (named != Arguments.MISSING) {
                throw new TemplateException("* wants int");
            }
            Object given = take();
            return Math.max(-Integer.MAX_VALUE, Numbers.index(given, "* wants int"));
        }
        long number = 0;
        int begin = position;
        while (position < format.length() && format.charAt(position) >= '0' && format.charAt(position) <= '9') {
            number = Math.min(Integer.MAX_VALUE, number * 10 + format.charAt(position++) - '0');
        }
        return position == begin ? Integer.MIN_VALUE : (int) number;
    }

    private Object named() {
        if (!(value instanceof PyDict dict)) {
            throw new TemplateException("format requires a mapping");
        }
        int begin = position;
        for (int depth = 1; depth > 0;) {
            char sign = next();
            depth += sign == '(' ? 1 : sign == ')' ? -1 : 0;
        }
        String key = format.substring(begin, position - 1);
        PyDict.Entry entry = dict.entry(key, interpreter.budget());
        if (entry == null) {
            throw new TemplateException("no value named '%s' for the format".formatted(Text.shortened(key)));
        }
        taken = items.size();
        return entry.value();
    }

    private void append(Object given, char type, String flags, int width, int precision) {
        boolean left = flags.indexOf('-') >= 0;
        switch (type) {
            case 's' -> pad("", cut(interpreter.text().string(given), precision), width, left, false);
            case 'r' -> pad("", cut(interpreter.text().repr(given), precision), width, left, false);
            case 'a' -> pad("", cut(Json.ascii(interpreter.text().repr(given)), precision), width, left, false);
            case 'c' -> pad("", character(given), width, left, false);
            case 'd', 'i', 'u', 'x', 'X', 'o' -> integer(given, type, flags, width, precision);
            case 'e', 'E', 'f', 'F', 'g', 'G' -> {
                double number = real(given);
                interpreter.budget().text(Math.max(0, precision));
                String text = FloatFormat.magnitude(number, type, precision < 0 ? 6 : precision, flags.indexOf('#') >= 0);
                boolean finite = !Double.isNaN(number) && !Double.isInfinite(number);
                pad(sign(number < 0 || 1 / number < 0, flags), text, width, left, finite && flags.indexOf('0') >= 0);
            }
            default -> throw new TemplateException("unsupported format character '%s'".formatted(type));
        }
    }

    private static String cut(String text, int precision) {
        return precision < 0 || Characters.length(text) <= precision ? text : Characters.slice(text, 0, precision);
    }

    private static String character(Object given) {
        String text = Types.text(given);
        if (text != null && Characters.length(text) == 1) {
            return text;
        }
        int sign = text == null ? Numbers.index(given, "%c requires int or char") : -1;
        if (!Character.isValidCodePoint(sign) || sign >= Character.MIN_SURROGATE && sign <= Character.MAX_SURROGATE) {
            throw new TemplateException("%c requires int or char");
        }
        return Character.toString(sign);
    }

    private static double real(Object given) {
        if (given instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!Numbers.isNumber(given)) {
            throw new TemplateException("must be real number, not " + Types.name(given));
        }
        return Numbers.toDouble(given);
    }

    private static String sign(boolean negative, String flags) {
        return negative ? "-" : flags.indexOf('+') >= 0 ? "+" : flags.indexOf(' ') >= 0 ? " " : "";
    }

    private void integer(Object given, char type, String flags, int width, int precision) {
        boolean decimal = "diu".indexOf(type) >= 0;
        if (given instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!Numbers.isInteger(given) && !(decimal && given instanceof Double)) {
            throw new TemplateException("%%%c format: a number is required, not %s".formatted(type, Types.name(given)));
        }
        BigInteger number = given instanceof Double real ? Numbers.truncate(real) : Numbers.integer(given);
        String digits = Numbers.write(number.abs(), decimal ? Numbers.DECIMAL : type == 'o' ? 8 : 16, interpreter.budget());
        if (precision > digits.length()) {
            interpreter.budget().text(precision);
            digits = "0".repeat(precision - digits.length()) + digits;
        }
        String prefix = decimal || flags.indexOf('#') < 0 ? "" : type == 'o' ? "0o" : "0x";
        String text = type == 'X' ? (prefix + digits).toUpperCase(Locale.ROOT) : prefix + digits;
        boolean zeros = flags.indexOf('0') >= 0;
        pad(sign(number.signum() < 0, flags) + text.substring(0, prefix.length()), text.substring(prefix.length()), width,
                flags.indexOf('-') >= 0, zeros);
    }

    private void pad(String sign, String text, int width, boolean left, boolean zeros) {
        int missing = Math.max(0, width - Characters.length(text) - sign.length());
        interpreter.budget().text((long) text.length() + sign.length() + missing);
        if (left) {
            result.append(sign).append(text).append(" ".repeat(missing));
        } else {
            result.append(zeros ? sign + "0".repeat(missing) : " ".repeat(missing) + sign).append(text);
        }
    }
}
