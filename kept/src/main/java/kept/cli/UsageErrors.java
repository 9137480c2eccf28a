package kept.cli;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.MaxValuesExceededException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.MutuallyExclusiveArgsException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Explains wrong usage in at most three lines: what is wrong, what may have been meant, and where help is. */
final class UsageErrors {
    /** The suggestions that a line shows. */
    private static final int SHOWN = 3;

    private UsageErrors() {}

    /**
     * Explains wrong usage. An option that does not exist comes before anything else: what else is wrong may follow from it.
     *
     * @param wrong what the parser or a program found
     * @param arguments the command line
     * @return the exit code
     */
    static int explain(ParameterException wrong, String... arguments) {
        CommandLine command = wrong.getCommandLine();
        ParseResult whole = lenient(command, arguments);
        if (whole.hasSubcommand() && !whole.unmatched().isEmpty()) {
            // What stands before a command is no option of it, and what is wrong with the command may follow from that.
            CommandLine root = whole.commandSpec().commandLine();
            return answer(root, new UnmatchedArgumentException(root, whole.unmatched()), whole);
        }
        return answer(command, wrong, last(whole));
    }

    private static int answer(CommandLine command, ParameterException wrong, ParseResult read) {
        boolean isInFile = wrong instanceof ConfigFile.UnknownKeyException;
        List<String> unknown = isInFile ? List.of() : unknownOptions(command, read);
        PrintWriter err = Terminal.error(command.getErr());
        String reason = unknown.isEmpty() ? reason(wrong, read) : unknown.stream().map("'%s'"::formatted)
                .collect(Collectors.joining(", ", unknown.size() == 1 ? "Unknown option: " : "Unknown options: ", ""));
        RankConsole.current().report(err, reason.strip().replaceAll("\\s*\\R\\s*", "; "));
        List<String> meant = unknown.isEmpty() ? suggestions(wrong) : suggestions(command, unknown);
        if (!meant.isEmpty()) {
            err.println("Did you mean %s?".formatted(String.join(" or ", meant)));
        }
        err.println("See '%s --help'.".formatted(command.getCommandSpec().qualifiedName()));
        return Program.WRONG_USAGE;
    }

    /** Reads a command line to its end, whatever is wrong with it. */
    private static ParseResult lenient(CommandLine command, String... arguments) {
        CommandLine root = command.getCommandSpec().root().commandLine();
        collectErrors(root);
        return root.parseArgs(FormerNames.replace(root.getCommandSpec(), arguments));
    }

    private static ParseResult last(ParseResult whole) {
        return whole.hasSubcommand() ? last(whole.subcommand()) : whole;
    }

    private static void collectErrors(CommandLine command) {
        command.getCommandSpec().parser().collectErrors(true);
        command.getSubcommands().values().forEach(UsageErrors::collectErrors);
    }

    /** Options of no program, also those that an option with any number of files has taken for a file. */
    private static List<String> unknownOptions(CommandLine command, ParseResult read) {
        CommandSpec program = command.getCommandSpec();
        if (!program.subcommands().isEmpty()) {
            return List.of();   // What follows an unknown command belongs to it.
        }
        Stream<String> taken = read.matchedOptions().stream().map(OptionSpec::getValue).flatMap(UsageErrors::paths)
                .filter(path -> !Files.exists(path)).map(Path::toString);
        return Stream.concat(read.unmatched().stream(), taken).filter(argument -> isOption(program, argument))
                .map(argument -> argument.replaceFirst("=.*", "")).distinct().toList();
    }

    private static boolean isOption(CommandSpec program, String argument) {
        return argument.startsWith("--") && argument.length() > 2 && !program.optionsMap().containsKey(argument.replaceFirst("=.*", ""));
    }

    private static Stream<Path> paths(Object value) {
        return switch (value) {
            case Path path -> Stream.of(path);
            case CorpusArgument corpus -> Stream.of(corpus.file());
            case Collection<?> several -> several.stream().flatMap(UsageErrors::paths);
            case Map<?, ?> named -> paths(named.values());
            case null, default -> Stream.of();
        };
    }

    /**
     * Refuses options of no program that were taken for files.
     *
     * @throws UnmatchedArgumentException naming them
     */
    static void requireKnownOptions(CommandLine command) {
        List<String> unknown = unknownOptions(command, command.getParseResult());
        if (!unknown.isEmpty()) {
            throw new UnmatchedArgumentException(command, unknown);
        }
    }

    private static String reason(ParameterException wrong, ParseResult read) {
        if (wrong instanceof MaxValuesExceededException || wrong instanceof MutuallyExclusiveArgsException) {
            List<OptionSpec> grouped = read.originalArgs().stream().map(argument -> argument.replaceFirst("=.*", ""))
                    .map(name -> read.commandSpec().optionsMap().get(name)).filter(option -> option != null && option.group() != null).toList();
            List<String> names = grouped.stream().map(OptionSpec::longestName).distinct().toList();
            if (names.size() < grouped.size()) {
                return names.stream().filter(name -> grouped.stream().filter(option -> option.longestName().equals(name)).count() > 1)
                        .collect(Collectors.joining(", ")) + " is given more than once";
            }
            if (names.size() > 1) {
                return String.join(" and ", names) + " exclude each other";
            }
        }
        if (wrong.getArgSpec() instanceof OptionSpec option && option.auxiliaryTypes()[0].isEnum() && option.converters().length == 0
                && wrong.getValue() != null) {
            return "Invalid value for option '%s': '%s' is not one of %s".formatted(option.longestName(), wrong.getValue(),
                    Arrays.stream(option.auxiliaryTypes()[0].getEnumConstants()).map(Object::toString).collect(Collectors.joining(", ")));
        }
        if (wrong instanceof UnmatchedArgumentException unmatched && !unmatched.isUnknownOption()) {
            return wrong.getCommandLine().getSubcommands().isEmpty() ? unmatched.getUnmatched().stream().map("'%s'"::formatted)
                    .collect(Collectors.joining(", ", unmatched.getUnmatched().size() == 1 ? "Unexpected argument: " : "Unexpected arguments: ", ""))
                    : "Unknown command: '%s'".formatted(unmatched.getUnmatched().getFirst());
        }
        return wrong.getMessage().replaceFirst("^Error: ", "").replaceFirst("is not a (double|float)$", "is not a number");
    }

    private static List<String> suggestions(ParameterException wrong) {
        if (wrong instanceof ConfigFile.UnknownKeyException key) {
            return key.meant();
        }
        return wrong instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions().stream().limit(SHOWN)
                .map(name -> wrong.getCommandLine().getCommandSpec().qualifiedName() + " " + name).toList() : List.of();
    }

    /**
     * What unknown options may mean. The parser suggests all options that begin with the same two letters; of these, those that have most of the
     * beginning in common.
     */
    static List<String> suggestions(CommandLine command, List<String> unknown) {
        var meant = new ArrayList<String>();
        for (String name : unknown) {
            List<String> similar = new UnmatchedArgumentException(command, List.of(name)).getSuggestions();
            int most = similar.stream().mapToInt(other -> common(name, other)).max().orElse(0);
            similar.stream().filter(other -> common(name, other) == most).limit(SHOWN).forEach(meant::add);
        }
        return meant.stream().distinct().toList();
    }

    private static int common(String a, String b) {
        int length = 0;
        while (length < Math.min(a.length(), b.length()) && a.charAt(length) == b.charAt(length)) {
            length++;
        }
        return length;
    }
}
