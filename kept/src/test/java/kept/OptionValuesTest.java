package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import kept.cli.Program;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Every option of every program refuses a bad value as wrong usage, by its name, before anything is read. */
class OptionValuesTest {
    /** A command line of each program whose files do not exist. */
    private static final Map<String, List<String>> LINES = Map.of(
            "distill", List.of("--teacher", "none", "--corpus", "none.txt", "--output", "none-out"),
            "convert", List.of("--model", "none", "--output", "none-out"),
            "export", List.of("--model", "none", "--output", "none.gguf", "--type", "f16"),
            "verify", List.of("--teacher", "none", "--student", "none", "--corpus", "none.txt"),
            "compare", List.of("--teacher", "none", "--held-out", "a=none.txt"),
            "evaluate", List.of("none", "--tasks", "none.jsonl", "--passkey", "1k", "--shots", "1"),
            "generate", List.of("--model", "none", "--prompt", "text"),
            "pretrain", List.of("--tokenizer", "none", "--corpus", "none.txt", "--output", "none-out"),
            "logits", List.of("--model", "none", "--ids", "none", "--output", "none-out"),
            "info", List.of("none"));
    /** Any number does for these. */
    private static final Set<String> ANY_NUMBER = Set.of("--seed", "--shots-seed");

    @TestFactory
    Stream<DynamicTest> everyOptionRefusesABadValueByItsName() {
        List<DynamicTest> tests = new ArrayList<>();
        CommandLine main = Program.commandLine(new Main());
        main.getSubcommands().forEach((name, command) -> {
            if (!LINES.containsKey(name)) {
                return;
            }
            for (OptionSpec option : command.getCommandSpec().options()) {
                for (String bad : badValues(option)) {
                    tests.add(DynamicTest.dynamicTest("%s %s %s".formatted(name, option.longestName(), bad.replace('\u0000', '0')),
                            () -> assertRefused(name, option, bad)));
                }
            }
        });
        assertThat(tests).hasSizeGreaterThan(200);
        assertThat(main.getSubcommands().keySet()).containsAll(LINES.keySet());
        return tests.stream();
    }

    private static List<String> badValues(OptionSpec option) {
        if (option.arity().max() == 0) {
            return List.of("perhaps");
        }
        Class<?> type = Collection.class.isAssignableFrom(option.type()) || option.isMultiValue() && !Map.class.isAssignableFrom(option.type())
                ? option.auxiliaryTypes()[0] : option.type();
        if (type.isEnum()) {
            return List.of("nonsense", "");
        }
        if (type == Path.class) {
            return List.of("a\u0000b");
        }
        if (Map.class.isAssignableFrom(type)) {
            return List.of("noequalssign");
        }
        if (!type.isPrimitive() && !Number.class.isAssignableFrom(type)) {
            return List.of();
        }
        List<String> bad = new ArrayList<>(List.of("x", "", "1e"));
        if (!ANY_NUMBER.contains(option.longestName())) {
            bad.add("-1");
            if (type == double.class || type == Double.class) {
                bad.add("NaN");
            }
        }
        return bad;
    }

    private static void assertRefused(String name, OptionSpec option, String value) {
        List<String> line = new ArrayList<>(List.of(name));
        line.addAll(LINES.get(name));
        int given = line.indexOf(option.longestName());
        if (given > 0) {
            line.subList(given, given + 2).clear();
        }
        line.add(option.longestName() + "=" + value);
        assertRefused(option.longestName(), line.toArray());
    }

    private static void assertRefused(String option, Object... line) {
        ProgramRun run = ProgramRun.of(line);
        assertThat(run.code()).as("%s: %s", Arrays.toString(line), run.err()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.errorLines().getFirst()).contains(option);
        assertThat(run.errorLines()).hasSize(2).last().asString().isEqualTo("See 'kept %s --help'.".formatted(line[0]));
    }

