package kept.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import kept.bench.recording.GpuModel;
import kept.tensor.Device;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * The program {@code bin/bench}: prints a table of the named benchmarks. {@code jmh} runs JMH's own command line, {@code xkd} times the XKD step on
 * the CPU, {@code ranks} on several processes, {@code gpu} times kernels and step on a GPU, {@code step} and {@code calibration} predict without one.
 */
@Command(
        name = "bench",
        description = "Measures this library, its peers and the roofline bounds of the processor in interleaved rounds, and prints a table.",
        usageHelpAutoWidth = true,
        sortOptions = false)
public final class Main implements Callable<Integer> {
    private static final String STANDARD_OUTPUT = "-";

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", arity = "0..*", description = "Benchmarks to run; see the list below.")
    private List<String> names = List.of();

    @Option(names = "--threads", paramLabel = "N",
            description = "Threads of this library, of its peers and of the bounds (default: one per physical core).")
    private Integer threads;

    @Option(names = "--only", paramLabel = "REGEX",
            description = "Measure only the rows whose first two columns contain a match, such as 'backward T 2048'.")
    private Pattern only = Pattern.compile("");

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "5",
            description = "Interleaved rounds; the table shows their median (${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--seconds", paramLabel = "S", defaultValue = "0.1",
            description = "Minimum duration of one sample: one side in one round (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--no-peer", description = "Measure without peers: libtorch, OpenBLAS, llama.cpp.")
    private boolean noPeer;

    @Option(names = "--plain", description = "Also run each plain loop once on one thread; this takes minutes for the largest sizes.")
    private boolean plain;

    @Option(names = "--json", paramLabel = "FILE", arity = "0..1", fallbackValue = STANDARD_OUTPUT,
            description = "Write the rows as JSON to FILE; without FILE to standard output, and the table to standard error.")
    private String json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help.")
    private boolean help;

    private Main() {}

    /**
     * Runs benchmarks and exits with 0 on success, 1 on failure, 2 on wrong usage.
     *
     * @param arguments names of benchmarks and options; or {@code jmh}, {@code xkd}, {@code ranks}, {@code gpu}, {@code step} or
     *     {@code calibration} and their arguments; or {@code -l}
     * @throws Exception if JMH fails
     */
    public static void main(String[] arguments) throws Exception {
        int status = execute(arguments);
        if (status >= 0) {
            System.exit(status);
        }
    }

    /** Runs benchmarks and returns the exit status, -1 where JMH ends the program itself. */
    static int execute(String... arguments) throws Exception {
        String first = arguments.length == 0 ? "" : arguments[0];
        String[] rest = Arrays.copyOfRange(arguments, Math.min(1, arguments.length), arguments.length);
        return switch (first) {
            case "xkd" -> withShortErrors(new CommandLine(new XkdBenchmark()).setCaseInsensitiveEnumValuesAllowed(true)).execute(rest);
            case "gpu" -> withShortErrors(new CommandLine(new GpuBenchmark())).execute(rest);
            case "step" -> withShortErrors(new CommandLine(new StepBenchmark())).execute(rest);
            case "ranks" -> withShortErrors(new CommandLine(new RanksBenchmark()).setCaseInsensitiveEnumValuesAllowed(true)).execute(rest);
            case "calibration" -> withShortErrors(new CommandLine(new CalibrationBenchmark())).execute(rest);
            case "jmh" -> JmhCommand.execute(rest);
            case "-l" -> JmhCommand.execute(arguments);
            default -> withShortErrors(commandLine()).execute(arguments);
        };
    }

    /** Reports wrong usage with status 2 and files that cannot be read or written with status 1, each in one line. */
    private static CommandLine withShortErrors(CommandLine commandLine) {
        String name = commandLine.getCommandName();
        return commandLine
                .setParameterExceptionHandler((e, _) -> {
                    System.err.printf("%s: %s; see %s --help%n", name, inOneLine(e), name);
                    return CommandLine.ExitCode.USAGE;
                })
                .setExecutionExceptionHandler((e, _, _) -> {
                    if (!(e instanceof IOException)) {
                        throw e;
                    }
                    System.err.printf("%s: %s%n", name, e);
                    return CommandLine.ExitCode.SOFTWARE;
                });
    }

    static String inOneLine(Exception e) {
        return e.getMessage().strip().replaceAll("\\s*\\R\\s*", " ");
    }

    /** Checks the value of an option that counts. */
    static void checkAtLeastOne(CommandSpec spec, String option, int value) {
        if (value < 1) {
            throw new ParameterException(spec.commandLine(), "%s must be 1 or more, not %d".formatted(option, value));
        }
    }

    /** Returns the GPU that {@code --gpu} names. */
    static GpuModel gpuModel(CommandSpec spec, String name) {
        return GpuModel.of(name).orElseThrow(() -> new ParameterException(spec.commandLine(), "Unknown GPU '%s' for --gpu: %s"
                .formatted(name, String.join(", ", GpuModel.ALL.stream().map(GpuModel::label).toList()))));
    }

    private static CommandLine commandLine() {
        var commandLine = new CommandLine(new Main());
        List<String> footer = new ArrayList<>(List.of("", "NAME is one of:"));
        for (Suite suite : Suite.values()) {
            footer.add("  %-10s %s".formatted(suite.label(), suite.description()));
        }
        footer.addAll(List.of("  all        all of these", "", "Other forms:",
                "  bench xkd --config S|M|L [--steps N]  times the XKD step on the CPU",
                "  bench ranks [OPTIONS]                 times the XKD step on ranks that mpirun starts, and in one process",
                "  bench gpu [OPTIONS]                   times kernels and the XKD step on a GPU",
                "  bench step [OPTIONS]                  records a step without a GPU, and predicts its time by kernel",
                "  bench calibration [OPTIONS]           predicts the time of the mapping calibrated on a GPU, without one",
                "  bench jmh ARGUMENTS                   runs JMH on the same benchmarks",
                "  bench -l                              lists the benchmarks of JMH"));
        commandLine.getCommandSpec().usageMessage().footer(footer.toArray(String[]::new));
        return commandLine;
    }

    @Override
    public Integer call() throws IOException {
        List<Suite> suites = suites();
        if (suites.isEmpty()) {
            spec.commandLine().usage(System.out);
            return 0;
        }
        checkAtLeastOne(spec, "--rounds", rounds);
        if (!(seconds > 0)) {
            throw new ParameterException(spec.commandLine(), "--seconds must be above 0, not " + seconds);
        }
        if (threads != null) {
            checkAtLeastOne(spec, "--threads", threads);
            System.setProperty(Threads.PROPERTY, threads.toString());
        }
        PrintStream out = STANDARD_OUTPUT.equals(json) ? System.err : System.out;
        out.println(Device.cpu().backend().description());
        Set<Peer> peers = noPeer ? Set.of() : available(suites, out);
        List<Row> rows = table(suites, out, new InterleavedRunner(rounds, (long) (seconds * 1e9), peers, plain));
        if (json != null) {
            write(rows);
        }
        return 0;
    }

    private List<Suite> suites() {
        if (names.contains("all")) {
            return List.of(Suite.values());
        }
        return names.stream().map(name -> Arrays.stream(Suite.values()).filter(suite -> suite.label().equals(name)).findFirst()
                .orElseThrow(() -> new ParameterException(spec.commandLine(), "Unknown benchmark '%s'".formatted(name)))).toList();
    }

    /** Loads the peers of the suites, and prints their versions, or why they are not there. */
    private static Set<Peer> available(List<Suite> suites, PrintStream out) {
        Set<Peer> available = EnumSet.noneOf(Peer.class);
        for (Peer peer : Peer.values()) {
            if (suites.stream().anyMatch(suite -> suite.peers().contains(peer))) {
                try {
                    out.printf("peer: %s%n", peer.open());
                    available.add(peer);
                } catch (IllegalStateException e) {
                    out.printf("no %s: %s%n", peer.label(), e.getMessage());
                }
            }
        }
        return available;
    }

    private List<Row> table(List<Suite> suites, PrintStream out, InterleavedRunner runner) {
        List<Row> rows = new ArrayList<>();
        for (Suite suite : suites) {
            Set<Peer> peers = EnumSet.copyOf(suite.peers());
            peers.retainAll(runner.peers());
            var table = new Table(out, peers, runner.plain());
            table.begin();
            List<Row> suiteRows = new ArrayList<>();
            for (BenchmarkCase benchmark : suite.cases()) {
                if (only.matcher(benchmark.label() + " " + benchmark.sizes()).find()) {
                    Row row = runner.run(benchmark);
                    suiteRows.add(row);
                    table.add(row);
                }
            }
            table.end(suite.label(), suiteRows);
            rows.addAll(suiteRows);
        }
        return rows;
    }

    private void write(List<Row> rows) throws IOException {
        String text = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(rows) + "\n";
        if (json.equals(STANDARD_OUTPUT)) {
            System.out.print(text);
        } else {
            Files.writeString(Path.of(json), text);
        }
    }
}
