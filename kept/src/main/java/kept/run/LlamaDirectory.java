package kept.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import kept.generation.GenerationConfig;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tokenizer.TokenizerFiles;

/** Writes the files of a Llama checkpoint other than its weights. */
final class LlamaDirectory {
    private LlamaDirectory() {}

    /**
     * Writes configuration and tokenizer. A source without a tokenizer gives an output without one, unless the options ask for something of it.
     *
     * @param config the Llama's configuration
     * @param dtype the type of the stored weights; null for the configuration's
     * @param source the directory of the tokenizer
     * @param target an existing directory
     * @param tokenizer the options of the tokenizer's files
     * @param progress receives notes about these files
     */
    static void writeCompanions(DecoderConfig config, DType dtype, Path source, Path target, TokenizerFiles.Options tokenizer, Progress progress) {
        DecoderConfig stored = dtype == null ? config : config.toBuilder().dtype(dtype).build();
        stored.write(target);
        stored.writeGenerationConfig(source, target);
        List<String> notes = new ArrayList<>();
        GenerationConfig.wrongValues(target).ifPresent(wrong ->
                notes.add("%s of the output has the source's values as they are, but %s; generate and export refuse it until that is corrected"
                        .formatted(GenerationConfig.FILE, wrong)));
        if (tokenizer.equals(TokenizerFiles.Options.NONE) && !TokenizerFiles.isPresent(source)) {
            notes.add(TokenizerFiles.missing(source) + ", so the output has no tokenizer; copy one there before a program that reads text");
        } else {
            notes.addAll(TokenizerCopy.write(source, target, config.maxPositions(), tokenizer));
        }
        notes.forEach(note -> progress.note("note: " + note));
    }
}
