package kept.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import kept.text.Reasons;
import kept.text.TextFiles;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/**
 * The file of {@code --config}: a YAML mapping whose keys are the long names of options. Its options become arguments before those of the command
 * line, so that all checks and messages are those of the command line. A scalar is read as it is written, whatever type YAML gives it; a flag is true
 * or false; an option that takes several values has a list, and one that takes NAME=FILE a mapping or a list. A key without a value is as good as
 * none.
 */
final class ConfigFile {
    private static final String DASHES = "--";

    private final CommandSpec program;
    private final Path file;
    private final Set<OptionSpec> given;
    private final Set<String> keys = new HashSet<>();
    private final List<String> arguments = new ArrayList<>();

    /** A key that is no option. */
    static final class UnknownKeyException extends ParameterException {
        private static final long serialVersionUID = 1;

        private final transient List<String> meant;

        private UnknownKeyException(CommandSpec program, String message, List<String> meant) {
            super(program.commandLine(), message);
            this.meant = meant;
        }

        /** The keys that may have been meant. */
        List<String> meant() {
            return meant;
        }
    }

    private ConfigFile(CommandSpec program, Path file, Set<OptionSpec> given) {
        this.program = program;
        this.file = file;
        this.given = given;
    }

    /**
     * The arguments that a file's options are.
     *
     * @param program the program that has the options
     * @param file the file
     * @param given options of the command line, which win
     * @return in the order of the file
     * @throws ParameterException if the file cannot be read, or has a key or a value that the program does not have
     */
    static List<String> arguments(CommandSpec program, Path file, Set<OptionSpec> given) {
        var config = new ConfigFile(program, file, given);
        config.read();
        return config.arguments;
    }

    private void read() {
        try {
            LoadSettings settings = LoadSettings.builder().setLabel(file.toString()).build();
            var parser = new ParserImpl(settings, new StreamReader(settings, TextFiles.read(file)));
            Node root = new Composer(settings, parser).getSingleNode().orElse(null);
            if (root == null) {
                return;
            }
            if (!(root instanceof MappingNode mapping)) {
                throw wrong(root, "it is no mapping of options, such as 'tokens: 5M'");
            }
            mapping.getValue().forEach(this::add);
        } catch (IOException e) {
            throw new ParameterException(program.commandLine(), "[config] %s cannot be read: %s".formatted(file, Reasons.of(e)), e);
        } catch (MarkedYamlEngineException e) {
            throw new ParameterException(program.commandLine(), "[config] %s is not YAML%s: %s".formatted(
                    file, e.getProblemMark().map(ConfigFile::line).orElse(""), e.getProblem()), e);
        } catch (YamlEngineException e) {
            throw new ParameterException(program.commandLine(),
                    "[config] %s is not YAML: %s".formatted(file, e.getMessage().lines().findFirst().orElse("")), e);
        }
    }

    private void add(NodeTuple entry) {
        String key = text(entry.getKeyNode(), "a key");
        OptionSpec option = program.optionsMap().get(DASHES + key);
        if (option == null || option.hidden()) {
            throw new UnknownKeyException(program, message(entry.getKeyNode(), "unknown key '%s'".formatted(key)), similar(key));
        }
        if (!ConfigLine.allows(option)) {
            throw wrong(entry.getKeyNode(), "%s belongs on the command line".formatted(key));
        }
        if (!keys.add(key)) {
            throw wrong(entry.getKeyNode(), "%s is given more than once".formatted(key));
        }
        if (given.contains(option) || entry.getValueNode().getTag().equals(Tag.NULL)) {
            return;
        }
        switch (entry.getValueNode()) {
            case ScalarNode scalar when option.arity().max() == 0 -> addFlag(option, scalar);
            case ScalarNode scalar -> add(option, scalar.getValue());
            case SequenceNode several when option.isMultiValue() ->
                    several.getValue().forEach(value -> add(option, text(value, "each value of " + key)));
            case MappingNode named when Map.class.isAssignableFrom(option.type()) -> named.getValue().forEach(pair -> add(option,
                    "%s=%s".formatted(text(pair.getKeyNode(), "each name of " + key), text(pair.getValueNode(), "each value of " + key))));
            default -> throw wrong(entry.getValueNode(),
                    "%s takes %s".formatted(key, option.isMultiValue() ? "a value or a list of values" : "one value"));
        }
    }

    private void addFlag(OptionSpec option, ScalarNode value) {
        switch (value.getValue().toLowerCase(Locale.ROOT)) {
            case "true" -> arguments.add(option.longestName());
            case "false" -> { }
            default -> throw wrong(value, "%s must be true or false, not '%s'".formatted(
                    option.longestName().substring(DASHES.length()), value.getValue()));
        }
    }

    private void add(OptionSpec option, String value) {
        arguments.add("%s=%s".formatted(option.longestName(), value));
    }

    private String text(Node node, String what) {
        if (node instanceof ScalarNode scalar && !scalar.getTag().equals(Tag.NULL)) {
            return scalar.getValue();
        }
        throw wrong(node, "%s must be a text or a number".formatted(what));
    }

    private List<String> similar(String key) {
        String name = DASHES + key.replaceFirst("^-+", "").replace('_', '-').toLowerCase(Locale.ROOT);
        List<String> names = program.optionsMap().containsKey(name) ? List.of(name)
                : UsageErrors.suggestions(program.commandLine(), List.of(name));
        return names.stream().map(program.optionsMap()::get).filter(ConfigLine::allows).map(option -> option.longestName().substring(DASHES.length()))
                .distinct().toList();
    }

    private ParameterException wrong(Node node, String problem) {
        return new ParameterException(program.commandLine(), message(node, problem));
    }

    private String message(Node node, String problem) {
        return "[config] %s%s: %s".formatted(file, node.getStartMark().map(ConfigFile::line).orElse(""), problem);
    }

    private static String line(Mark mark) {
        return ", line %d".formatted(mark.getLine() + 1);
    }
}
