package kept;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import kept.tensor.Device;
import kept.tensor.TensorException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What all programs share: help, exit codes, and failures told in one line. */
@Command(
        mixinStandardHelpOptions = true,
        versionProvider = Program.Version.class,
        usageHelpAutoWidth = true,
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:success", "1:failure, told in one line", "2:wrong usage"})
abstract class Program implements Callable<Integer> {
    static final int WRONG_USAGE = 2;
    static final int FAILURE = 1;

    @Spec
    private CommandSpec spec;

    @Option(names = "--debug", description = "Show the stack trace of a failure.", order = 1000)
    private boolean debug;

    /** Runs a program from its command line and tells the exit code. */
    static int execute(Program program, String... arguments) {
        return new CommandLine(program)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler(Program::explain)
                .execute(arguments);
    }

    private static int explain(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        boolean expected = failure instanceof TensorException || failure instanceof ProgramException;
        Program program = command.getCommand();
        if (program.debug || !expected) {
            failure.printStackTrace(command.getErr());
        }
        command.getErr().println("kept: " + (expected ? failure.getMessage() : "unexpected failure, please report it: " + failure));
        return FAILURE;
    }

    abstract int run();

    @Override
    public final Integer call() {
        return run();
    }

    final CommandSpec spec() {
        return spec;
    }

    /** Where results go. */
    final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** Where progress and remarks go. */
    final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** Which device a program computes on, and with how many threads. */
    static final class DeviceOptions {
        @Option(names = "--device", paramLabel = "NAME", defaultValue = "cpu",
                description = "Where to compute (default: ${DEFAULT-VALUE}).", order = 900)
        private String device;

        @Option(names = "--threads", paramLabel = "N",
                description = "Threads to compute with (default: all processors). The result does not depend on it.", order = 901)
        private Integer threads;

        /** Opens the device and says in one line what it is. */
        Device open(Program program) {
            if (threads != null) {
                if (threads < 1) {
                    throw new CommandLine.ParameterException(program.spec().commandLine(), "--threads must be at least 1, not " + threads);
                }
                System.setProperty("kept.threads", threads.toString());
            }
            Device opened = Device.of(device);
            program.err().println(opened.backend().description());
            return opened;
        }
    }

    /** Reads the version from the jar. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Program.class.getModule().getDescriptor() == null
                    ? null
                    : Program.class.getModule().getDescriptor().rawVersion().orElse(null);
            return new String[] {"kept " + (version == null ? "(built from source)" : version)};
        }
    }
}
