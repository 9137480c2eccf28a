package kept.cli;

import java.util.Arrays;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/** Former names of options. Command lines that use them still work; help, messages and reports show the present names. */
final class FormerNames {
    private static final String MODEL = "--model";
    private static final String HELD_OUT = "--held-out";
    private static final String EVALUATION_TOKENS = "--evaluation-tokens";
    private static final String FIELD = "--field";
    private static final String TEXT_FIELD = "--text-field";

    /** By command, the present name of each former one. */
    private static final Map<String, Map<String, String>> PRESENT = Map.of(
            "convert", Map.of("--source", MODEL),
            "export", Map.of("--source", MODEL),
            "distill", Map.of("--evaluate", HELD_OUT, FIELD, TEXT_FIELD),
            "pretrain", Map.of(FIELD, TEXT_FIELD),
            "compare", Map.of("--evaluate", HELD_OUT, "--tokens", EVALUATION_TOKENS, FIELD, TEXT_FIELD),
            "verify", Map.of("--text", HELD_OUT, "--tokens", EVALUATION_TOKENS, FIELD, TEXT_FIELD));

    private FormerNames() {}

    /**
     * Replaces former names of options by the present ones, up to an argument {@code --}.
     *
     * @param program the program to run: a command, or {@code kept}, whose first argument is the command
     * @param arguments its arguments
     * @return the arguments with present names
     */
    static String[] replace(CommandSpec program, String[] arguments) {
        boolean named = program.subcommands().isEmpty();
        String command = named ? program.name() : arguments.length == 0 ? "" : arguments[0];
        Map<String, String> present = PRESENT.getOrDefault(command, Map.of());
        String[] replaced = arguments.clone();
        int end = Arrays.asList(arguments).indexOf("--");
        for (int i = named ? 0 : 1; i < (end < 0 ? arguments.length : end); i++) {
            int value = arguments[i].indexOf('=');
            String name = value < 0 ? arguments[i] : arguments[i].substring(0, value);
            if (present.containsKey(name)) {
                replaced[i] = present.get(name) + arguments[i].substring(name.length());
            }
        }
        return replaced;
    }
}
