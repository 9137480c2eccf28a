package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import kept.cli.OptimizerOptions;
import kept.cli.Program;
import kept.tensor.OutOfMemoryException;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** A device without room is told with the options of the program that lower what it takes. */
class OutOfMemoryTest {
    private static final String MESSAGE = "[allocate] no room on cuda for 5 bytes: 3 bytes in use here";

    @Command(name = "trains")
    static final class Trains extends Program {
        @Mixin
        private OptimizerOptions optimizer;

        @Override
        protected int run() {
            throw new OutOfMemoryException(MESSAGE);
        }
    }

    @Command(name = "reads")
    static final class Reads extends Program {
        @Override
        protected int run() {
            throw new OutOfMemoryException(MESSAGE);
        }
    }

    @Test
    void theProgramsOwnOptionsAreNamed() {
        assertThat(run(new Trains())).isEqualToIgnoringNewLines("kept: " + MESSAGE + "; options that lower it: "
                + "--batch-size, --sequence-length, --checkpoint-activations, --optimizer adamw-8bit, --train-dtype bf16");
        assertThat(run(new Reads())).isEqualToIgnoringNewLines("kept: " + MESSAGE);
    }

    private static String run(Program program) {
        var err = new StringWriter();
        assertThat(Program.commandLine(program).setErr(new PrintWriter(err, true)).execute()).isEqualTo(1);
        return err.toString();
    }
}
