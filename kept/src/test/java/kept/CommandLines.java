package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import kept.evaluation.GoldenScores;
import kept.safetensors.SafetensorsWriter;
import kept.tensor.DType;
import kept.tensor.Shape;
import kept.weights.TensorSpec;

/**
 * A command line of each command with an output, on models that take no time.
 *
 * @param orion a teacher
 * @param llama a student made of it
 * @param text a text
 * @param ids token ids
 */
record CommandLines(Path orion, Path llama, Path text, Path ids) {
    /** Commands whose outputs are directories that appear whole. */
    static final List<String> MAKERS = List.of("convert", "distill", "pretrain", "random");
    /** Commands that write a file in a directory that is there. */
    static final List<String> WRITERS = List.of("logits", "verify", "verify page", "compare", "evaluate");

    /** Makes what they read. */
    static CommandLines make(Path folder) {
        Path orion = TinyTeacher.write(folder.resolve("orion"));
        Path text = TinyTeacher.text(folder.resolve("text.txt"));
        Path llama = folder.resolve("llama");
        assertThat(ProgramRun.of("convert", "--model", orion, "--output", llama).code()).isZero();
        Path ids = folder.resolve("ids.safetensors");
        try (var writer = SafetensorsWriter.create(ids, List.of(new TensorSpec("input_ids", DType.I64, Shape.of(1, 3))))) {
            MemorySegment values = MemorySegment.ofArray(new byte[3 * Long.BYTES]);
            values.set(ValueLayout.JAVA_LONG_UNALIGNED, Long.BYTES, 5);
            writer.write("input_ids", values);
            writer.finish();
        }
        var lines = new CommandLines(orion, llama, text, ids);
        try {
            Files.writeString(lines.messages(), "[{\"role\": \"user\", \"content\": \"Hi\"}]");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return lines;
    }

    /** Commands that write nothing but what they print. */
    static final List<String> PRINTERS = List.of("generate", "prompt", "info");

    /** The line of a command, by a name of {@link #MAKERS}, {@link #WRITERS}, {@link #PRINTERS} or export. */
    Object[] of(String name, Path output) {
        return switch (name) {
            case "convert" -> new Object[] {"convert", "--model", orion, "--output", output, "--verify"};
            case "distill" -> new Object[] {"distill", "--teacher", orion, "--corpus", text, "--held-out", "text=" + text, "--evaluation-tokens", 64,
                "--output", output, "--sequence-length", 16, "--batch-size", 2, "--tokens", 32};
            case "pretrain" -> new Object[] {"pretrain", "--corpus", text, "--tokenizer", orion, "--output", output, "--hidden-size", 16,
                "--heads", 2, "--layers", 1, "--intermediate-size", 24, "--sequence-length", 16, "--batch-size", 2, "--tokens", 64};
            case "random" -> new Object[] {"pretrain", "--random", "--tokenizer", orion, "--output", output, "--hidden-size", 16, "--heads", 2,
                "--layers", 1, "--intermediate-size", 24};
            case "export" -> new Object[] {"export", "--model", llama, "--type", "f32", "--output", output};
            case "logits" -> new Object[] {"logits", "--model", llama, "--ids", ids, "--output", output};
            case "verify" -> verify(output, "--json");
            case "verify page" -> verify(output, "--html");
            case "compare" -> new Object[] {"compare", "--teacher", orion, "--mappings", "opm", "--dtype", "f32", "--held-out", "text=" + text,
                "--tokens", 32, "--sequence-length", 16, "--json", output};
            case "evaluate" -> new Object[] {"evaluate", llama, "--tasks", GoldenScores.path("capitals.jsonl"), "--limit", 1, "--json", output};
            case "generate" -> new Object[] {"generate", "--model", llama, "--prompt", "The", "--max-tokens", 2};
            case "prompt" -> new Object[] {"generate", "--model", llama, "--chat-template", "orion", "--messages", messages(), "--print-prompt"};
            case "info" -> new Object[] {"info", "--model", llama};
            default -> throw new IllegalArgumentException(name);
        };
    }

    private Path messages() {
        return text.resolveSibling("messages.json");
    }

    private Object[] verify(Path output, String option) {
        return new Object[] {"verify", "--teacher", orion, "--student", llama, "--held-out", "text=" + text, "--evaluation-tokens", 32,
                "--sequence-length", 16,
            option, output};
    }
}
