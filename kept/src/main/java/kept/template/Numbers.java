package kept.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.OptionalInt;

/** Python's integers and floats. */
final class Numbers {
    /** Python's limit on the digits of integers it reads or writes. */
    static final int MAXIMUM_DIGITS = 4_300;
    static final int DECIMAL = 10;
    /** At most this many bits are a decimal digit. */
    static final int BITS_A_DIGIT = 3;
    /** Larger integers, which Python could not print, are rejected. */
    private static final int MAXIMUM_BITS = 20_000;
    /** The exponent of the smallest positive float, a power of two. */
    private static final int MIN_EXPONENT = -1074;
    private static final BigInteger MIN_INT = BigInteger.valueOf(Integer.MIN_VALUE);
    private static final BigInteger MAX_INT = BigInteger.valueOf(Integer.MAX_VALUE);
    private static final BigInteger PRINTABLE = BigInteger.TEN.pow(MAXIMUM_DIGITS);

    private Numbers() {}

    static boolean isNumber(Object value) {
        return value instanceof BigInteger || value instanceof Double || value instanceof Boolean;
    }

    static boolean isInteger(Object value) {
        return value instanceof BigInteger || value instanceof Boolean;
    }

    static BigInteger integer(Object value) {
        return value instanceof Boolean truth ? truth ? BigInteger.ONE : BigInteger.ZERO : (BigInteger) value;
    }

    static BigInteger of(long value) {
        return BigInteger.valueOf(value);
    }

    static BigInteger bounded(BigInteger value) {
        if (value.bitLength() > MAXIMUM_BITS) {
            throw new TemplateException("an int of more than %,d bits, the limit".formatted(MAXIMUM_BITS));
        }
        return value;
    }

    /** Writes an integer. */
    static String write(BigInteger value, int radix, Budget budget) {
        budget.digits(Math.min(MAXIMUM_DIGITS, value.bitLength() / BITS_A_DIGIT));
        return radix == DECIMAL ? write(value) : value.toString(radix);
    }

    private static String write(BigInteger value) {
        if (value.abs().compareTo(PRINTABLE) >= 0) {
            throw new TemplateException("an int of more than %,d digits cannot be written".formatted(MAXIMUM_DIGITS));
        }
        return value.toString();
    }

    static double toDouble(Object value) {
        if (value instanceof Double number) {
            return number;
        }
        double number = integer(value).doubleValue();
        if (Double.isInfinite(number)) {
            throw new TemplateException("int too large to convert to float");
        }
        return number;
    }

    /** An integer clamped to Java's int range. */
    static int clamped(BigInteger value) {
        return value.max(MIN_INT).min(MAX_INT).intValue();
    }

    /** Returns an argument that must be an integer. */
    static int index(Object value, String what) {
        if (!isInteger(value)) {
            throw new TemplateException("%s: '%s' object cannot be interpreted as an integer".formatted(what, Types.name(value)));
        }
        return clamped(integer(value));
    }

    static int compare(Object left, Object right) {
        if (isInteger(left) && isInteger(right)) {
            return integer(left).compareTo(integer(right));
        }
        if (left instanceof Double first && right instanceof Double second) {
            return first < second ? -1 : first > second ? 1 : 0;
        }
        return left instanceof Double first ? -compareExactly(integer(right), first) : compareExactly(integer(left), (Double) right);
    }

    private static int compareExactly(BigInteger left, double right) {
        return Double.isInfinite(right) ? right > 0 ? -1 : 1 : new BigDecimal(left).compareTo(new BigDecimal(right));
    }

    static boolean isNaN(Object value) {
        return value instanceof Double number && number.isNaN();
    }

    static BigInteger floorDivide(BigInteger left, BigInteger right) {
        BigInteger[] parts = left.divideAndRemainder(right);
        return parts[1].signum() != 0 && parts[1].signum() != right.signum() ? parts[0].subtract(BigInteger.ONE) : parts[0];
    }

    /** The quotient of two integers, rounded to the nearest float. */
    static double divide(BigInteger left, BigInteger right) {
        if (left.bitLength() <= 53 && right.bitLength() <= 53) {
            return left.doubleValue() / right.doubleValue();
        }
        // Keeps more bits than a float has, but none below the smallest float; the remaining bits only decide the rounding.
        int shift = Math.clamp(right.bitLength() - left.bitLength() + 66L, 0, -MIN_EXPONENT + 2);
        BigInteger[] parts = left.abs().shiftLeft(shift).divideAndRemainder(right.abs());
        BigInteger quotient = parts[1].signum() == 0 ? parts[0] : parts[0].setBit(0);
        double value = scaled(quotient, shift);
        if (Double.isInfinite(value)) {
            throw new TemplateException("integer division result too large for a float");
        }
        return left.signum() * right.signum() < 0 ? -value : value;
    }

