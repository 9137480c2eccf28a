package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Questions are read from JSON lines strictly, and what is wrong is told with file and line. */
class TaskFileTest {
    private static final String GOOD = "{\"context\": \"1 + 1 =\", \"choices\": [\"2\", \"3\"], \"answer\": 0}\n";

    @TempDir
    private Path directory;

    @Test
    void aQuestionIsWhatItsLineSays() throws IOException {
        Path file = directory.resolve("sums.jsonl");
        Files.writeString(file, GOOD
                + "\n{\"group\": \"g\", \"description\": \"d\\n\", \"context\": \"\", \"choices\": [\"가\", \"나\", \" c\"], \"answer\": 2}\n");
        Task task = Task.read(file);
        assertThat(task.name()).isEqualTo("sums");
        assertThat(task.questions()).hasSize(2);
        Question first = task.questions().getFirst();
        assertThat(first.context()).isEqualTo("1 + 1 =");
        assertThat(first.choices()).containsExactly("2", "3");
        assertThat(first.rightChoice()).isEqualTo("2");
        assertThat(first.group()).isEmpty();
        assertThat(first.description()).isEmpty();
        Question second = task.questions().getLast();
        assertThat(second.place()).isEqualTo(file + ", line 3");
        assertThat(second.choices()).containsExactly("가", "나", " c");
        assertThat(second.rightChoice()).isEqualTo(" c");
        assertThat(second.group()).isEqualTo("g");
        assertThat(second.description()).isEqualTo("d\n");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{\"context\": \"a\"                                                       | is not JSON",
        "[1, 2]                                                                    | is not a JSON object",
        "{\"choices\": [\"a\", \"b\"], \"answer\": 0}                              | has no text in \"context\"",
        "{\"context\": 7, \"choices\": [\"a\", \"b\"], \"answer\": 0}              | has no text in \"context\"",
        "{\"context\": \"a\", \"answer\": 0}                                       | two or more texts in \"choices\"",
        "{\"context\": \"a\", \"choices\": [], \"answer\": 0}                      | two or more texts in \"choices\"",
        "{\"context\": \"a\", \"choices\": [\"a\"], \"answer\": 0}                 | two or more texts in \"choices\"",
        "{\"context\": \"a\", \"choices\": [\"a\", \"\"], \"answer\": 0}           | empty choice (choice 1)",
        "{\"context\": \"a\", \"choices\": [\"a\", 4], \"answer\": 0}              | no text in \"choice 1\"",
        "{\"context\": \"a\", \"choices\": [\"a\", \"b\"]}                         | 0 to 1, not nothing",
        "{\"context\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": 2}          | 0 to 1, not 2",
        "{\"context\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": -1}         | 0 to 1, not -1",
        "{\"context\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": \"B\"}      | 0 to 1, not \"B\"",
        "{\"context\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": 1.5}        | 0 to 1, not 1.5",
        "{\"context\": \"a\", \"choices\": [\"a\", \"b\"], \"answer\": 0, \"anwser\": 1} | a key \"anwser\"",
        "{\"context\": \"a\", \"context\": \"b\", \"choices\": [\"a\", \"b\"], \"answer\": 0} | the key \"context\" occurs twice",
    })
    void aBadLineIsNamed(String line, String problem) throws IOException {
        Path file = Files.writeString(directory.resolve("task.jsonl"), GOOD + line + "\n" + GOOD);
        assertThatThrownBy(() -> Task.read(file)).isInstanceOf(EvaluationException.class)
                .hasMessageStartingWith("[task] " + file + ", line 2 ").hasMessageContaining(problem);
    }

    @Test
    void aFileThatIsNoTaskIsNamed() throws IOException {
        Path absent = directory.resolve("absent.jsonl");
        assertThatThrownBy(() -> Task.read(absent)).isInstanceOf(EvaluationException.class).hasMessage("[task] " + absent + " does not exist");
        Path empty = Files.writeString(directory.resolve("empty.jsonl"), "\n\n");
        assertThatThrownBy(() -> Task.read(empty)).isInstanceOf(EvaluationException.class).hasMessageContaining(empty + " holds no question");
        Path latin = Files.write(directory.resolve("latin.jsonl"), (GOOD + "Zürich").getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Task.read(latin)).isInstanceOf(EvaluationException.class).hasMessageContaining(latin.toString())
                .hasMessageContaining("is not UTF-8: byte 0xFC at offset 60");
    }
}
