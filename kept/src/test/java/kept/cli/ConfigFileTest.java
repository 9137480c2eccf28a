package kept.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import kept.Main;
import kept.ProgramRun;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Options from a file: what {@code --print-config} prints is read back as the same options, and wrong files are refused by name and line. */
class ConfigFileTest {
    private static final Set<String> NOT_IN_FILES = Set.of("--config", "--print-config", "--rendezvous", "--help", "--version");

    @TempDir
    private Path directory;

    /** Every option of the command, those that exclude each other in two files. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatIsPrintedGivesEveryOptionItsValue(boolean isDemo) throws IOException {
        List<String> line = new ArrayList<>(List.of("distill"));
        Set<String> left = isDemo ? Set.of("--teacher", "--corpus") : Set.of("--demo");
        for (OptionSpec option : program(Program.commandLine(new Main())).getCommandSpec().options()) {
            if (!NOT_IN_FILES.contains(option.longestName()) && !left.contains(option.longestName())) {
                line.addAll(sample(option));
            }
        }
        assertThat(line).hasSizeGreaterThan(50);
        assertSameWhenPrinted(line.toArray(String[]::new));
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "true", "~", "", " ", "- a", "a: b", "a #b", "'", "\"", "\\", "tab\there", "line\nbreak", "100%", "@x", "*a",
        "&a", "!a", "{a", "[a", "a=b", "3e-4", "1_000", "\u00e4\u6f22\ud83d\ude00", "\u0085", "\ufeff", "  a  "})
    void aTextIsReadAsItWasWritten(String text) throws IOException {
        assertSameWhenPrinted("distill", "--teacher", "orion", "--train=" + text, "--held-out", "prose=x" + text);
    }

    @Test
    void aFewOptionsAreCompletedByTheDefaults() throws IOException {
        assertSameWhenPrinted("distill", "--demo");
        assertSameWhenPrinted("distill", "--teacher", "orion", "--corpus", "a.txt", "b.txt", "--resume", "--tokens", "64k");
        ProgramRun printed = ProgramRun.of("distill", "--teacher", "orion", "--tokens", "64k", "--print-config");
        assertThat(printed.code()).as(printed.err()).isZero();
        assertThat(printed.out().lines()).contains("# Model", "teacher: orion", "tokens: 64k", "seed: 0", "schedule: cosine", "# resume: false",
                "# learning-rate: X", "# lora-rank: 16", "# lora-alpha: A").noneMatch(line -> line.contains("config:"));
        ProgramRun adapters = ProgramRun.of("distill", "--teacher", "orion", "--train", "Norms,LoRA", "--print-config");
        assertThat(adapters.out().lines()).contains("lora-rank: 16", "# lora-alpha: A", "lora-target: all-linear", "lora-output: merged");
        ProgramRun samples = ProgramRun.of("distill", "--teacher", "orion", "--record", "logits", "--record-samples", "4", "--print-config");
        assertThat(samples.out().lines()).contains("record: logits", "record-samples: 4", "# record-top-k: 64");
    }

    private void assertSameWhenPrinted(String... line) throws IOException {
        CommandLine first = Program.commandLine(new Main());
        first.parseArgs(line);
        var text = new StringWriter();
        ConfigText.print(program(first).getCommandSpec(), new PrintWriter(text));
        Path file = Files.writeString(directory.resolve("run.yaml"), text.toString());
        CommandLine second = Program.commandLine(new Main());
        second.parseArgs(ConfigLine.expand(second.getCommandSpec(), "distill", "--config", file.toString()));
        assertThat(values(second)).as(text.toString()).isEqualTo(values(first));
    }

    private static CommandLine program(CommandLine main) {
        return main.getSubcommands().get("distill");
    }

    /** The value of each option, as a program sees it. */
    private static Map<String, String> values(CommandLine line) {
        Map<String, String> values = new TreeMap<>();
        program(line).getCommandSpec().options().stream().filter(option -> !NOT_IN_FILES.contains(option.longestName()))
                .forEach(option -> values.put(option.longestName(), Objects.toString(option.getValue())));
        return values;
    }

    /** Arguments that give an option a value other than its default. */
    private static List<String> sample(OptionSpec option) {
        String name = option.longestName();
        if (option.arity().max() == 0) {
            return List.of(name);
        }
        if (Map.class.isAssignableFrom(option.type())) {
            return List.of(name + "=prose=a b.txt", name + "=code: #1='x'.txt");
        }
        if (option.isMultiValue()) {
            return List.of(name + "=a b.txt", name + "=- c: #d.txt");
        }
        if (option.type().isEnum()) {
            return List.of(name, Arrays.asList(option.type().getEnumConstants()).getLast().toString());
        }
        boolean isText = option.type() == Path.class || option.type() == String.class;
        return List.of(name, isText ? "some/place #1: x" : name.equals("--max-shard-size") ? "3GiB" : "7");
    }

