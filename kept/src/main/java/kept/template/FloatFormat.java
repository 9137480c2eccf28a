package kept.template;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/** Formats floats with a given number of digits, as C and Python do: rounded from the exact value, half to even. */
final class FloatFormat {
    /** More digits than the decimal expansion of any float. */
    private static final int MAX_DIGITS = 2_000;

    private FloatFormat() {}

    /**
     * Formats the absolute value.
     *
     * @param type e, f or g, in either case
     * @param precision number of digits, as defined by the type
     * @param alternate keeps the decimal point and, for g, trailing zeros
     */
    static String magnitude(double value, char type, int precision, boolean alternate) {
        if (precision > MAX_DIGITS) {
            throw TemplateException.unsupported("a precision of more than %d".formatted(MAX_DIGITS));
        }
        boolean upper = Character.isUpperCase(type);
        String text = Double.isNaN(value) ? "nan" : Double.isInfinite(value) ? "inf" : switch (Character.toLowerCase(type)) {
            case 'f' -> fixed(new BigDecimal(Math.abs(value)), precision, alternate);
            case 'e' -> exponential(new BigDecimal(Math.abs(value)), precision, alternate);
            default -> general(new BigDecimal(Math.abs(value)), Math.max(1, precision), alternate);
        };
        return upper ? text.toUpperCase(Locale.ROOT) : text;
    }

    private static String fixed(BigDecimal value, int precision, boolean alternate) {
        return value.setScale(precision, RoundingMode.HALF_EVEN).toPlainString() + (alternate && precision == 0 ? "." : "");
    }

    private static int exponent(BigDecimal rounded) {
        return rounded.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
    }

    private static String exponential(BigDecimal value, int precision, boolean alternate) {
        BigDecimal rounded = value.round(new MathContext(precision + 1, RoundingMode.HALF_EVEN));
        int exponent = exponent(rounded);
        String digits = rounded.signum() == 0 ? "0" : rounded.unscaledValue().toString();
        digits = digits.length() > precision + 1 ? digits.substring(0, precision + 1) : digits + "0".repeat(precision + 1 - digits.length());
        String point = precision > 0 || alternate ? "." : "";
        return digits.charAt(0) + point + digits.substring(1) + "e%s%02d".formatted(exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    private static String general(BigDecimal value, int precision, boolean alternate) {
        int exponent = exponent(value.round(new MathContext(precision, RoundingMode.HALF_EVEN)));
        if (exponent >= -4 && exponent < precision) {
            String text = fixed(value, precision - 1 - exponent, alternate);
            return alternate ? text : withoutZeros(text);
        }
        String text = exponential(value, precision - 1, alternate);
        int mark = text.indexOf('e');
        return alternate ? text : withoutZeros(text.substring(0, mark)) + text.substring(mark);
    }

    private static String withoutZeros(String text) {
        if (text.indexOf('.') < 0) {
            return text;
        }
        int end = text.length();
        while (text.charAt(end - 1) == '0') {
            end--;
        }
        return text.substring(0, text.charAt(end - 1) == '.' ? end - 1 : end);
    }
}
