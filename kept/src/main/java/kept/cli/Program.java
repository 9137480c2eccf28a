package kept.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.corpus.Corpus;
import kept.corpus.DocumentReader;
import kept.distributed.Communicator;
import kept.run.SoftwareVersion;
import kept.tensor.Device;
import kept.tensor.DeviceException;
import kept.tensor.OutOfMemoryException;
import kept.text.ShellWord;
import kept.text.VisibleText;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The base class of the programs: help, exit codes, and failures explained in one line. The JVM can load and start this class and the programs
 * without the libraries of the command line, so that {@link #execute} can name the missing artifact: no method of theirs converts a type of these
 * libraries to another one, for which the verifier would load both. {@link ProgramLine} does that.
 */
@Command(
        mixinStandardHelpOptions = true,
        versionProvider = Program.Version.class,
        usageHelpAutoWidth = true,
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:success", "1:failure, with one line on standard error; also results that cannot be printed", "2:wrong usage",
            "130:interrupted, as by Ctrl-C"
        },
        footer = {
            "",
            "A model may be named by its directory or, if the Hugging Face cache has it, as OWNER/NAME or OWNER/NAME@REVISION.",
            "Numbers may be written 64k, 1.5M, 1e6 or 1_000_000, sizes 5GB or 4GiB; k is 1,000 and Ki is 1,024. Names of choices may be in any case."
        })
public abstract class Program implements Callable<Integer> {
    public static final int WRONG_USAGE = 2;
    public static final int FAILURE = 1;
    /** The exit code of a program that Ctrl-C ended: 128 and the number of the signal. */
    public static final int INTERRUPTED = 130;

    /** Options that lower the memory use on a device, in programs that have them. */
    private static final List<String> LESS_MEMORY = List.of(
            "--batch-size", "--sequence-length", "--checkpoint-activations", "--optimizer adamw-8bit", "--train-dtype bf16", "--spill");

    @Spec
    private CommandSpec spec;

    /** The results of {@link #out} and {@link #err}, created at first use. */
    private PrintWriter out;
    private PrintWriter err;
    private TerminalProgress progress;

    @Option(names = "--debug", description = "Show the stack trace of a failure.", order = 1000)
    private boolean debug;

    /** Runs a program from its command line and returns the exit code; results that cannot be printed are a failure, help and version included. */
    public static int execute(Program program, String... arguments) {
        // Numbers are printed the same everywhere, for readers and for other programs.
        Locale.setDefault(Locale.ROOT);
        Thread.setDefaultUncaughtExceptionHandler((_, failure) -> report(Failures.line(failure)));
        try {
            return RankConsole.begin(arguments).close(executeOnRank(program, arguments));
        } catch (Throwable e) {
            // Before a program runs, or while its failure is explained: the command line is not to be relied on any more.
            report(Failures.line(e));
            return RankConsole.current().close(FAILURE);
        }
    }

    private static int executeOnRank(Program program, String... arguments) {
        if (!CommandLineArtifact.isPresent()) {
            report(CommandLineArtifact.REMEDY);
            return FAILURE;
        }
        for (String argument : arguments) {
            if (PathArgument.isUndecoded(argument)) {
                report("'%s' holds characters that this locale's encoding, %s, does not have; set LC_ALL=C.UTF-8"
                        .formatted(VisibleText.escaped(argument), System.getProperty("sun.jnu.encoding")));
                return WRONG_USAGE;
            }
        }
        return ProgramLine.execute(program, arguments);
    }

    private static void report(String line) {
        RankConsole.current().report(new PrintWriter(System.err, true), line);
    }

    /** Creates the command line of a program; it writes to the terminal by default. */
    public static CommandLine commandLine(Program program) {
        return ProgramLine.of(program);
    }

    /** Whether {@code --debug} asks for the stack trace of a failure. */
    final boolean showsStackTrace() {
        return debug;
    }

