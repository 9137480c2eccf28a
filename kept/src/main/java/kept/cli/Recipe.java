package kept.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A command line as the recipe of its output: without the options that change no byte of the model (its place, resuming, processes and threads,
 * memory), so that the same model has the same recipe, whether it was made at once or resumed.
 */
final class Recipe {
    private static final Set<String> FLAGS = Set.of("--resume", "--overwrite", "--allow-other-bits", "--verify", "--verbose", "--debug",
            "--checkpoint-activations");
    private static final Set<String> WITH_VALUE = Set.of("--output", "--threads", "--rendezvous", "--shard", "--spill", "--save-every",
            "--stop-after");

    private Recipe() {}

    /**
     * The recipe in words of a shell.
     *
     * @param arguments of the program {@code kept}, the command first
     */
    static String of(List<String> arguments) {
        List<String> kept = new ArrayList<>(List.of("kept"));
        for (int i = 0; i < arguments.size(); i++) {
            String name = arguments.get(i).replaceFirst("=.*", "");
            if (WITH_VALUE.contains(name)) {
                i += name.equals(arguments.get(i)) ? 1 : 0;
            } else if (!FLAGS.contains(name)) {
                kept.add(arguments.get(i));
            }
        }
        return kept.stream().map(Recipe::quoted).collect(Collectors.joining(" "));
    }

    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
