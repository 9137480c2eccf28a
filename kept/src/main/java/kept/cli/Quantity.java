package kept.cli;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads whole numbers as people write them: 500, 64k, 1.5M, 1e6, 1_000_000, 4Ki. A suffix counts in thousands, one with i in steps of 1,024; upper
 * and lower case are the same, and one meaning holds for every option.
 */
final class Quantity {
    /** Digits with underscores between, a fraction, a power of ten, and a suffix, which a blank may precede. */
    private static final Pattern FORM = Pattern.compile("([+-]?\\d+(?:_\\d+)*(?:\\.\\d+)?(?:e\\+?\\d{1,2})?) ?([a-z]*)");

    private static final BigDecimal THOUSAND = BigDecimal.valueOf(1_000);
    private static final BigDecimal BINARY = BigDecimal.valueOf(1_024);

    private static final Map<String, BigDecimal> COUNTS = Map.ofEntries(
            Map.entry("", BigDecimal.ONE),
            Map.entry("k", THOUSAND), Map.entry("m", THOUSAND.pow(2)), Map.entry("g", THOUSAND.pow(3)), Map.entry("b", THOUSAND.pow(3)),
            Map.entry("t", THOUSAND.pow(4)),
            Map.entry("ki", BINARY), Map.entry("mi", BINARY.pow(2)), Map.entry("gi", BINARY.pow(3)), Map.entry("ti", BINARY.pow(4)));

    private static final Map<String, BigDecimal> BYTES = Map.ofEntries(
            Map.entry("", BigDecimal.ONE), Map.entry("b", BigDecimal.ONE),
            Map.entry("k", THOUSAND), Map.entry("m", THOUSAND.pow(2)), Map.entry("g", THOUSAND.pow(3)), Map.entry("t", THOUSAND.pow(4)),
            Map.entry("kb", THOUSAND), Map.entry("mb", THOUSAND.pow(2)), Map.entry("gb", THOUSAND.pow(3)), Map.entry("tb", THOUSAND.pow(4)),
            Map.entry("ki", BINARY), Map.entry("mi", BINARY.pow(2)), Map.entry("gi", BINARY.pow(3)), Map.entry("ti", BINARY.pow(4)),
            Map.entry("kib", BINARY), Map.entry("mib", BINARY.pow(2)), Map.entry("gib", BINARY.pow(3)), Map.entry("tib", BINARY.pow(4)));

    private Quantity() {}

    /** A count that fits an int. */
    static final class OfInt implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            return (int) count(text, Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
    }

    /** A count. */
    static final class OfLong implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            return count(text, Long.MIN_VALUE, Long.MAX_VALUE);
        }
    }

    private static long count(String text, long least, long most) {
        return whole(text, COUNTS, "a whole number such as 500, 64k, 1.5M or 1_000_000", least, most);
    }

    /**
     * A number of bytes, such as 500MB, 5GB, 4GiB or 1.5G.
     *
     * @throws TypeConversionException if it is none
     */
    static long bytes(String text) {
        return whole(text, BYTES, "a size such as 500MB, 5GB or 4GiB", Long.MIN_VALUE, Long.MAX_VALUE);
    }

    private static long whole(String text, Map<String, BigDecimal> units, String what, long least, long most) {
        Matcher matcher = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
        BigDecimal unit = matcher.matches() ? units.get(matcher.group(2)) : null;
        if (unit == null) {
            throw new TypeConversionException("'%s' is not %s%s".formatted(text, what, text.contains(",") ? ", without commas" : ""));
        }
        BigDecimal value = new BigDecimal(matcher.group(1).replace("_", "")).multiply(unit);
        if (value.stripTrailingZeros().scale() > 0) {
            throw new TypeConversionException("'%s' is %s, which is not a whole number".formatted(text, value.stripTrailingZeros().toPlainString()));
        }
        if (value.compareTo(BigDecimal.valueOf(most)) > 0 || value.compareTo(BigDecimal.valueOf(least)) < 0) {
            throw new TypeConversionException("'%s' is too %s: %s %,d".formatted(
                    text, value.signum() > 0 ? "large" : "small", value.signum() > 0 ? "at most" : "at least", value.signum() > 0 ? most : least));
        }
        return value.longValueExact();
    }
}
