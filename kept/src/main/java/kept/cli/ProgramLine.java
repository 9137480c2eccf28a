package kept.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Stream;
import kept.run.Interruption;
import kept.run.StoppedException;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParameterException;

/** Parses the command line of a program, runs it, and explains failures. */
final class ProgramLine {
    private static final List<String> HELP = List.of("--help", "-h");

    private ProgramLine() {}

    /** Runs a program from its command line, with standard output as the place of results, and returns the exit code. */
    static int execute(Program program, String... arguments) {
        RankConsole console = RankConsole.current();
        CommandLine line = of(program, arguments).setOut(console.ofFirst(StandardOutput.ofProcess()));
        return line.setErr(console.ofFirst(line.getErr())).execute(arguments);
    }

    /**
     * Creates the command line of a program; it writes to the terminal by default.
     *
     * @param program the program
     * @param arguments if they begin with a command of the program, it has this one alone: to read the options of all takes a tenth of a second
     */
    static CommandLine of(Program program, String... arguments) {
        CommandLine line = new CommandLine(program) {
            @Override
            public int execute(String... arguments) {
                String[] present = FormerNames.replace(getCommandSpec(), helpAsOption(getCommandSpec(), arguments));
                String[] all;
                try {
                    all = ConfigLine.expand(getCommandSpec(), present);
                } catch (ParameterException e) {
                    return UsageErrors.explain(e, present);
                }
                return super.execute(all);
            }
        };
        program.commands().forEach((name, command) -> {
            if (arguments.length == 0 || arguments[0].equals(name) || !program.commands().containsKey(arguments[0])) {
                line.addSubcommand(name, command.get());
            }
        });
        var whole = new Quantity.OfInt();
        var large = new Quantity.OfLong();
        line.setCaseInsensitiveEnumValuesAllowed(true).registerConverter(Path.class, new PathArgument())
                .registerConverter(int.class, whole).registerConverter(Integer.class, whole)
                .registerConverter(long.class, large).registerConverter(Long.class, large)
                .setExecutionExceptionHandler(ProgramLine::explain).setExecutionStrategy(ProgramLine::runLast)
                .setParameterExceptionHandler(UsageErrors::explain);
        var sections = new LinkedHashMap<>(line.getHelpSectionMap());
        sections.put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, OptionGroup::list);
        return line.setHelpSectionMap(sections);
    }

    /**
     * The arguments, with {@code help COMMAND}, as other programs have it, read as {@code COMMAND --help}. For a command that does not exist no help
     * is asked for, so that it is named.
     */
    private static String[] helpAsOption(CommandSpec program, String... arguments) {
        if (program.subcommands().isEmpty() || arguments.length == 0) {
            return arguments;
        }
        boolean isHelp = arguments[0].equals("help");
        List<String> words = List.of(arguments).subList(isHelp ? 1 : 0, arguments.length);
        boolean isKnown = words.isEmpty() || words.getFirst().startsWith("-") || program.subcommands().containsKey(words.getFirst());
        Stream<String> asked = isKnown ? words.stream() : words.stream().filter(word -> !HELP.contains(word));
        return Stream.concat(asked, isHelp && isKnown ? Stream.of(HELP.getFirst()) : Stream.of()).toArray(String[]::new);
    }

    /** Wrong usage that the parser cannot see. */
    static RuntimeException wrongUsage(CommandSpec spec, String message, Throwable cause) {
        return new ParameterException(spec.commandLine(), message, cause);
    }

    private static int runLast(CommandLine.ParseResult parsed) {
        CommandLine command = parsed.commandSpec().commandLine();
        try {
            ConfigLine.requireNoneLeft(parsed);
            try {
                return new CommandLine.RunLast().execute(parsed);
            } finally {
                command.getOut().flush();
            }
        } catch (StandardOutput.Failure e) {
            RankConsole.current().report(command.getErr(), e.getMessage());
            return Program.FAILURE;
        }
    }

    private static int explain(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        Program program = command.getCommand();
        RankConsole console = RankConsole.current();
        if (failure instanceof StoppedException) {
            console.communicator().fail("interrupted");
            return Program.INTERRUPTED;
        }
        if (Interruption.isProcessEnding()) {
            console.report(command.getErr(), "interrupted");
            return Program.INTERRUPTED;
        }
        if (program.showsStackTrace()) {
            failure.printStackTrace(Terminal.error(console.isFirst() ? command.getErr() : new PrintWriter(System.err, true)));
        }
        console.report(command.getErr(), Failures.line(failure));
        return Program.FAILURE;
    }
}
