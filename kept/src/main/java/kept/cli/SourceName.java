package kept.cli;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import kept.model.Architecture;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of an architecture that mappings start from: its {@code model_type}, in any case. */
final class SourceName implements ITypeConverter<Architecture>, Iterable<String> {
    /** For the command line. */
    SourceName() {}

    @Override
    public Architecture convert(String text) {
        return Arrays.stream(Architecture.values()).filter(one -> one.isSource() && one.modelType().equals(text.toLowerCase(Locale.ROOT))).findFirst()
                .orElseThrow(() -> new TypeConversionException("'%s' is not one of %s".formatted(text, String.join(", ", names()))));
    }

    @Override
    public Iterator<String> iterator() {
        return names().iterator();
    }

    private static List<String> names() {
        return Arrays.stream(Architecture.values()).filter(Architecture::isSource).map(Architecture::modelType).toList();
    }
}
