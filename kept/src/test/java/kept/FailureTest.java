package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.function.IntSupplier;
import kept.cli.Program;
import kept.cli.ProgramException;
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
        protected int run() {
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

    /** As where no more files can be opened: the program's classes lie in some. */
    @Test
    void aClassThatCannotBeReadIsExplained() {
        Stub stub = new Stub(() -> {
            throw new NoClassDefFoundError("kept/backend/cpu/CpuSettings");
        });
        assertThat(run(stub).err()).startsWith("kept: [program] kept/backend/cpu/CpuSettings cannot be read").contains("ulimit -n 1024");
        Stub files = new Stub(() -> {
            throw (Error) new NoClassDefFoundError("kept/A").initCause(new IOException("x.jar (Too many open files)"));
        });
        assertThat(run(files).err()).startsWith("kept: [file] the system lets this process open no more files");
    }

    @Test
    void numbersAreWrittenTheSameWhateverTheUsersLanguage() {
        Locale before = Locale.getDefault();
        try {
            var printed = new StringBuilder();
            for (String language : new String[] {"de-DE", "ar-EG", "tr-TR", "hi-IN-u-nu-deva"}) {
                Locale.setDefault(Locale.forLanguageTag(language));
                assertThat(Program.execute(new Stub(() -> {
                    printed.append("%,d %.2f %s;".formatted(10185, 1.5, "TITLE".toLowerCase()));
                    return 0;
                }))).isZero();
            }
            assertThat(printed.toString()).isEqualTo("10,185 1.50 title;".repeat(4));
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void debugShowsWhereAFailureComesFrom() {
        Stub stub = new Stub(() -> {
            throw new ProgramException("[file] missing");
        });
        assertThat(run(stub, "--debug").err()).contains("\tat ", "kept: [file] missing");
    }

    @Test
    void anUnexpectedFailureIsOneLineAndAsksForAReport() {
        assertThat(failing(new IllegalStateException("oops\nagain"))).isEqualTo(
                "kept: unexpected failure, please report it (--debug shows where): java.lang.IllegalStateException: oops again");
        assertThat(failing(new ExceptionInInitializerError(new IllegalStateException("oops")))).startsWith("kept: unexpected failure");
    }

    @Test
    void throwablesThatAreNoExceptionsAreOneLineToo() {
        Stub endless = new Stub(FailureTest::endless);
        ProgramRun run = run(endless);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.errorLines()).singleElement().asString().startsWith("kept: [memory] the stack is full");
        assertThat(failing(new InternalError("a fault occurred in an unsafe memory access operation")))
                .startsWith("kept: [read] a file that is read was shortened meanwhile");
        assertThat(failing(new OutOfMemoryError("Cannot reserve 5 bytes of direct buffer memory"))).startsWith("kept: [memory] Cannot reserve 5");
        assertThat(failing(new OutOfMemoryError("unable to create native thread"))).contains("--threads");
    }

    @Test
    void noMoreFilesToOpenIsExplainedHoweverDeepItLies() {
        assertThat(failing(new IllegalStateException(new UncheckedIOException(new IOException("/a/b: Too many open files")))))
                .startsWith("kept: [file] the system lets this process open no more files").contains("ulimit -n");
        assertThat(failing(new UncheckedIOException(new NoSuchFileException("/a")))).isEqualTo("kept: [file] no such file or directory");
    }

    @Test
    void debugShowsWhereAnErrorComesFrom() {
        assertThat(run(new Stub(FailureTest::endless), "--debug").err()).contains("StackOverflowError", "\tat ", "kept: [memory] the stack is full");
    }

    /** The line that a failure is told in. */
    private static String failing(Throwable failure) {
        ProgramRun run = run(new Stub(() -> FailureTest.<RuntimeException>thrown(failure)));
        assertThat(run.code()).isEqualTo(1);
        return assertThat(run.errorLines()).singleElement().asString().actual();
    }

    @SuppressWarnings("unchecked") // To throw what is checked where nothing is declared.
    private static <T extends Throwable> int thrown(Throwable failure) throws T {
        throw (T) failure;
    }

    private static int endless() {
        return endless() + 1;
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
