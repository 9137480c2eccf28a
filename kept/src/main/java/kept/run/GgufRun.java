package kept.run;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import kept.checkpoint.Checkpoint;
import kept.gguf.GgufExport;
import kept.gguf.GgufType;
import kept.io.OutputFile;
import kept.model.DecoderConfig;
import kept.text.Reasons;
import kept.tokenizer.Vocabulary;

/** Writes a Llama checkpoint as one GGUF file for llama.cpp. */
public final class GgufRun {
    private static final String TASK = "gguf";

    private final Path model;
    private final Path output;
    private GgufType type = GgufType.F16;
    private boolean overwrite;
    private List<Path> kept;

    /**
     * The written file.
     *
     * @param source describes the weights that were read
     * @param tensors the number of tensors
     * @param tokens the size of the vocabulary
     * @param bytes the size of the file
     * @param notes what the format cannot carry, a sentence each
     */
    public record Result(String source, int tensors, int tokens, long bytes, List<String> notes) {}

    private GgufRun(Path model, Path output) {
        this.model = model;
        this.output = output;
        this.kept = List.of(model);
    }

    /**
     * A run that stores matrices as f16 and overwrites nothing.
     *
     * @param model the directory of a Llama checkpoint
     * @param output the file to write; it appears complete or not at all
     * @return the run
     */
    public static GgufRun of(Path model, Path output) {
        return new GgufRun(model, output);
    }

    /**
     * Sets the type of the stored matrices; vectors are always f32.
     *
     * @param matrices the type
     * @return this run
     */
    public GgufRun type(GgufType matrices) {
        type = matrices;
        return this;
    }

    /**
     * Sets whether an existing file is replaced.
     *
     * @param allowed whether it is
     * @return this run
     */
    public GgufRun overwrite(boolean allowed) {
        overwrite = allowed;
        return this;
    }

    /**
     * Sets the inputs that the output must not replace.
     *
     * @param paths files and directories; the model's unless this is called
     * @return this run
     */
    public GgufRun keep(Path... paths) {
        kept = List.of(paths);
        return this;
    }

    /**
     * Writes the file.
     *
     * @param progress receives notes about the weights, and the bytes written
     * @return what was written
     * @throws kept.io.FileException if the model is no Llama, cannot be read, or the file cannot be written
     */
    public Result run(Progress progress) {
        DecoderConfig config = DecoderConfig.read(model);
        GgufExport.requireLlama(model, config);
        Vocabulary tokenizer = Vocabulary.read(model);
        try (var checkpoint = Checkpoint.open(model)) {
            Notes.report(progress, model, checkpoint);
            var export = GgufExport.of(checkpoint, config, tokenizer, name(), type);
            try (var file = OutputFile.prepare(TASK, output, export.byteSize(), overwrite, kept);
                    var work = Work.begin(progress, TASK, Progress.Unit.BYTES, export.byteSize(), 0)) {
                var done = new AtomicLong();
                export.write(file, bytes -> work.done(done.addAndGet(bytes)));
                file.commit();
            }
            return new Result(checkpoint.description(), export.tensorCount(), config.vocabSize(), export.byteSize(), export.notes());
        }
    }

    private String name() {
        try {
            return model.toRealPath().getFileName().toString();
        } catch (IOException e) {
            throw new RunException("[gguf] %s cannot be resolved: %s".formatted(model, Reasons.of(e)), e);
        }
    }
}
