package kept.bench;

import java.util.Arrays;
import java.util.stream.Stream;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import picocli.CommandLine;

/** JMH's own command line. No other class of the program needs JMH to be loaded: {@code bin/gpu-check} packs the benchmarks without it. */
final class JmhCommand {
    private static final String PREPEND = "-jvmArgsPrepend";
    private static final String JVM_OPTIONS = "--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED";

    private JmhCommand() {}

    /** Runs JMH and returns the exit status, -1 where JMH ends the program itself. */
    static int execute(String... given) throws Exception {
        String[] arguments = Arrays.stream(given).map(argument -> argument.equals("--help") ? "-h" : argument).toArray(String[]::new);
        try {
            new CommandLineOptions(arguments);
        } catch (CommandLineOptionException e) {
            System.err.printf("bench jmh: %s; see bench jmh --help%n", Main.inOneLine(e));
            return CommandLine.ExitCode.USAGE;
        }
        var all = Arrays.stream(arguments);
        if (Arrays.stream(arguments).noneMatch(PREPEND::equals)) {
            all = Stream.concat(Stream.of(PREPEND, JVM_OPTIONS), all);
        }
        org.openjdk.jmh.Main.main(all.toArray(String[]::new));
        return -1;
    }
}
