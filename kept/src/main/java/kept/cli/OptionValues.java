package kept.cli;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import kept.model.Lora;
import kept.run.MappedStudents;
import kept.run.TokenLimit;
import kept.tensor.Device;
import kept.training.ParameterSelection;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/**
 * The values that the options of all programs take, and which go together, as far as that does not depend on files. A violation is wrong usage and
 * is reported, with the option's name, before anything is read.
 */
final class OptionValues {
    private static final Rule AT_LEAST_ZERO = number("be at least 0", value -> value >= 0 && value <= Double.MAX_VALUE);
    private static final Rule AT_LEAST_ONE = number("be at least 1", value -> value >= 1);
    private static final Rule TOKENS = number("be at least 1 and at most %,d".formatted(TokenLimit.MAX),
            value -> value >= 1 && value <= TokenLimit.MAX);
    private static final Rule ABOVE_ZERO = number("be above 0", value -> value > 0 && value <= Double.MAX_VALUE);
    private static final Rule SHARE = number("lie in 0 to 1", value -> value >= 0 && value <= 1);

    /** By the option's name; where programs differ, by the program's and the option's. */
    private static final Map<String, Rule> RULES = rules();

    /** Options that mean something only with another one. */
    private static final Map<String, Companion> COMPANIONS = Map.ofEntries(
            Map.entry("--allow-other-bits", Companion.of("--resume")),
            Map.entry("--lora-rank", Companion.LORA),
            Map.entry("--lora-alpha", Companion.LORA),
            Map.entry("--lora-target", Companion.LORA),
            Map.entry("--lora-output", Companion.LORA),
            Map.entry("--record-top-k", Companion.of("--record")),
            Map.entry("--record-samples", Companion.of("--record")),
            Map.entry("evaluate --shots", Companion.of("--tasks")),
            Map.entry("evaluate --shots-seed", Companion.of("--shots")),
            Map.entry("evaluate --examples", Companion.of("--shots")),
            Map.entry("evaluate --limit", Companion.of("--tasks")),
            Map.entry("evaluate --by-group", Companion.of("--tasks")),
            Map.entry("evaluate --passkey-depths", Companion.of("--passkey")),
            Map.entry("evaluate --passkey-trials", Companion.of("--passkey")));

    /** Options that mean nothing with another one. */
    private static final Map<String, List<String>> CONFLICTS = Map.of(
            "distill --demo", List.of("--held-out", "--text-field", "--student"),
            "distill --student", List.of("--mapping"),
            "distill --record", List.of("--recorded", "--output", "--plan"),
            "distill --record-samples", List.of("--record-top-k"));

    private OptionValues() {}

    /**
     * The condition that a value must satisfy.
     *
     * @param must in words
     * @param isGood whether it is
     */
    private record Rule(String must, Predicate<Object> isGood) {}

    /**
     * An option without which another one means nothing.
     *
     * @param words the option, and its value if that matters
     * @param suits whether a value of it gives the other one a meaning
     */
    private record Companion(String words, Predicate<String> suits) {
        static final Companion LORA = new Companion("--train lora", ParameterSelection::namesAdapters);

        static Companion of(String option) {
            return new Companion(option, _ -> true);
        }

        boolean isAmong(List<OptionSpec> given) {
            String name = words.split(" ")[0];
            return given.stream().filter(option -> option.longestName().equals(name)).map(option -> String.valueOf(option.<Object>getValue()))
                    .anyMatch(suits);
        }
    }

    private static Rule number(String must, Predicate<Double> isGood) {
        return new Rule(must, value -> isGood.test(((Number) value).doubleValue()));
    }

