package kept.cli;

import java.util.Locale;
import picocli.CommandLine.ITypeConverter;

/** Reads names in any case, as the command line does those of enums. */
public final class LowerCase implements ITypeConverter<String> {
    /** For the command line. */
    public LowerCase() {}

    @Override
    public String convert(String text) {
        return text.toLowerCase(Locale.ROOT);
    }
}
