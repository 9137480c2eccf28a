package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Command lines with former names of options do what they did; help and messages have the present names. */
class FormerNamesTest {
    @TempDir
    private Path directory;
    private Path teacher;
    private Path text;

    @BeforeEach
    void prepare() throws IOException {
        teacher = TinyTeacher.write(Files.createDirectory(directory.resolve("teacher")));
        text = TinyTeacher.text(directory.resolve("text.txt"));
    }

    @Test
    void aModelDirectory() {
        Path student = directory.resolve("student");
        assertSucceeds("convert", "--source", teacher, "--output", student);
        assertSucceeds("convert", "--source=" + teacher, "--output", directory.resolve("other"));
        assertSucceeds("export", "--source", student, "--output", directory.resolve("student.gguf"), "--type", "f32");
        assertThat(assertSucceeds("info", student).out()).isEqualTo(assertSucceeds("info", "--model", student).out());
        assertThat(ProgramRun.of("info", student, "--model", student).code()).as("both at once").isEqualTo(2);
    }

    @Test
    void heldOutText() {
        ProgramRun former = assertSucceeds("verify", "--teacher", teacher, "--student", teacher, "--text", "x=" + text, "--tokens", 64);
        ProgramRun present = assertSucceeds(
                "verify", "--teacher", teacher, "--student", teacher, "--held-out", "x=" + text, "--evaluation-tokens=64");
        assertThat(former.out()).isEqualTo(present.out()).isNotEmpty();
        assertSucceeds("compare", "--teacher", teacher, "--mappings", "opm", "--dtype", "f32", "--evaluate", "x=" + text, "--tokens=64");
    }

    @Test
    void messagesAndHelpHaveThePresentNames() {
        ProgramRun wrong = ProgramRun.of("verify", "--teacher", teacher, "--student", teacher, "--text", "x");
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).contains("--held-out must be NAME=FILE");
        for (String command : new String[] {"convert", "export", "verify", "compare", "distill"}) {
            assertThat(ProgramRun.of(command, "--help").out()).doesNotContain("--source", "--text=", "--evaluate=");
        }
    }

    @Test
    void anArgumentOfTheSameNameStays() {
        ProgramRun other = ProgramRun.of("generate", "--model", teacher, "--prompt=--source", "--max-tokens", 1);
        assertThat(other.code()).as(other.err()).isZero();
        assertThat(ProgramRun.of("generate", "--source", teacher).err()).contains("'--source'");
    }

    private static ProgramRun assertSucceeds(Object... arguments) {
        ProgramRun run = ProgramRun.of(arguments);
        assertThat(run.code()).as(run.err()).isZero();
        return run;
    }
}