    /** What no type says: names, shares, expressions, and where zero is too little. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "distill | --mapping | nonsense", "distill | --train | (", "distill | --lora-rank | 0", "distill | --lora-alpha | 0",
        "distill | --lora-target | (", "distill | --lora-target | q_porj", "distill | --temperature | 0", "distill | --temperature | Infinity",
        "convert | --anchor | -0.1", "convert | --anchor | Infinity", "convert | --anchor | serch", "compare | --mappings | calibrated:NaN",
        "compare | --mappings | calibrated:0.1:search",
        "distill | --cross-entropy-weight | 1.5", "distill | --beta2 | 1", "distill | --max-gradient-norm | 0",
        "distill | --learning-rate | Infinity",
        "distill | --tokens | 0", "distill | --batch-size | 0", "distill | --accumulation | 0", "distill | --sequence-length | 0",
        "distill | --stop-after | 0", "distill | --evaluation-tokens | 0", "distill | --device | tpu", "distill | --max-shard-size | 0",
        "distill | --weight-decay | Infinity", "convert | --mapping | opm2", "convert | --mapping | channel", "convert | --max-shard-size | 0",
        "convert | --threads | 0", "verify | --worst | 0", "verify | --evaluation-tokens | 0", "verify | --device | ''",
        "compare | --mappings | opm,nonsense",
        "compare | --mappings | exact:1", "compare | --mappings | calibrated:-1", "compare | --mappings | calibrated:x",
        "compare | --mappings | calibrated:1:1:1",
        "compare | --calibration-tokens | 0", "evaluate | --passkey | 0", "evaluate | --passkey-depths | 0,101", "evaluate | --passkey-trials | 0",
        "evaluate | --limit | 0", "evaluate | --max-length | 0", "generate | --top-p | 0", "generate | --top-p | 1.5", "generate | --min-p | 2",
        "generate | --repetition-penalty | 0", "generate | --max-tokens | 0", "generate | --temperature | Infinity", "generate | --stop | ''",
        "distill | --tokens | 1000000000001", "distill | --evaluation-tokens | 9223372036854775807",
        "verify | --evaluation-tokens | 9223372036854775807",
        "compare | --calibration-tokens | 9223372036854775807", "compare | --evaluation-tokens | 1000000000001",
        "pretrain | --tokens | 9223372036854775807",
        "pretrain | --layers | 0", "pretrain | --hidden-size | 0", "pretrain | --heads | 0", "pretrain | --vocab-size | 0", "logits | --last | 0",
    })
    void aValueOutOfItsRangeIsRefusedByName(String name, String option, String value) {
        List<String> line = new ArrayList<>(List.of(name));
        line.addAll(LINES.get(name));
        int given = line.indexOf(option);
        if (given > 0) {
            line.subList(given, given + 2).clear();
        }
        line.add(option + "=" + value);
        assertRefused(option, line.toArray());
    }

    /** Options that go together, or do not. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "convert --model a --output b --allow-other-bits | --allow-other-bits", "convert --model a | --output",
        "convert --model a --output - | --output", "verify --teacher a --student b --json - | --json",
        "export --model a --type f16 --output - | --output",
        "evaluate m --tasks t --json - | --json", "convert --model a --output b --calibration-field body | --calibration-field",
        "evaluate m --tasks t --passkey-depths 5 | --passkey-depths", "evaluate m --passkey 1k --shots 2 | --shots",
        "evaluate m --tasks t --shots-seed 2 | --shots-seed", "evaluate m --passkey 1k --limit 2 | --limit",
        "evaluate m --passkey 1k --by-group | --by-group", "evaluate m --tasks t --examples e | --examples",
        "distill --demo --record-top-k 4 | --record-top-k", "distill --demo --record r --record-samples 4 --record-top-k 4 | --record-top-k",
        "distill --demo --record r --recorded s | --recorded",
        "distill --demo --held-out a=b.txt | --held-out", "distill --demo --field body | --text-field",
        "pretrain --random --output o --tokens 5 --vocab-size 9 | --tokens", "pretrain --random --output o | --vocab-size",
        "pretrain --random --output o --vocab-size 9 --hidden-size 10 --heads 4 | --hidden-size",
        "pretrain --random --output o --config nonsense | --config",
    })
    void optionsThatDoNotGoTogetherAreRefusedByName(String line, String option) {
        assertRefused(option, (Object[]) line.split(" "));
    }

    @Test
    void whatAMappingHasNoUseForIsNamed() {
        Path source = Fixtures.path("orion-safetensors");
        for (String[] option : new String[][] {{"--calibration", "t.txt"}, {"--calibration-tokens", "500"}, {"--anchor", "1"}, {"--ridge", "1"},
            {"--spill", "d"}}) {
            assertRefused(option[0], "convert", "--model", source, "--output", "none-out", option[0], option[1]);
        }
    }
}
