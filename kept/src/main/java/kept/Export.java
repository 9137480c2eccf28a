package kept;

import java.nio.file.Path;
import java.util.Locale;
import kept.cli.ModelDirectory;
import kept.cli.Program;
import kept.cli.Reads;
import kept.cli.Writes;
import kept.gguf.GgufType;
import kept.run.GgufRun;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code kept export}: writes a Llama checkpoint as one file for another engine. */
@Command(name = "export", description = {
    "Writes a Llama checkpoint as one GGUF file, which llama.cpp and what is built on it run.",
    "Settings, tokenizer and weights are in it; nothing else is needed. Another model is converted or distilled first."
})
public final class Export extends Program {
    /** The formats a checkpoint can be written in. */
    enum Format {
        GGUF;

        /** The name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The type of the stored matrices. */
    enum MatrixType {
        F32, F16, BF16, Q8_0;

        /** The name on the command line. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Reads
    @Option(names = "--model", paramLabel = "DIR", converter = ModelDirectory.class, required = true,
            description = "The Llama checkpoint: config.json, weights, tokenizer.model.")
    private Path source;

    @Writes(Writes.Kind.NEW_FILE)
    @Option(names = "--output", paramLabel = "FILE", required = true, description = "The file to write; it appears complete or not at all.")
    private Path output;

    @Option(names = "--format", paramLabel = "NAME", defaultValue = "gguf", description = "The file's format: gguf (default).")
    private Format format;

    @Option(names = "--type", paramLabel = "TYPE", required = true,
            description = "Type of the stored matrices: ${COMPLETION-CANDIDATES}; vectors are always f32. q8_0 takes 8.5 bits per element.")
    private MatrixType type;

    @Option(names = "--overwrite", description = "Replace a file that exists.")
    private boolean overwrite;

    /** For the command line. */
    public Export() {}

    /**
     * Runs the program and ends the process.
     *
     * @param arguments the command line
     */
    public static void main(String[] arguments) {
        System.exit(execute(new Export(), arguments));
    }

    @Override
    protected int run() {
        GgufRun.Result result = GgufRun.of(source, output).type(GgufType.valueOf(type.name())).overwrite(overwrite).keep(inputs()).run(progress());
        result.notes().forEach(note -> err().println("note: " + note));
        out().println("source: " + result.source());
        out().println("output: %d tensors, the matrices as %s; %d tokens, %,d bytes".formatted(
                result.tensors(), type, result.tokens(), result.bytes()));
        out().println(output);
        return 0;
    }
}
