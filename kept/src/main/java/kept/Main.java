package kept;

import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Supplier;
import kept.cli.Program;
import picocli.CommandLine.Command;

/** Dispatches {@code kept <command> [arguments]} to the program of that name. */
@Command(
        name = "kept",
        description = "Converts checkpoints with LayerNorms into Llama checkpoints, distils them, and measures how closely these follow the source.",
        footer = {
            "",
            "The main job on a small model, in a few minutes:",
            "  kept distill --demo",
            "Each command explains itself:",
            "  kept <command> --help",
        })
public final class Main extends Program {
    /** For the command line. */
    public Main() {}

    /**
     * Runs one command and ends the process: exit code 0 for success, 1 for failure, 2 for wrong usage.
     *
     * @param arguments the command and its arguments
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Main(), arguments));
    }

    @Override
    protected SequencedMap<String, Supplier<Program>> commands() {
        var commands = new LinkedHashMap<String, Supplier<Program>>();
        commands.put("distill", Distill::new);
        commands.put("convert", Convert::new);
        commands.put("export", Export::new);
        commands.put("verify", Verify::new);
        commands.put("compare", Compare::new);
        commands.put("evaluate", Evaluate::new);
        commands.put("generate", Generate::new);
        commands.put("pretrain", Pretrain::new);
        commands.put("logits", Logits::new);
        commands.put("info", Info::new);
        return commands;
    }

    @Override
    protected int run() {
        spec().commandLine().usage(spec().commandLine().getErr());
        return WRONG_USAGE;
    }
}
