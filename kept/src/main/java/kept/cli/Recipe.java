package kept.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import kept.text.ShellWord;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * A command line as the recipe of its output: without the options that change no byte of the model (resuming, processes and threads, memory), so
 * that the same model has the same recipe, whether it was made at once or resumed. The output, whose place does not matter either, is {@code --output
 * DIR}.
 */
final class Recipe {
    /** The program, the first word of each recipe. */
    static final String PROGRAM = "kept";
    private static final Set<String> FLAGS = Set.of("--resume", "--overwrite", "--allow-other-bits", "--verify", "--verbose", "--debug",
            "--checkpoint-activations");
    private static final String OUTPUT = "--output";
    private static final Set<String> WITH_VALUE = Set.of(OUTPUT, "--threads", "--rendezvous", "--shard", "--spill", "--save-every",
            "--stop-after", "--tensorboard");

    private Recipe() {}

    /**
     * The recipe in words of a shell.
     *
     * @param arguments of the program {@code kept}, the command first
     */
    static String of(List<String> arguments) {
        List<String> kept = new ArrayList<>(List.of(PROGRAM));
        boolean hasOutput = false;
        for (int i = 0; i < arguments.size(); i++) {
            String name = arguments.get(i).replaceFirst("=.*", "");
            hasOutput |= name.equals(OUTPUT);
            if (WITH_VALUE.contains(name)) {
                i += name.equals(arguments.get(i)) ? 1 : 0;
            } else if (!FLAGS.contains(name)) {
                kept.add(arguments.get(i));
            }
        }
        if (hasOutput) {
            kept.addAll(List.of(OUTPUT, "DIR"));
        }
        return kept.stream().map(ShellWord::quoted).collect(Collectors.joining(" "));
    }

    /**
     * The command line of a program with some other options; one with the value of its default is left out.
     *
     * @param program its command line read
     * @param changes the value of each option that changes, by its name; empty for a flag, null for an option to leave out
     * @return in words of a shell, the program {@code kept} first
     */
    static String with(CommandSpec program, SequencedMap<String, String> changes) {
        List<String> words = new ArrayList<>(List.of(PROGRAM, program.name()));
        // An option that is given several times is there as often, each time with all its values.
        program.commandLine().getParseResult().matchedOptions().stream().distinct().filter(option -> !changes.containsKey(option.longestName()))
                .filter(option -> option.defaultValue() == null || !option.originalStringValues().equals(List.of(option.defaultValue())))
                .forEach(option -> words.addAll(words(option)));
        changes.forEach((name, value) -> {
            if (value != null) {
                words.add(name);
                words.addAll(value.isEmpty() ? List.of() : List.of(value));
            }
        });
        return words.stream().map(ShellWord::quoted).collect(Collectors.joining(" "));
    }

    private static List<String> words(OptionSpec option) {
        String name = option.longestName();
        List<String> values = option.arity().max() == 0 ? List.of() : option.originalStringValues();
        if (Map.class.isAssignableFrom(option.type())) {
            return values.stream().flatMap(value -> Stream.of(name, value)).toList();
        }
        // After one of its names, what looks like an option is none.
        return values.stream().anyMatch(value -> value.startsWith("-")) ? values.stream().map(value -> name + "=" + value).toList()
                : Stream.concat(Stream.of(name), values.stream()).toList();
    }
}