    /** A number divided by a power of two, rounded once to the nearest float. */
    private static double scaled(BigInteger value, int shift) {
        int below = Math.max(0, shift + MIN_EXPONENT);
        if (value.bitLength() - shift > Double.MIN_EXPONENT || below == 0) {
            return Math.scalb(value.doubleValue(), -shift);
        }
        BigInteger kept = value.shiftRight(below);
        BigInteger half = BigInteger.ONE.shiftLeft(below - 1);
        int order = value.subtract(kept.shiftLeft(below)).compareTo(half);
        boolean up = order > 0 || order == 0 && kept.testBit(0);
        return kept.add(up ? BigInteger.ONE : BigInteger.ZERO).longValue() * Double.MIN_VALUE;
    }

    /** Python's {@code %} of floats: the result has the sign of the divisor. */
    static double modulo(double left, double right) {
        double rest = left % right;
        if (rest == 0) {
            return Math.copySign(0, right);
        }
        return rest < 0 == right < 0 ? rest : rest + right;
    }

    /** Python's {@code //} of floats. */
    static double floorDivide(double left, double right) {
        double rest = left % right;
        double quotient = (left - rest) / right;
        if (rest != 0 && rest < 0 != right < 0) {
            quotient -= 1;
        }
        if (quotient == 0) {
            return Math.copySign(0, left / right);
        }
        double floor = Math.floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    static double power(double base, double exponent) {
        if (base == 0 && exponent < 0) {
            throw new TemplateException("0.0 cannot be raised to a negative power");
        }
        if (base < 0 && exponent != Math.rint(exponent) && !Double.isInfinite(exponent) && !Double.isInfinite(base)) {
            throw TemplateException.unsupported("a complex number, a negative one raised to a fraction,");
        }
        if (base == 1 || Math.abs(base) == 1 && Double.isInfinite(exponent)) {
            return 1;                                                   // C's pow, unlike Java's
        }
        double value = nearestPower(base, exponent);
        if (Double.isInfinite(value) && !Double.isInfinite(base) && !Double.isInfinite(exponent)) {
            throw new TemplateException("the result of ** is too large for a float");
        }
        return value;
    }

    /** Small integer powers are rounded exactly, as in C's pow; others as in Java. */
    private static double nearestPower(double base, double exponent) {
        if (exponent == Math.rint(exponent) && Math.abs(exponent) <= 64 && base != 0 && !Double.isInfinite(base) && !Double.isNaN(base)) {
            var exact = new BigDecimal(base).pow((int) Math.abs(exponent), new MathContext(400));
            return exponent < 0 ? BigDecimal.ONE.divide(exact, new MathContext(60)).doubleValue() : exact.doubleValue();
        }
        return exponent == 0.5 && base >= 0 && !Double.isInfinite(base) ? Math.sqrt(base) : Math.pow(base, exponent);
    }

    /** Rounds a float to a number of decimal places, as Python's {@code round}. */
    static double round(double value, int places) {
        if (Double.isNaN(value) || Double.isInfinite(value) || places > 323) {
            return value;
        }
        if (places < -308) {
            return Math.copySign(0, value);
        }
        double rounded = new BigDecimal(value).setScale(places, RoundingMode.HALF_EVEN).doubleValue();
        if (Double.isInfinite(rounded)) {
            throw new TemplateException("rounded value too large to represent");
        }
        return rounded == 0 ? Math.copySign(0, value) : rounded;
    }

    /** Rounds an integer to a number of decimal places, which has an effect only if that is negative. */
    static BigInteger round(BigInteger value, int places) {
        return places >= 0 ? value : places < -MAXIMUM_DIGITS ? BigInteger.ZERO
                : new BigDecimal(value).setScale(places, RoundingMode.HALF_EVEN).toBigInteger();
    }

    /** {@code int(float)}: toward zero. */
    static BigInteger truncate(double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            throw new TemplateException("cannot convert float %s to integer".formatted(repr(value)));
        }
        return new BigDecimal(value).toBigInteger();
    }

