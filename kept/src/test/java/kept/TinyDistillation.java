package kept;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What runs of distill need, in a directory: the {@link TinyTeacher}, a text, and a command line of small steps. */
public final class TinyDistillation {
    /** Four sequences of sixteen. */
    static final int TOKENS_PER_STEP = 4 * 16;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path teacher;
    private final Path text;

    /** Writes teacher and text. */
    public TinyDistillation(Path directory) {
        teacher = TinyTeacher.write(directory.resolve("orion"));
        text = TinyTeacher.text(directory.resolve("text.txt"));
    }

    public Path teacher() {
        return teacher;
    }

    Path text() {
        return text;
    }

    /**
     * A command line.
     *
     * @param source the teacher
     * @param output what to make
     * @param steps how many, unless there are {@code --tokens} among the others
     * @param more other options, which come last
     */
    Object[] arguments(Path source, Path output, int steps, Object... more) {
        return withoutOutput(source, steps, Stream.concat(Stream.of("--output", output), Stream.of(more)).toArray());
    }

    /**
     * A command line that does not say what to write.
     *
     * @param source the teacher
     * @param steps how many, unless there are {@code --tokens} among the others
     * @param more other options, which come last
     */
    Object[] withoutOutput(Path source, int steps, Object... more) {
        Object[] basis = {"distill", "--teacher", source, "--corpus", text, "--held-out", "held-out=" + text};
        return Stream.of(basis, unlessAmong(more, "--evaluation-tokens", 128), unlessAmong(more, "--sequence-length", 16),
                unlessAmong(more, "--batch-size", 4), unlessAmong(more, "--tokens", steps * TOKENS_PER_STEP), more)
                .flatMap(Stream::of).toArray();
    }

    private static Object[] unlessAmong(Object[] options, String name, Object value) {
        return List.of(options).contains(name) ? new Object[0] : new Object[] {name, value};
    }

    /** A run of such a command line. */
    public ProgramRun run(Path source, Path output, int steps, Object... more) {
        return ProgramRun.of(arguments(source, output, steps, more));
    }

    /** The report of an output. */
    static JsonNode report(Path output) {
        try {
            return JSON.readTree(output.resolve("report.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
