package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import kept.cli.Program;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Model.OptionSpec;

/** What the programs say of themselves, and of command lines they cannot read. */
class UsageTest {
    private static final Set<String> MISSPELT = Set.of("--sorce", "--outptu", "--techer", "--limt", "--tokns", "--moddel", "--overwrit", "--teachr",
            "--modl", "--radnom", "--device");

    @ParameterizedTest
    @ValueSource(strings = {"distill", "convert", "export", "verify", "compare", "evaluate", "generate", "pretrain", "logits", "info"})
    void everyCommandExplainsItself(String command) {
        ProgramRun run = ProgramRun.of(command, "--help");
        assertThat(run.code()).isZero();
        assertThat(run.err()).isEmpty();
        assertThat(run.out()).contains("Usage: kept " + command, "--debug", "Exit codes:").containsPattern("2 +wrong usage");
        assertThat(run.out()).as("a value is put in for every variable").doesNotContain("${");
        assertThat(run.out().lines()).as("a default is told once").noneMatch(line -> line.indexOf("default") != line.lastIndexOf("default"));
    }

    @Test
    void theDispatcherNamesEveryCommandAndTheDemo() {
        ProgramRun run = ProgramRun.of("--help");
        assertThat(run.code()).isZero();
        assertThat(run.out()).contains("distill", "convert", "export", "verify", "compare", "evaluate", "generate", "pretrain", "logits", "info",
                "kept distill --demo");
        assertThat(run.out()).as("each command is told by its first sentence")
                .contains("Measures how closely a student follows its teacher on held-out text.");
        Program.commandLine(new Main()).getSubcommands().forEach((name, command) ->
                assertThat(command.getCommandSpec().usageMessage().description()[0]).as(name).endsWith("."));
    }

    @Test
    void theVersionIsOneLine() {
        ProgramRun run = ProgramRun.of("--version");
        assertThat(run.code()).isZero();
        assertThat(run.out().lines()).singleElement().asString().startsWith("kept ");
    }

    @Test
    void withoutACommandThereIsHelpAndAnErrorCode() {
        ProgramRun run = ProgramRun.of();
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("Usage: kept", "distill");
    }

