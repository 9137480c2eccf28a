package kept.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import kept.run.Interruption;
import kept.run.StoppedException;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Parses the command line of a program, runs it, and explains failures. */
final class ProgramLine {
    private ProgramLine() {}

    /** Runs a program from its command line, with standard output as the place of results, and returns the exit code. */
    static int execute(Program program, String... arguments) {
        RankConsole console = RankConsole.current();
        CommandLine line = of(program).setOut(console.ofFirst(StandardOutput.ofProcess()));
        return line.setErr(console.ofFirst(line.getErr())).execute(arguments);
    }

    /** Creates the command line of a program; it writes to the terminal by default. */
    static CommandLine of(Program program) {
        CommandLine line = new CommandLine(program) {
            @Override
            public int execute(String... arguments) {
                return super.execute(FormerNames.replace(getCommandSpec(), arguments));
            }
        };
        return line.setCaseInsensitiveEnumValuesAllowed(true).registerConverter(Path.class, new PathArgument())
                .setExecutionExceptionHandler(ProgramLine::explain).setExecutionStrategy(ProgramLine::runLast)
                .setParameterExceptionHandler((failure, _) -> refuse(unknownFirst(failure)));
    }

    /** Wrong usage that the parser cannot see. */
    static RuntimeException wrongUsage(CommandSpec spec, String message, Throwable cause) {
        return new ParameterException(spec.commandLine(), message, cause);
    }

    /** A missing option may be a misspelt one; then the message names the option that was given. */
    private static ParameterException unknownFirst(ParameterException failure) {
        List<String> unknown = failure.getCommandLine().getUnmatchedArguments();
        return failure instanceof CommandLine.MissingParameterException && !unknown.isEmpty()
                ? new UnmatchedArgumentException(failure.getCommandLine(), unknown) : failure;
    }

    /** Explains wrong usage in one line, with the names that may have been meant, and where all options are explained. */
    private static int refuse(ParameterException wrong) {
        CommandLine command = wrong.getCommandLine();
        PrintWriter err = Terminal.error(command.getErr());
        RankConsole.current().report(err, wrong.getMessage().strip().replaceAll("\\s*\\R\\s*", "; "));
        UnmatchedArgumentException.printSuggestions(wrong, err);
        err.println("See '%s --help'.".formatted(command.getCommandSpec().qualifiedName()));
        return Program.WRONG_USAGE;
    }

    private static int runLast(CommandLine.ParseResult parsed) {
        CommandLine command = parsed.commandSpec().commandLine();
        try {
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