    @Test
    void theCommandLineWinsOverTheFile() {
        String[] line = expanded("teacher: orion\ncorpus: [a.txt, b.txt]\ntokens: 5M\noverwrite: true\nresume: true\n",
                "--tokens=64k", "--corpus", "c.txt", "--resume=false");
        assertThat(line).containsExactly("distill", "--teacher=orion", "--overwrite", "--tokens=64k", "--corpus", "c.txt");
    }

    @Test
    void listsAndNamesMayBeWrittenInEachFormOfYaml() {
        assertThat(expanded("# comment\ncorpus:\n- a.txt\n- 'b c.txt'\nheld-out: {prose: p.txt, code: c.txt}\n"
                + "text-field: &f body\ncalibration-field: *f\n")).startsWith("distill", "--corpus=a.txt", "--corpus=b c.txt",
                        "--held-out=prose=p.txt", "--held-out=code=c.txt", "--text-field=body", "--calibration-field=body");
        assertThat(expanded("{corpus: a.txt, held-out: ['prose=p.txt'], verbose: false, learning-rate: 3e-4, patience: , seed: 0x10}"))
                .startsWith("distill", "--corpus=a.txt", "--held-out=prose=p.txt", "--learning-rate=3e-4", "--seed=0x10");
        assertThat(expanded("")).containsExactly("distill");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "tokns: 5M | , line 1: unknown key 'tokns' | Did you mean tokens?",
        "learning_rate: 1 | , line 1: unknown key 'learning_rate' | Did you mean learning-rate?",
        "--tokens: 5M | , line 1: unknown key '--tokens' | Did you mean tokens?",
        "seed: 1\\nseed: 2 | , line 2: seed is given more than once | See",
        "overwrite: yes | , line 1: overwrite must be true or false, not 'yes' | See",
        "tokens: [1, 2] | , line 1: tokens takes one value | See",
        "corpus: {a: b} | , line 1: corpus takes a value or a list of values | See",
        "corpus: [[a]] | , line 1: each value of corpus must be a text or a number | See",
        "corpus: [a.txt, null] | , line 1: each value of corpus must be a text or a number | See",
        "held-out: {prose: } | , line 1: each value of held-out must be a text or a number | See",
        "rendezvous: x | , line 1: rendezvous belongs on the command line | See",
        "config: x | , line 1: config belongs on the command line | See",
        "- tokens | , line 1: it is no mapping of options, such as 'tokens: 5M' | See",
        "tokens: 'x | is not YAML, line 1: | See",
    })
    void aWrongFileIsRefusedByItsNameAndLine(String content, String problem, String next) throws IOException {
        Files.writeString(file(), content.replace("\\n", "\n"));
        ProgramRun run = ProgramRun.of("distill", "--config", file());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).startsWith("kept: [config] " + file()).contains(problem);
        assertThat(run.errorLines().get(1)).startsWith(next);
        assertThat(run.errorLines().getLast()).isEqualTo("See 'kept distill --help'.");
    }

    /** The parser opens a file of options after the file of the command line was read. */
    @Test
    void aFileInAFileOfOptionsIsRefused() throws IOException {
        Path options = Files.writeString(directory.resolve("options"), "--config " + file());
        ProgramRun run = ProgramRun.of("distill", "@" + options, "--teacher", "orion", "--print-config");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).first().isEqualTo("kept: --config must be on the command line itself, not in a file of options (@FILE)");
    }

    @Test
    void aFileThatIsNotThereIsNamed() {
        ProgramRun run = ProgramRun.of("distill", "--config", file());
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).isEqualTo("kept: [config] %s cannot be read: no such file or directory".formatted(file()));
    }

    @Test
    void valuesOfAFileAreCheckedLikeThoseOfTheCommandLine() throws IOException {
        Files.writeString(file(), "teacher: none\ncorpus: none.txt\noutput: none-out\ntokens: 0\n");
        assertThat(ProgramRun.of("distill", "--config", file()).errorLines().getFirst()).startsWith("kept: --tokens must be at least 1");
        Files.writeString(file(), "teacher: none\nmapping: opm2\n");
        assertThat(ProgramRun.of("distill", "--config", file()).errorLines().getFirst()).contains("--mapping", "'opm2' is not one of");
    }

    private Path file() {
        return directory.resolve("run.yaml");
    }

    private String[] expanded(String content, String... more) {
        try {
            Files.writeString(file(), content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return ConfigLine.expand(Program.commandLine(new Main()).getCommandSpec(),
                Stream.concat(Stream.of("distill", "--config", file().toString()), Stream.of(more)).toArray(String[]::new));
    }
}
