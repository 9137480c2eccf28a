package kept.bench;

import java.util.Arrays;
import java.util.stream.Stream;

/**
 * Runs the benchmarks: JMH's own command line, with the options of the JVM that the measured code needs; or {@code xkd}, the whole step;
 * or {@code products}, matrix products against the processor's peak.
 */
public final class Main {
    private static final String PREPEND = "-jvmArgsPrepend";
    private static final String JVM_OPTIONS = "--add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED";

    private Main() {}

    /**
     * Runs benchmarks, or lists them with {@code -l}; {@code xkd --config S|M|L [--steps N]} times the whole XKD step.
     *
     * @param arguments JMH's (a regular expression that selects benchmarks, and options), or {@code xkd} and its own, or {@code products}
     * @throws Exception if JMH fails to run them
     */
    public static void main(String[] arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals("xkd")) {
            Xkd.run(Arrays.copyOfRange(arguments, 1, arguments.length));
            return;
        }
        if (arguments.length == 1 && arguments[0].equals("products")) {
            MatmulTable.print();
            return;
        }
        var all = Arrays.stream(arguments);
        if (Arrays.stream(arguments).noneMatch(PREPEND::equals)) {
            all = Stream.concat(Stream.of(PREPEND, JVM_OPTIONS), all);
        }
        org.openjdk.jmh.Main.main(all.toArray(String[]::new));
    }
}
