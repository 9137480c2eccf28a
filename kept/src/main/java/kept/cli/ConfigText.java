package kept.cli;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.common.NonPrintableStyle;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The text of {@code --print-config}: a file for {@code --config} that has every option of a command line as it was written, and of the others those
 * with a fixed default. Comments are options whose default depends on the rest, and those that mean nothing beside the ones that are given.
 */
final class ConfigText {
    /** Texts that YAML reads as they are, so that numbers stay as people have written them. */
    private static final Pattern PLAIN = Pattern.compile("[\\w./+][\\w./+%@=-]*");
    private static final Pattern RESERVED = Pattern.compile("(?i)null|true|false|~");
    private static final int DASHES = 2;

    private ConfigText() {}

    /**
     * Prints the file.
     *
     * @param program the program, its command line read
     * @param out takes the text
     */
    static void print(CommandSpec program, PrintWriter out) {
        List<OptionSpec> given = program.commandLine().getParseResult().matchedOptions();
        out.println("# " + program.qualifiedName() + " " + ConfigOptions.CONFIG + " FILE");
        OptionGroup.of(program).forEach((group, options) -> {
            List<OptionSpec> listed = options.stream().filter(ConfigLine::allows).toList();
            if (!listed.isEmpty()) {
                out.println();
                out.println("# " + group.heading());
                listed.forEach(option -> out.print(lines(program, option, given.contains(option))));
            }
        });
        out.flush();
    }

    private static String lines(CommandSpec program, OptionSpec option, boolean isGiven) {
        String key = option.longestName().substring(DASHES);
        if (isGiven) {
            return option.arity().max() == 0 ? "%s: true%n".formatted(key) : entry(key, value(option));
        }
        if (option.defaultValue() != null) {
            return (OptionValues.suits(program, option) ? "" : "# ") + entry(key, option.defaultValue());
        }
        return "# %s: %s%n".formatted(key, option.arity().max() == 0 ? "false" : option.paramLabel());
    }

    /** The value as it was written: a text, a list, or texts by name. */
    private static Object value(OptionSpec option) {
        List<String> written = option.originalStringValues();
        if (!option.isMultiValue()) {
            return written.getLast();
        }
        if (!Map.class.isAssignableFrom(option.type())) {
            return written;
        }
        SequencedMap<String, String> named = new LinkedHashMap<>();
        written.forEach(text -> named.put(text.substring(0, text.indexOf('=')), text.substring(text.indexOf('=') + 1)));
        return named;
    }

    private static String entry(String key, Object value) {
        if (value instanceof String text && PLAIN.matcher(text).matches() && !RESERVED.matcher(text).matches()) {
            return "%s: %s%n".formatted(key, text);
        }
        return new Dump(DumpSettings.builder().setDefaultFlowStyle(FlowStyle.BLOCK).setNonPrintableStyle(NonPrintableStyle.ESCAPE)
                .setWidth(Integer.MAX_VALUE).setSplitLines(false).build())
                .dumpToString(Map.of(key, value));
    }
}
