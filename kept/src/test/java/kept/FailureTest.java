package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Command;

/** How a failure reaches the user. */
class FailureTest {
    @Command(name = "stub")
    private static final class Stub extends Program {
        private final IntSupplier body;

        Stub(IntSupplier body) {
            this.body = body;
        }

        @Override
        int run() {
            return body.getAsInt();
        }
    }

    @Test
    void anExpectedFailureIsOneLineEvenIfItsReasonHasSeveral() {
        Stub stub = new Stub(() -> {
            throw new ProgramException("[file] no object\n  at line 3\n");
        });
        assertThat(run(stub)).isEqualTo(new ProgramRun(1, "", "kept: [file] no object at line 3" + System.lineSeparator()));
    }

    @Test
    void debugShowsWhereAFailureComesFrom() {
        Stub stub = new Stub(() -> {
            throw new ProgramException("[file] missing");
        });
        assertThat(run(stub, "--debug").err()).contains("\tat ", "kept: [file] missing");
    }

    @Test
    void anUnexpectedFailureShowsWhereItComesFromAndAsksForAReport() {
        Stub stub = new Stub(() -> {
            throw new IllegalStateException("oops");
        });
        ProgramRun run = run(stub);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("\tat ", "kept: unexpected failure, please report it: java.lang.IllegalStateException: oops");
    }

    @Test
    void aFullHeapIsExplained() {
        Stub stub = new Stub(() -> {
            throw new OutOfMemoryError("Java heap space");
        });
        ProgramRun run = run(stub);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [memory] the Java heap of").contains("KEPT_JAVA_OPTIONS=-Xmx");
    }

    private static ProgramRun run(Program program, String... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Program.commandLine(program).setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true)).execute(arguments);
        return new ProgramRun(code, out.toString(), err.toString());
    }
}
