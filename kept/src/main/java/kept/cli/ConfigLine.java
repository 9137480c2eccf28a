package kept.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Command lines that name a {@link ConfigFile}. The library that reads it is loaded for these alone. */
final class ConfigLine {
    /** Options that a file cannot have: they say what to do now, or are read before it. */
    private static final Set<String> OF_THE_COMMAND_LINE =
            Set.of(ConfigOptions.CONFIG, ConfigOptions.PRINT, RankOptions.RENDEZVOUS, "--help", "--version");

    private ConfigLine() {}

    /** Whether an option may be in a file. */
    static boolean allows(OptionSpec option) {
        return !OF_THE_COMMAND_LINE.contains(option.longestName());
    }

    /**
     * Puts the options of a file into a command line.
     *
     * @param root the program to run: a command, or {@code kept}, whose first argument is the command
     * @param arguments its arguments
     * @return the arguments, those of the file in place of its name and before the others, which win; the same arguments if no file is named
     * @throws ParameterException if the file cannot be read, or has a key or a value that the command does not have
     */
    static String[] expand(CommandSpec root, String... arguments) {
        int first = root.subcommands().isEmpty() ? 0 : 1;
        CommandSpec program = first == 0 ? root : arguments.length > 0 && root.subcommands().containsKey(arguments[0])
                ? root.subcommands().get(arguments[0]).getCommandSpec() : null;
        if (program == null || !program.optionsMap().containsKey(ConfigOptions.PRINT)) {
            return arguments;
        }
        List<String> own = Arrays.asList(arguments).subList(first, arguments.length);
        Path file = file(own);
        if (file == null) {
            return arguments;
        }
        Set<OptionSpec> given = new HashSet<>();
        own.stream().map(argument -> program.optionsMap().get(argument.replaceFirst("=.*", ""))).filter(option -> option != null).forEach(given::add);
        List<String> ofFile = ConfigFile.arguments(program, file, given);
        List<String> others = new ArrayList<>(own);
        int named = others.indexOf(ConfigOptions.CONFIG);
        if (named >= 0) {
            others.subList(named, named + 2).clear();
        }
        others.removeIf(argument -> argument.startsWith(ConfigOptions.CONFIG + "=") || isUndone(program, argument));
        return Stream.of(Stream.of(arguments).limit(first), ofFile.stream(), others.stream()).flatMap(part -> part).toArray(String[]::new);
    }

    /**
     * Requires that no file is left to be read: one in a file of options, {@code @FILE}, which the parser opens, would be passed over.
     *
     * @param parsed the command line
     * @throws ParameterException if there is one
     */
    static void requireNoneLeft(ParseResult parsed) {
        ParseResult last = parsed.hasSubcommand() ? parsed.subcommand() : parsed;
        if (last.commandSpec().optionsMap().containsKey(ConfigOptions.PRINT) && last.hasMatchedOption(ConfigOptions.CONFIG)) {
            throw new ParameterException(last.commandSpec().commandLine(),
                    "--config must be on the command line itself, not in a file of options (@FILE)");
        }
    }

    /** The file that a command line names once; null if there is none, or it is for the parser to refuse. */
    private static Path file(List<String> arguments) {
        List<String> named = new ArrayList<>();
        for (int i = 0; i < arguments.size(); i++) {
            if (arguments.get(i).startsWith(ConfigOptions.CONFIG + "=")) {
                named.add(arguments.get(i).substring(ConfigOptions.CONFIG.length() + 1));
            } else if (arguments.get(i).equals(ConfigOptions.CONFIG) && i + 1 < arguments.size()) {
                named.add(arguments.get(i + 1));
            }
        }
        try {
            return named.size() == 1 && !named.getFirst().isEmpty() && !named.getFirst().startsWith("--") ? Path.of(named.getFirst()) : null;
        } catch (InvalidPathException e) {
            return null;
        }
    }

    /** Beside a file, a flag may be given as {@code --NAME=false}, which undoes that of the file. */
    private static boolean isUndone(CommandSpec program, String argument) {
        OptionSpec option = program.optionsMap().get(argument.replaceFirst("=.*", ""));
        return option != null && option.arity().max() == 0 && argument.endsWith("=false");
    }
}
