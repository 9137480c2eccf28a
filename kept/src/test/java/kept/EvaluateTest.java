package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import kept.evaluation.GoldenScores;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program {@code evaluate}: what it prints and writes, and what it refuses. */
class EvaluateTest {
    private static final Path TASK = GoldenScores.path("capitals.jsonl");
    private static final Path EXAMPLES = GoldenScores.path("capitals-examples.jsonl");

    @TempDir
    private Path directory;
    private Path model;

    @BeforeEach
    void prepare() {
        model = GoldenScores.model(directory.resolve("llama"));
    }

    @Test
    void aModelAloneHasALineForEachTaskAndGroup() throws IOException {
        Path json = directory.resolve("scores.json");
        ProgramRun run = ProgramRun.of("evaluate", model, "--tasks", TASK, "--examples", EXAMPLES, "--shots", 2, "--by-group", "--json", json);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out().lines()).containsExactly(
                "            n     acc      se     95 % interval  acc_norm      se     95 % interval",
                "capitals",
                "  model     8  0.3750  0.1830  0.1368 .. 0.6943    0.2500  0.1637  0.0715 .. 0.5907",
                "    cities  4  0.2500  0.2500  0.0456 .. 0.6994    0.2500  0.2500  0.0456 .. 0.6994",
                "    code    4  0.5000  0.2887  0.1500 .. 0.8500    0.2500  0.2500  0.0456 .. 0.6994");
        JsonNode content = new ObjectMapper().readTree(json.toFile());
        assertThat(content.propertyStream()).extracting(property -> property.getKey()).containsExactly("model", "shots", "tasks");
        JsonNode scores = content.at("/tasks/capitals/models/model");
        assertThat(scores.path("acc").doubleValue()).isEqualTo(0.375);
        assertThat(scores.path("acc_norm").doubleValue()).isEqualTo(0.25);
        assertThat(scores.path("acc_interval")).hasSize(2);
        assertThat(scores.path("shortened_contexts").intValue()).isZero();
        assertThat(scores.at("/groups/cities/acc").doubleValue()).isEqualTo(0.25);
        assertThat(content.at("/tasks/capitals/difference").isMissingNode()).isTrue();
    }

    @Test
    void besideItsTeacherAModelHasADifference() throws IOException {
        Path teacher = TinyTeacher.write(directory.resolve("orion"));
        Path json = directory.resolve("scores.json");
        ProgramRun run = ProgramRun.of("evaluate", model, "--teacher", teacher, "--tasks", TASK, EXAMPLES, "--json", json);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).contains("\ncapitals\n  teacher ", "\n  student ", "\n  student - teacher ", "\ncapitals-examples\n")
                .containsPattern("by acc gained \\d, lost \\d \\(McNemar p [01]");
        assertThat(run.err()).as("the teacher has 64 positions").contains("teacher, capitals: of ", "lost its beginning, to fit into 64 tokens");
        JsonNode task = new ObjectMapper().readTree(json.toFile()).at("/tasks/capitals");
        double difference = task.at("/models/student/acc").doubleValue() - task.at("/models/teacher/acc").doubleValue();
        assertThat(task.at("/difference/acc/value").doubleValue()).isEqualTo(difference);
        assertThat(task.at("/difference/acc/interval/0").doubleValue()).isLessThanOrEqualTo(difference);
        assertThat(task.at("/difference/acc/interval/1").doubleValue()).isGreaterThanOrEqualTo(difference);
        assertThat(task.at("/models/teacher/shortened_contexts").intValue()).isPositive();
    }

    @Test
    void passKeysHaveARowForEachLengthAndAColumnForEachDepth() {
        ProgramRun run = ProgramRun.of("evaluate", model, "--passkey", "235,250", "--passkey-depths", "0,100", "--passkey-trials", 2);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out().lines()).containsExactly(
                "pass key at depth  0 %  100 %",
                "model",
                "  235 tokens       0/2    0/2",
                "  250 tokens       0/2    0/2");
    }

    @Test
    void onlyTheFirstQuestionsAreAskedIfSoWished() {
        ProgramRun run = ProgramRun.of("evaluate", model, "--tasks", TASK, "--limit", 3);
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("\n  model +3 ");
    }

    @Test
    void examplesComeFromTheTaskItselfUnlessAFileIsNamed() {
        ProgramRun run = ProgramRun.of("evaluate", model, "--tasks", TASK, "--shots", 4);
        assertRefused(run, "capitals.jsonl, line 1 asks for 4 examples of the group \"cities\", and there are 3");
        assertThat(ProgramRun.of("evaluate", model, "--tasks", TASK, "--shots", 3, "--shots-seed", 1).code()).isZero();
    }

    @Test
    void badQuestionsAreRefusedByFileAndLine() throws IOException {
        Path bad = directory.resolve("bad.jsonl");
        Files.writeString(bad, "{\"context\": \"a\", \"choices\": [\"b\"], \"answer\": 0}\n");
        assertRefused(ProgramRun.of("evaluate", model, "--tasks", TASK, bad), "bad.jsonl, line 1 must have a list of two or more texts");
        Files.writeString(bad, "{\"context\": \"th\", \"choices\": [\"x\", \"e\"], \"answer\": 0}\n");
        assertRefused(ProgramRun.of("evaluate", model, "--tasks", bad, "--delimiter", ""), "bad.jsonl, line 1: choice 1 adds no token");
        Files.writeString(bad, "{\"context\": \"a\", \"choices\": [\"b\", \"%s\"], \"answer\": 0}\n".formatted("long ".repeat(200)));
        assertRefused(ProgramRun.of("evaluate", model, "--tasks", bad), "bad.jsonl, line 1 has a choice of ", "more than the maximum input of 256");
        assertRefused(ProgramRun.of("evaluate", model, "--tasks", TASK, TASK), "two task files are named capitals");
    }

    @Test
    void whatCannotBeEvaluatedIsRefused() throws IOException {
        assertRefused(ProgramRun.of("evaluate", model, "--passkey", "4k"), "4,000 tokens exceed the model's 256 positions");
        assertRefused(ProgramRun.of("evaluate", model, "--tasks", TASK, "--max-length", 257), "--max-length 257 exceeds the 256 positions");
        assertRefused(ProgramRun.of("evaluate", directory.resolve("nowhere"), "--tasks", TASK), "nowhere");
        Files.delete(model.resolve("tokenizer.model"));
        assertRefused(ProgramRun.of("evaluate", model, "--tasks", TASK), "tokenizer.model");
    }

    @Test
    void aCommandLineThatMakesNoSenseIsWrongUsage() {
        assertThat(ProgramRun.of("evaluate", model)).satisfies(run -> {
            assertThat(run.code()).isEqualTo(2);
            assertThat(run.err()).contains("give --tasks, --passkey, or both");
        });
        for (Object[] wrong : new Object[][] {{"--shots", -1}, {"--limit", 0}, {"--passkey", "4q"}, {"--passkey-depths", 101},
            {"--passkey-trials", 0}, {"--examples", EXAMPLES, TASK}}) {
            Object[] arguments = {"evaluate", model, "--tasks", TASK, wrong[0], wrong[1]};
            assertThat(ProgramRun.of(wrong.length == 2 ? arguments : new Object[] {"evaluate", model, "--tasks", TASK, wrong[0], wrong[1], wrong[2]})
                    .code()).as("%s", wrong[0]).isEqualTo(2);
        }
    }

    private static void assertRefused(ProgramRun run, String... words) {
        assertThat(run.code()).as(run.out()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.errorLines().getLast()).startsWith("kept: [").contains(words);
    }
}
