package kept.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads numbers of tokens such as 500, 4k (4,096) or 1m (1,048,576). */
public final class TokenCount implements ITypeConverter<Integer> {
    private static final Pattern FORM = Pattern.compile("(\\d{1,9})([km]?)");

    @Override
    public Integer convert(String text) {
        Matcher matcher = FORM.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new TypeConversionException("'" + text + "' is not a number of tokens such as 500 or 4k");
        }
        int unit = switch (matcher.group(2)) {
            case "k" -> 1 << 10;
            case "m" -> 1 << 20;
            default -> 1;
        };
        try {
            return Math.multiplyExact(Integer.parseInt(matcher.group(1)), unit);
        } catch (ArithmeticException e) {
            throw new TypeConversionException("'" + text + "' is too large");
        }
    }
}
