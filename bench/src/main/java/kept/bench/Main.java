package kept.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import kept.tensor.Device;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs benchmarks: chosen ones as a table; {@code jmh}, JMH's own command line; or {@code xkd}, the whole step. */
@Command(
        name = "bench",
        description = "Measures this library beside libtorch and the processor's bounds, in turns, and prints a table.",
        usageHelpAutoWidth = true,
        sortOptions = false)
public final class Main implements Callable<Integer> {
    private static final String PREPEND = "-jvmArgsPrepend";
    private static final String JVM_OPTIONS = "--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED";
    private static final String STANDARD_OUTPUT = "-";

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", arity = "0..*", description = "What to measure.")
    private List<String> names = List.of();

    @Option(names = "--threads", paramLabel = "N", description = "Threads of all sides; without it, one for each processor.")
    private Integer threads;

    @Option(names = "--only", paramLabel = "REGEX", description = "Only rows in whose first two columns this is found, such as 'backward T 2048'.")
    private Pattern only = Pattern.compile("");

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "5", description = "Turns of each side (${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--seconds", paramLabel = "S", defaultValue = "0.1", description = "The least length of a turn (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--no-peer", description = "Leave libtorch out.")
    private boolean noPeer;

    @Option(names = "--plain", description = "Run the plain loops, too, once each and on one thread: minutes for the largest sizes.")
    private boolean plain;

    @Option(names = "--json", paramLabel = "FILE", arity = "0..1", fallbackValue = STANDARD_OUTPUT,
            description = "Write the rows as JSON to a file, or in place of the table.")
    private String json;

    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this.")
    private boolean help;

    private Main() {}

    /**
     * Runs benchmarks and ends the process: exit code 0 for success, 2 for wrong usage.
     *
     * @param arguments names of benchmarks and options, or {@code jmh} or {@code xkd} and their own, or JMH's options alone
     * @throws Exception if JMH fails to run
     */
    public static void main(String[] arguments) throws Exception {
        String first = arguments.length == 0 ? "" : arguments[0];
        String[] rest = Arrays.copyOfRange(arguments, Math.min(1, arguments.length), arguments.length);
        switch (first) {
            case "xkd" -> Xkd.run(rest);
            case "gpu" -> System.exit(new CommandLine(new Gpu()).execute(rest));
            case "jmh" -> jmh(rest);
            case "-l" -> jmh(arguments);
            default -> System.exit(commandLine().execute(arguments));
        }
    }

    private static void jmh(String... arguments) throws Exception {
        var all = Arrays.stream(arguments);
        if (Arrays.stream(arguments).noneMatch(PREPEND::equals)) {
            all = Stream.concat(Stream.of(PREPEND, JVM_OPTIONS), all);
        }
        org.openjdk.jmh.Main.main(all.toArray(String[]::new));
    }

    private static CommandLine commandLine() {
        var commandLine = new CommandLine(new Main());
        List<String> footer = new ArrayList<>(List.of("", "NAME is any of:"));
        for (Subject subject : Subject.values()) {
            footer.add("  %-10s %s".formatted(subject.label(), subject.description()));
        }
        footer.addAll(List.of("  all        all of these", "", "Or else:",
                "  bench xkd --config S|M|L [--steps N]  the whole XKD step, ours alone",
                "  bench gpu [OPTIONS]                   the kernels and the XKD step on a GPU",
                "  bench jmh ARGUMENTS                   JMH itself on the same benchmarks",
                "  bench -l                              lists those"));
        commandLine.getCommandSpec().usageMessage().footer(footer.toArray(String[]::new));
        return commandLine;
    }

    @Override
    public Integer call() throws IOException {
        List<Subject> subjects = subjects();
        if (subjects.isEmpty()) {
            spec.commandLine().usage(System.out);
            return 0;
        }
        if (threads != null) {
            System.setProperty(Threads.PROPERTY, threads.toString());
        }
        PrintStream out = STANDARD_OUTPUT.equals(json) ? System.err : System.out;
        out.println(Device.cpu().backend().description());
        boolean peer = !noPeer && isPeerThere(out);
        List<Row> rows = table(subjects, out, new Race(rounds, (long) (seconds * 1e9), peer, plain));
        if (json != null) {
            write(rows);
        }
        return 0;
    }

    private List<Subject> subjects() {
        if (names.contains("all")) {
            return List.of(Subject.values());
        }
        return names.stream().map(name -> Arrays.stream(Subject.values()).filter(subject -> subject.label().equals(name)).findFirst()
                .orElseThrow(() -> new ParameterException(spec.commandLine(), "No benchmark is called '%s'".formatted(name)))).toList();
    }

    private static boolean isPeerThere(PrintStream out) {
        try (var _ = Libtorch.open()) {
            out.printf("peer: libtorch %s through DJL, %d threads%n", Libtorch.version(), Threads.count());
            return true;
        } catch (IllegalStateException e) {
            out.printf("no peer: %s%n", e.getMessage());
            return false;
        }
    }

    private List<Row> table(List<Subject> subjects, PrintStream out, Race race) {
        var table = new Table(out, race.plain());
        table.begin();
        List<Row> rows = new ArrayList<>();
        for (Subject subject : subjects) {
            List<Row> own = new ArrayList<>();
            for (Contest contest : subject.cases()) {
                if (only.matcher(contest.label() + " " + contest.sizes()).find()) {
                    Row row = race.run(contest);
                    own.add(row);
                    table.add(row);
                }
            }
            table.end(subject.label(), own);
            rows.addAll(own);
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