    /** Wrong usage that the parser cannot see, to be thrown. */
    protected final RuntimeException wrongUsage(String message) {
        return ProgramLine.wrongUsage(spec, message, null);
    }

    /** Wrong usage that the parser cannot see, to be thrown, with its cause. */
    protected final RuntimeException wrongUsage(String message, Throwable cause) {
        return ProgramLine.wrongUsage(spec, message, cause);
    }

    /** Why a device cannot be used, without its name. */
    public static String reason(String device, DeviceException failure) {
        String line = Failures.line(failure);
        String prefix = "[device] %s: ".formatted(device);
        return line.startsWith(prefix) ? line.substring(prefix.length()) : line;
    }

    /** Executes the program and returns the exit code. */
    protected abstract int run();

    /** The commands of a program that only dispatches to them, by name, in the order of its help. */
    protected SequencedMap<String, Supplier<Program>> commands() {
        return Collections.emptySortedMap();
    }

    /** Refuses wrong usage that the parser cannot see, before any other check. */
    protected void checkUsage() { }

    /** Whether this program divides its work when a launcher such as {@code mpirun} has started it several times; it then uses {@link #ranks}. */
    protected boolean runsOnRanks() {
        return false;
    }

    /** The processes that share the work of a program that {@linkplain #runsOnRanks runs on ranks}. */
    protected final Communicator ranks() {
        return RankConsole.current().communicator();
    }

    /**
     * The processes that share the work of a program whose tensors go from rank to rank. From now on those of the device go directly where that is
     * possible; a note says how they go.
     *
     * @param device this rank's device
     */
    protected final Communicator ranks(Device device) {
        return RankConsole.current().link(device, err());
    }

    /**
     * The text of files. Rank 0 alone reads it, so the other ranks need not have them.
     *
     * @param files those of {@link Corpus#of}
     * @param field of records that holds the text
     */
    protected final Corpus text(List<Path> files, String field) {
        return ranks().rank() == 0 ? Corpus.of(files, field) : new TextOfFirst(files.toString());
    }

    /** A text of rank 0, in another rank. */
    private record TextOfFirst(String description) implements Corpus {
        @Override
        public DocumentReader open() {
            throw new IllegalStateException("rank 0 alone reads " + description);
        }
    }

    /** Whether this program may go on in this process; wrong usage if a launcher has started several that would do the same. */
    private boolean joinsRanks() {
        RankConsole console = RankConsole.current();
        if (!console.isOneOfSeveral()) {
            return true;
        }
        if (runsOnRanks()) {
            console.open();
            return true;
        }
        if (console.isFirst()) {
            throw wrongUsage("%s works in one process, but %s; start it without the launcher".formatted(spec.name(), console.origin()));
        }
        return false;
    }

    /** Whether this command line only prints its options as a file for {@code --config}. */
    protected boolean printsConfig() {
        return false;
    }

    /** Whether this command line writes the outputs it names; a plan, for one, does not. */
    protected boolean writes() {
        return true;
    }

