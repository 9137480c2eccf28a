package kept;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import kept.cli.Program;

/**
 * One run of {@code kept <command>} in this process.
 *
 * @param code the exit code
 * @param out what it printed as its result
 * @param err its standard error
 */
public record ProgramRun(int code, String out, String err) {
    /** Runs a command line; its elements may be anything with a text, such as paths. */
    public static ProgramRun of(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Program.commandLine(new Main())
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
        return new ProgramRun(code, out.toString(), err.toString());
    }

    public List<String> errorLines() {
        return err.lines().toList();
    }
}