    private static Map<String, Rule> rules() {
        var rules = new LinkedHashMap<String, Rule>();
        for (String option : List.of("tokens", "evaluation-tokens", "calibration-tokens")) {
            rules.put("--" + option, TOKENS);
        }
        for (String option : List.of("sequence-length", "batch-size", "accumulation", "stop-after", "max-shard-size", "worst", "last",
                "limit", "passkey", "passkey-trials", "max-length", "vocab-size", "hidden-size", "layers", "heads", "intermediate-size", "positions",
                "threads", "max-tokens", "lora-rank")) {
            rules.put("--" + option, AT_LEAST_ONE);
        }
        for (String option : List.of("learning-rate", "warm-up", "weight-decay", "save-every", "evaluate-every", "patience", "snapshot-every",
                "ridge", "shots", "temperature", "top-k")) {
            rules.put("--" + option, AT_LEAST_ZERO);
        }
        rules.put("--anchor", number("be search or at least 0", value -> Double.isNaN(value) || value >= 0 && value <= Double.MAX_VALUE));
        rules.put("distill --temperature", ABOVE_ZERO);
        rules.put("--repetition-penalty", ABOVE_ZERO);
        rules.put("--max-gradient-norm", number("be above 0", value -> value > 0));
        rules.put("--cross-entropy-weight", SHARE);
        rules.put("--min-p", SHARE);
        rules.put("--top-p", number("be above 0 and at most 1", value -> value > 0 && value <= 1));
        rules.put("--beta2", number("be from 0 to below 1", value -> value >= 0 && value < 1));
        rules.put("--passkey-depths", number("lie in 0 to 100", value -> value >= 0 && value <= 100));
        rules.put("--mappings", new Rule("be opm, exact, calibrated, ones, centred or channel, and calibrated may have an anchor, or search, and a"
                + " ridge of at least 0 behind colons", value -> MappedStudents.isName(value.toString())));
        rules.put("--device", new Rule("be auto or one of " + String.join(", ", Device.names()),
                value -> value.equals("auto") || Device.names().contains(value.toString())));
        rules.put("--train", new Rule("be all, norms, lora or a regular expression", value -> isExpression(value.toString())));
        rules.put("--lora-alpha", ABOVE_ZERO);
        rules.put("--lora-target", new Rule("be %s or a regular expression that matches one of %s".formatted(Lora.ALL, Lora.modules()),
                value -> Lora.isTarget(value.toString())));
        rules.put("--stop", new Rule("hold some text", value -> !value.toString().isEmpty()));
        return rules;
    }

    private static boolean isExpression(String text) {
        try {
            Pattern.compile(text);
            return true;
        } catch (PatternSyntaxException e) {
            return false;
        }
    }

    /**
     * Checks the options of a command line.
     *
     * @param spec the program, its command line read
     * @throws ParameterException naming the first option that is wrong
     */
    static void require(CommandSpec spec) {
        UsageErrors.requireKnownOptions(spec.commandLine());
        List<OptionSpec> given = spec.commandLine().getParseResult().matchedOptions();
        List<String> names = given.stream().map(OptionSpec::longestName).toList();
        for (OptionSpec option : given) {
            String name = option.longestName();
            String full = spec.name() + " " + name;
            Rule rule = RULES.getOrDefault(full, RULES.get(name));
            for (Object value : values(option.getValue())) {
                if (rule != null && !rule.isGood.test(value)) {
                    throw wrong(spec, "%s must %s, not %s".formatted(name, rule.must, value.toString().isEmpty() ? "empty" : value));
                }
            }
            Companion companion = COMPANIONS.getOrDefault(full, COMPANIONS.get(name));
            if (companion != null && !companion.isAmong(given)) {
                throw wrong(spec, "%s is of use only with %s".formatted(name, companion.words));
            }
            for (String other : CONFLICTS.getOrDefault(full, List.of())) {
                if (names.contains(other)) {
                    throw wrong(spec, "%s does not go with %s".formatted(other, name));
                }
            }
        }
    }

    /** Whether an option that is not given means something beside those that are. */
    static boolean suits(CommandSpec spec, OptionSpec option) {
        List<OptionSpec> given = spec.commandLine().getParseResult().matchedOptions();
        String full = spec.name() + " " + option.longestName();
        Companion companion = COMPANIONS.getOrDefault(full, COMPANIONS.get(option.longestName()));
        return (companion == null || companion.isAmong(given)) && given.stream().noneMatch(other ->
                CONFLICTS.getOrDefault(spec.name() + " " + other.longestName(), List.of()).contains(option.longestName()));
    }

    private static Collection<?> values(Object value) {
        return value instanceof Collection<?> several ? several : value == null ? List.of() : List.of(value);
    }

    private static ParameterException wrong(CommandSpec spec, String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