    /**
     * Delivers all results even if one fails, and throws the first failure. Files come before printed results. Of several ranks, rank 0 alone
     * delivers them.
     */
    protected final void deliver(Runnable... results) {
        if (ranks().rank() > 0) {
            return;
        }
        RuntimeException failed = null;
        for (Runnable result : results) {
            try {
                result.run();
            } catch (RuntimeException e) {
                if (failed == null) {
                    failed = e;
                } else {
                    failed.addSuppressed(e);
                }
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    /** The inputs on the command line, which outputs must not replace. */
    protected final Path[] inputs() {
        return arguments().inputs();
    }

    private PathArguments arguments() {
        return PathArguments.of(spec.commandLine().getParseResult());
    }

    @Override
    public final Integer call() {
        try {
            if (!joinsRanks()) {
                return WRONG_USAGE;
            }
            OptionValues.require(spec);
            arguments().requireNames(spec.commandLine());
            checkUsage();
            if (printsConfig()) {
                ConfigText.print(spec, out());
                return 0;
            }
            arguments().requireModels();
            if (writes() && ranks().rank() == 0) {
                arguments().requireOutputs();
            }
            return run();
        } catch (Error e) {
            // The command line explains exceptions only.
            throw new ProgramException(Failures.line(e), e);
        } catch (OutOfMemoryException e) {
            String options = LESS_MEMORY.stream().filter(option -> spec.optionsMap().containsKey(option.split(" ")[0]))
                    .collect(Collectors.joining(", "));
            throw options.isEmpty() ? e : new ProgramException("%s; options that lower it: %s".formatted(Failures.line(e), options), e);
        }
    }

    /** The command line that runs this program, however it was started, in words of a shell. */
    protected final String commandLine() {
        return words().map(ShellWord::quoted).collect(Collectors.joining(" ", "kept ", ""));
    }

    /** The command and its arguments as they were given. */
    private Stream<String> words() {
        List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
        return spec.parent() == null ? Stream.concat(Stream.of(spec.name()), arguments.stream()) : arguments.stream();
    }

    /** The command line as the recipe of its output: without what changes no byte of the model. */
    protected final String recipe() {
        return Recipe.of(words().toList());
    }

    /**
     * This command line with some other options, in words of a shell.
     *
     * @param changes the value of each option that changes, by its name; empty for a flag, null for an option to leave out
     */
    protected final String commandWith(SequencedMap<String, String> changes) {
        return program() + Recipe.with(spec, changes).substring(Recipe.PROGRAM.length());
    }

    /** What starts the programs, as the user has written it or the shell has found it, as a word of a shell. */
    protected static String program() {
        return ShellWord.quoted(System.getProperty("kept.command", "bin/" + Recipe.PROGRAM));
    }

    /** The options and parameters of this program. */
    protected final CommandSpec spec() {
        return spec;
    }

    /** Standard output, for results. */
    protected final PrintWriter out() {
        if (out == null) {
            out = Terminal.output(spec.commandLine().getOut());
        }
        return out;
    }

    /** Standard error, for progress and notes. */
    protected final PrintWriter err() {
        if (err == null) {
            err = Terminal.error(spec.commandLine().getErr());
        }
        return err;
    }

    /** Shows progress on standard error. */
    protected final TerminalProgress progress() {
        return progress(false);
    }

    /** Shows progress on standard error, and details if they are wanted; the first call decides. */
    protected final TerminalProgress progress(boolean verbose) {
        if (progress == null) {
            progress = new TerminalProgress(err(), verbose);
        }
        return progress;
    }

    /** Prints one line about the device. */
    protected final void report(Device device) {
        err().println(device.backend().description());
    }

    /** The device a program computes on, and the number of CPU threads. */
    public static final class DeviceOptions {
        @Spec(Spec.Target.MIXEE)
        private CommandSpec program;

        @Option(names = "--device", paramLabel = "NAME", defaultValue = "cpu", converter = LowerCase.class,
                description = "Device: cpu; cuda, the first usable GPU, or of several ranks on a machine a GPU for each; cuda:N, the GPU with index "
                        + "N; or auto, which is cuda where it can be used and else cpu, with the reason (default: ${DEFAULT-VALUE}). "
                        + "info --devices lists them.", order = 900)
        private String device;

        private Device opened;

        @Option(names = "--threads", paramLabel = "N", order = 901,
                description = "CPU threads (default: the system property kept.threads, or one per physical core). "
                        + "The result does not depend on it.")
        private Integer threads;

        /**
         * Opens the device, once. {@code --threads} overrides the system property.
         *
         * @return the device
         */
        public Device open() {
            if (threads != null) {
                System.setProperty("kept.threads", threads.toString());
            }
            if (opened == null) {
                opened = RankDevice.open(device, RankConsole.current().communicator(), program.commandLine().getErr());
            }
            return opened;
        }
    }

    /** Reads the version from the jar. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {SoftwareVersion.text()};
        }
    }
}
