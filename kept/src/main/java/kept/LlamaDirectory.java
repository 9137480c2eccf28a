package kept;

import java.io.IOException;
import java.nio.file.Path;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.tokenizer.TokenizerFiles;

/** The files of a Llama checkpoint beside its weights. */
final class LlamaDirectory {
    private LlamaDirectory() {}

    /**
     * Writes configuration and tokenizer.
     *
     * @param config the Llama's configuration
     * @param dtype what the weights are stored in; null for what the configuration says
     * @param source the directory the tokenizer comes from
     * @param target an existing directory
     */
    static void writeCompanions(DecoderConfig config, DType dtype, Path source, Path target) {
        DecoderConfig stored = dtype == null ? config : config.toBuilder().dtype(dtype).build();
        stored.write(target);
        stored.writeGenerationConfig(target);
        try {
            TokenizerFiles.write(source, target, config.maxPositions());
        } catch (IOException e) {
            throw new ProgramException(
                    "[tokenizer] the files of %s cannot be written to %s: %s".formatted(source, target, e.getMessage()), e);
        }
    }
}
