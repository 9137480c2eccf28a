package kept.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The groups in which {@code --help} shows the options of every program. */
enum OptionGroup {
    /** The models that are read, and how one becomes another. */
    MODEL("Model", "demo", "model", "teacher", "student", "mapping", "mappings", "anchor", "ridge", "random", "tokenizer", "architecture", "config",
            "vocab-size", "hidden-size", "layers", "heads", "intermediate-size", "positions", "generate --chat", "generate --chat-template"),
    /** Text, and how much of it. */
    DATA("Data", "corpus", "text-field", "tokens", "calibration", "calibration-field", "calibration-tokens", "held-out", "evaluation-tokens",
            "jdk-sources", "sequence-length", "ids", "prompt", "prompts", "prompt-file", "system", "messages", "tasks", "shots", "examples",
            "shots-seed", "delimiter", "limit", "passkey", "passkey-depths", "passkey-trials", "max-length", "bos", "compare --seed",
            "evaluate --seed"),
    /** What training minimises. */
    LOSS("Loss", "loss", "loss-on", "distill --temperature", "cross-entropy-weight", "record", "record-top-k", "record-samples", "recorded"),
    /** How training minimises it, and when it ends. */
    OPTIMIZER("Optimizer", "train", "lora-rank", "lora-alpha", "lora-target", "batch-size", "accumulation", "reduction", "optimizer",
            "learning-rate", "schedule", "warm-up", "weight-decay", "beta2", "max-gradient-norm", "train-dtype", "seed", "evaluate-every", "patience",
            "stop-after"),
    /** The choice of the next token. */
    SAMPLING("Sampling", "max-tokens", "temperature", "top-k", "top-p", "min-p", "repetition-penalty", "stop", "generate --seed"),
    /** What is written or shown. */
    OUTPUT("Output", "plan", "output", "overwrite", "resume", "allow-other-bits", "save-every", "snapshot-every", "tensorboard", "dtype", "format",
            "type", "lora-output", "max-shard-size", "verify", "chat-template", "llama-tokenizer", "last", "check-values", "by-position", "by-layer",
            "by-token-class", "worst", "details", "by-group", "json", "html", "jsonl", "print-prompt", "print-ids", "distill --config",
            "print-config"),
    /** Devices, processes and memory. */
    MACHINE("Machine", "devices", "device", "threads", "ranks", "rendezvous", "shard", "checkpoint-activations", "spill",
            "kv-cache", "weights"),
    /** The program itself, and any option that no other group names. */
    PROGRAM("Program", "verbose");

    /** By the option's name; where programs differ, by the program's and the option's. */
    private static final Map<String, OptionGroup> BY_NAME = byName();

    private final String heading;
    private final List<String> names;

    OptionGroup(String heading, String... names) {
        this.heading = heading;
        this.names = List.of(names);
    }

    private static Map<String, OptionGroup> byName() {
        var groups = new HashMap<String, OptionGroup>();
        for (OptionGroup group : values()) {
            group.names.forEach(name -> groups.put(name.contains(" ") ? name : "--" + name, group));
        }
        return groups;
    }

    private static OptionGroup of(CommandSpec program, OptionSpec option) {
        String name = option.longestName();
        return BY_NAME.getOrDefault(program.name() + " " + name, BY_NAME.getOrDefault(name, PROGRAM));
    }

    /** The line above the group. */
    String heading() {
        return heading;
    }

    /** The options of a program, group by group, each in the order that the program gives. */
    static SequencedMap<OptionGroup, List<OptionSpec>> of(CommandSpec program) {
        SequencedMap<OptionGroup, List<OptionSpec>> groups = new TreeMap<>();
        program.options().stream().filter(option -> !option.hidden()).sorted(Comparator.comparing(OptionSpec::order))
                .forEach(option -> groups.computeIfAbsent(of(program, option), _ -> new ArrayList<>()).add(option));
        return groups;
    }

    /** The options of a program as {@code --help} lists them. */
    static String list(Help help) {
        SequencedMap<OptionGroup, List<OptionSpec>> groups = of(help.commandSpec());
        List<OptionSpec> all = groups.values().stream().flatMap(List::stream).toList();
        var text = new StringBuilder();
        groups.forEach((group, options) -> {
            // The columns are as wide as all options need, so that those of the groups agree.
            Help.Layout layout = help.createDefaultLayout(all, List.of(), help.colorScheme());
            layout.addOptions(options, help.parameterLabelRenderer());
            text.append("%n%s%n".formatted(group.heading)).append(layout);
        });
        return text.toString();
    }
}