    /** The shortest text that parses to this float, in Python's format. */
    static String repr(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal shortest = shortest(Math.abs(value));
        String digits = shortest.unscaledValue().toString();
        int point = digits.length() - shortest.scale();                 // digits before the decimal point
        String sign = value < 0 ? "-" : "";
        if (point > -4 && point <= 16) {
            if (point <= 0) {
                return sign + "0." + "0".repeat(-point) + digits;
            }
            return digits.length() <= point ? sign + digits + "0".repeat(point - digits.length()) + ".0"
                    : sign + digits.substring(0, point) + "." + digits.substring(point);
        }
        int exponent = point - 1;
        return sign + digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "")
                + "e%s%02d".formatted(exponent < 0 ? "-" : "+", Math.abs(exponent));
    }

    /** The shortest digits that parse to a positive number, without trailing zeros. Java returns two digits where one suffices. */
    private static BigDecimal shortest(double value) {
        var one = new BigDecimal(value).round(new MathContext(1, RoundingMode.HALF_EVEN));
        BigDecimal digits = one.doubleValue() == value ? one : new BigDecimal(Double.toString(value));
        return digits.stripTrailingZeros();
    }

    /** Parses {@code float(text)}; null if it is not a number. */
    static Double parseDouble(String text) {
        String digits = plainDigits(Characters.strip(text));
        if (digits == null) {
            return null;
        }
        String lower = digits.chars().map(sign -> sign >= 'A' && sign <= 'Z' ? sign - 'A' + 'a' : sign)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        String unsigned = lower.startsWith("-") || lower.startsWith("+") ? lower.substring(1) : lower;
        double sign = lower.startsWith("-") ? -1 : 1;
        return switch (unsigned) {
            case "inf", "infinity" -> sign * Double.POSITIVE_INFINITY;
            case "nan" -> Double.NaN;
            default -> isDecimal(unsigned) ? Double.valueOf(lower) : null;
        };
    }

    /** Checks for digits, a point and an exponent by hand, so that no regular expression can backtrack. */
    private static boolean isDecimal(String text) {
        int at = 0;
        int digits = 0;
        while (at < text.length() && Character.isDigit(text.charAt(at))) {
            at++;
            digits++;
        }
        if (at < text.length() && text.charAt(at) == '.') {
            at++;
            while (at < text.length() && Character.isDigit(text.charAt(at))) {
                at++;
                digits++;
            }
        }
        if (digits > 0 && at < text.length() && text.charAt(at) == 'e') {
            at++;
            at += at < text.length() && "+-".indexOf(text.charAt(at)) >= 0 ? 1 : 0;
            int begin = at;
            while (at < text.length() && Character.isDigit(text.charAt(at))) {
                at++;
            }
            digits = at > begin ? digits : 0;
        }
        return digits > 0 && at == text.length();
    }

    /** Converts digits of all scripts to ASCII and removes underscores, which must be between digits; null if one is not. */
    private static String plainDigits(String text) {
        var plain = new StringBuilder();
        int[] signs = text.codePoints().toArray();
        for (int i = 0; i < signs.length; i++) {
            if (signs[i] == '_') {
                if (i == 0 || i + 1 == signs.length || !Character.isDigit(signs[i - 1]) && !Character.isLetter(signs[i - 1]) || signs[i + 1] == '_') {
                    return null;
                }
            } else if (Character.isDigit(signs[i])) {
                plain.append(Character.digit(signs[i], 10));
            } else {
                plain.appendCodePoint(signs[i]);
            }
        }
        return plain.toString();
    }

    /** Parses {@code int(text, base)}; null if it is not an integer. */
    static BigInteger parseInteger(String text, int base) {
        if (base != 0 && (base < 2 || base > 36)) {
            return null;
        }
        String digits = plainDigits(Characters.strip(text));
        if (digits == null || digits.isEmpty()) {
            return null;
        }
        boolean negative = digits.charAt(0) == '-';
        String unsigned = negative || digits.charAt(0) == '+' ? digits.substring(1) : digits;
        OptionalInt prefix = prefix(unsigned);
        int radix = base == 0 ? prefix.orElse(10) : base;
        if (prefix.isPresent() && prefix.getAsInt() == radix && (base == 0 || base == radix)) {
            unsigned = unsigned.substring(2);
        }
        boolean ambiguous = base == 0 && prefix.isEmpty() && unsigned.startsWith("0") && unsigned.chars().anyMatch(sign -> sign != '0');
        if (unsigned.isEmpty() || ambiguous || !unsigned.chars().allMatch(sign -> sign < 128 && Character.digit(sign, radix) >= 0)) {
            return null;
        }
        if (unsigned.length() > MAXIMUM_DIGITS) {
            throw new TemplateException("an int of more than %,d digits cannot be read".formatted(MAXIMUM_DIGITS));
        }
        var value = new BigInteger(unsigned, radix);
        return negative ? value.negate() : value;
    }

    private static OptionalInt prefix(String digits) {
        String begin = digits.length() < 2 ? "" : digits.substring(0, 2).toLowerCase(Locale.ROOT);
        return switch (begin) {
            case "0x" -> OptionalInt.of(16);
            case "0o" -> OptionalInt.of(8);
            case "0b" -> OptionalInt.of(2);
            default -> OptionalInt.empty();
        };
    }
}
