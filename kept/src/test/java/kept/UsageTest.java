package kept;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the programs say of themselves, and of command lines they cannot read. */
class UsageTest {
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
        assertThat(run.err()).contains("distil", "Did you mean", "kept distill");
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
        "distill --teachr a --corpus b.txt --output c",
        "generate --modl=a --prompt b",
        "pretrain --radnom --output b",
        "info --device",
    })
    void aMisspeltOptionIsNamedRatherThanTheOneThatIsThenMissing(String line) {
        String option = line.split("[ =]")[1];
        ProgramRun run = ProgramRun.of((Object[]) line.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.errorLines().getFirst()).contains("'" + option).doesNotContain("Missing");
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
