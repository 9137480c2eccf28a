package kept.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads an anchor: a number, or {@code search}, which is NaN. */
final class AnchorValue implements ITypeConverter<Double> {
    private static final String SEARCH = "search";

    @Override
    public Double convert(String text) {
        if (text.equalsIgnoreCase(SEARCH)) {
            return Double.NaN;
        }
        try {
            double value = Double.parseDouble(text);
            if (!Double.isNaN(value)) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new TypeConversionException("'%s' is neither a number nor %s".formatted(text, SEARCH));
        }
        throw new TypeConversionException("'%s' is neither a number nor %s".formatted(text, SEARCH));
    }
}