    @Test
    void aMistypedCommandIsAnsweredWithTheNearestOne() {
        ProgramRun run = ProgramRun.of("distil");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).containsExactly("kept: Unknown command: 'distil'", "Did you mean kept distill?", "See 'kept --help'.");
        assertThat(ProgramRun.of("distil", "--demo").errorLines()).startsWith("kept: Unknown command: 'distil'");
        assertThat(ProgramRun.of("--demo").errorLines()).startsWith("kept: Unknown option: '--demo'");
    }

    /** What follows such a word is another program's command line, not a wrong one of the command. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "run convert | Unknown command: 'run'", "run convert --model a --output b | Unknown command: 'run'",
        "run convert --outptu b | Unknown command: 'run'", "--bogus convert --model a | Unknown option: '--bogus'",
    })
    void whatStandsBeforeACommandIsNamedFirst(String line, String reason) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).startsWith("kept: " + reason).endsWith("See 'kept --help'.");
    }

    @Test
    void helpMayBeACommand() {
        assertThat(ProgramRun.of("help")).isEqualTo(ProgramRun.of("--help")).extracting(ProgramRun::code).isEqualTo(0);
        assertThat(ProgramRun.of("help", "convert")).isEqualTo(ProgramRun.of("convert", "--help"));
        assertThat(ProgramRun.of("distil", "--help").errorLines()).startsWith("kept: Unknown command: 'distil'", "Did you mean kept distill?");
        assertThat(ProgramRun.of("help", "distil").errorLines()).startsWith("kept: Unknown command: 'distil'", "Did you mean kept distill?");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "convert --model here",
        "verify --teacher a --student b",
        "distill --teacher a --corpus b.txt",
        "distill --output c",
        "distill --demo --teacher a --corpus b.txt",
        "pretrain --tokenizer a --output b",
        "info",
        "info --devices somewhere",
        "convert --model a --output b --dtype i8",
        "convert --model a --output b --max-shard-size big",
        "convert --model a --output b --nonsense",
        "export --model a --output b.gguf",
        "export --model a --output b.gguf --type q4_k",
        "export --model a --output b.onnx --type f16 --format onnx",
        "generate --model a --prompt b --temperature -1",
        "generate --model a --prompt b --top-p 2",
        "generate --model a --prompt b --threads 0",
        "generate --model a --prompt b --prompt-file c",
        "generate --model a",
        "logits --model a --ids b --output c --last 0",
        "distill --teacher a --corpus b.txt --output c --temperature -1",
        "distill --teacher a --corpus b.txt --output c --loss wasserstein",
        "distill --teacher a --corpus b.txt --output c --batch-size many",
        "verify --teacher a --student b --corpus c.txt --threads 0",
        "verify --teacher a --student b --corpus c.txt --worst 0",
    })
    void aWrongCommandLineIsAnsweredWithTheReasonAndWhereHelpIs(String line) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.errorLines().getFirst()).startsWith("kept: ");
        assertThat(run.errorLines()).hasSizeLessThanOrEqualTo(3).last().isEqualTo("See 'kept %s --help'.".formatted(line.split(" ")[0]));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "convert --sorce a --output b",
        "distill --teacher a --corpus b.txt --outptu c",
        "verify --corpus a --techer b --student c",
        "evaluate --model a --tasks b --limt 3",
        "distill --demo --tokns 1M --batch-size many",
        "convert --dtype i8 --moddel a --output b",
        "convert --model a --output --overwrit",
        "distill --teacher a --teacher b --outptu=c",
        "distill --teachr a --corpus b.txt --output c",
        "generate --modl=a --prompt b",
        "pretrain --radnom --output b",
        "info --device",
    })
    void aMisspeltOptionIsNamedRatherThanTheOneThatIsThenMissing(String line) {
        String option = Arrays.stream(line.split("[ =]")).filter(MISSPELT::contains).findFirst().orElseThrow();
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.errorLines().getFirst()).isEqualTo("kept: Unknown option: '%s'".formatted(option));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "convert --model a --output b --maping exact | --mapping", "generate --modl=a --prompt b | --model",
        "distill --teacher a --corpus b.txt --outptu c | --output", "distill --demo --sequence-lenght 4k | --sequence-length",
        "distill --demo --calibration-tokn 64k | --calibration-tokens", "distill --demo --bach-size 2 --tokns 5 | --batch-size or --tokens",
    })
    void theSecondLineSaysWhatMayHaveBeenMeant(String line, String meant) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.errorLines()).hasSize(3).element(1).isEqualTo("Did you mean %s?".formatted(meant));
        assertThat(run.errorLines().getLast()).isEqualTo("See 'kept %s --help'.".formatted(line.split(" ")[0]));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "distill --demo --teacher a --corpus b.txt | --demo and --teacher and --corpus exclude each other",
        "info --devices --model a | --devices and --model exclude each other",
        "distill --teacher a --teacher b --corpus c | --teacher is given more than once",
        "distill --demo --loss i8 | Invalid value for option '--loss': 'i8' is not one of forward-kl, reverse-kl, jsd",
        "compare --demo --dtype f32,i8 | Invalid value for option '--dtype': 'i8' is not one of f32, bf16, f16",
        "convert --model a --output b --mapping ones | Invalid value for option '--mapping': 'ones' is not one of opm, exact, calibrated",
        "distill --demo --tokens 1.5 | Invalid value for option '--tokens': '1.5' is 1.5, which is not a whole number",
        "generate --model a --prompt b --temperature abc | Invalid value for option '--temperature': 'abc' is not a number",
        "convert --model a --output b y | Unexpected argument: 'y'", "convert --model a --output b y z | Unexpected arguments: 'y', 'z'",
        "distill --demo --batch-size 3G | Invalid value for option '--batch-size': '3G' is too large: at most 2,147,483,647",
    })
    void theFirstLineSaysWhatIsWrongInTheWordsOfHelp(String line, String reason) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines()).containsExactly("kept: " + reason, "See 'kept %s --help'.".formatted(line.split(" ")[0]));
    }

    /** Numbers with suffixes are read by every option with a count or a size, and names in any case: the line is right, so a file is missing. */
    @ParameterizedTest
    @ValueSource(strings = {
        "distill --teacher a --corpus b --output c --tokens 1M --batch-size 1k --max-shard-size 500mb --save-every 1K --seed 1e3",
        "distill --teacher a --corpus b --output c --mapping EXACT --loss Reverse-KL --optimizer ADAMW-8bit --schedule Constant --shard ALL"
            + " --train Norms",
        "distill --teacher a --corpus b --output c --train NORMS,Lora --lora-rank 1Ki --lora-output ADAPTER --lora-target All-Linear",
        "distill --teacher a --corpus b --output c --device CPU --dtype BF16 --train-dtype Bf16 --reduction SERIAL",
        "convert --model a --output c --mapping Exact --dtype F32 --max-shard-size 5gb --chat-template ORION",
        "compare --teacher a --held-out b=c --mappings OPM,Exact,Calibrated:0.25:1E-5 --calibration d --calibration-tokens 64Ki",
        "export --model a --output b --type Q8_0 --format GGUF", "evaluate --model a --passkey 1k,4Ki --max-length 64k --seed -1",
        "pretrain --random --output o --config ORION-14B --vocab-size 1k --tokenizer a --format Torch --positions 4Ki",
        "generate --model a --prompt b --max-tokens 1k --top-k 1K --kv-cache BF16 --weights Q8", "logits --model a --ids b --output c --last 1k",
    })
    void numbersAndNamesAreReadAsPeopleWriteThem(String line) {
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).as(run.err()).isEqualTo(1);
        assertThat(run.errorLines().getLast()).as("a file is missing").matches("kept: \\[[a-z ]+] .*(no such file|does not exist|has neither).*");
    }

    /** A program has the groups that its options need, in this order. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "distill | Model,Data,Loss,Optimizer,Output,Machine,Program", "convert | Model,Data,Output,Machine,Program",
        "export | Model,Output,Program", "verify | Model,Data,Output,Machine,Program", "compare | Model,Data,Output,Machine,Program",
        "evaluate | Model,Data,Output,Machine,Program", "generate | Model,Data,Sampling,Output,Machine,Program",
        "pretrain | Model,Data,Optimizer,Output,Machine,Program", "logits | Model,Data,Output,Machine,Program",
        "info | Model,Output,Machine,Program",
    })
    void helpShowsOptionsInGroups(String command, String groups) {
        List<String> help = ProgramRun.of(command, "--help").out().lines().toList();
        List<String> all = List.of("Model", "Data", "Loss", "Optimizer", "Sampling", "Output", "Machine", "Program");
        assertThat(help.stream().filter(all::contains)).containsExactly(groups.split(","));
        assertThat(help.subList(help.indexOf("Program"), help.size()).stream().filter(line -> line.matches(" +(-.,)? *--.*")))
                .as("every other option has a group of its own")
                .allMatch(line -> line.matches(".*--(help|version|debug|verbose) .*"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"distill", "convert", "export", "verify", "compare", "evaluate", "generate", "pretrain", "logits", "info"})
    void helpShowsEachOptionOnce(String command) {
        String help = ProgramRun.of(command, "--help").out();
        List<String> shown = help.substring(help.indexOf("\nModel\n")).lines()
                .map(line -> line.replaceFirst("^(?:  -.,|     ) (--[a-z0-9\\[\\]-]+).*", "$1"))
                .filter(line -> line.startsWith("--")).map(name -> name.replace("[no-]", "")).toList();
        assertThat(shown).containsExactlyInAnyOrderElementsOf(Program.commandLine(new Main()).getSubcommands().get(command).getCommandSpec().options()
                .stream().filter(option -> !option.hidden()).map(OptionSpec::longestName).toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "convert --model= --output b", "convert --model a --output=", "verify --teacher a --student b --json= --held-out x=c.txt", "info ''",
    })
    void anEmptyPathIsWrongUsage(String line) {
        ProgramRun run = ProgramRun.of((Object[]) line.replace("''", "").split(" ", -1));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).contains("it is empty; name a file or a directory");
    }
}
