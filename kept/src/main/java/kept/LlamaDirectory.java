package kept;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import kept.generation.ChatTemplate;
import kept.generation.GenerationConfig;
import kept.model.DecoderConfig;
import kept.tensor.DType;
import kept.text.Reasons;
import kept.tokenizer.TokenizerFiles;
import picocli.CommandLine.Option;

/** The files of a Llama checkpoint beside its weights. */
final class LlamaDirectory {
    private LlamaDirectory() {}

    /** What may be said of the tokenizer's files. */
    static final class TokenizerOptions {
        @Reads
        @Option(names = "--chat-template", paramLabel = "FILE", order = 44,
                description = "Chat template to write, a Jinja file, or orion for that of Orion-14B-Chat (default: the source's own, if it has one).")
        private String chatTemplate;

        @Option(names = "--llama-tokenizer", order = 45,
                description = "Name the class LlamaTokenizer in tokenizer_config.json, for tools that ask for it. With transformers 5, a text that "
                        + "begins with a space then has other ids than SentencePiece gives (default: PreTrainedTokenizerFast, which has the same).")
        private boolean llamaClass;

        /** Reads the template, if one is named. */
        TokenizerFiles.Options read() {
            return new TokenizerFiles.Options(Optional.ofNullable(chatTemplate).map(name -> ChatTemplate.named(name).source()), llamaClass);
        }
    }

    /**
     * Writes configuration and tokenizer.
     *
     * @param config the Llama's configuration
     * @param dtype what the weights are stored in; null for what the configuration says
     * @param source the directory the tokenizer comes from
     * @param target an existing directory
     * @param tokenizer what the user wants of the tokenizer's files
     * @return what a user should know of these files, a line for each
     */
    static List<String> writeCompanions(DecoderConfig config, DType dtype, Path source, Path target, TokenizerFiles.Options tokenizer) {
        DecoderConfig stored = dtype == null ? config : config.toBuilder().dtype(dtype).build();
        stored.write(target);
        stored.writeGenerationConfig(source, target);
        List<String> remarks = new ArrayList<>();
        GenerationConfig.wrongValues(target).ifPresent(wrong ->
                remarks.add("%s of the output has the source's values as they are, but %s; generate and export refuse it until that is corrected"
                        .formatted(GenerationConfig.FILE, wrong)));
        try {
            remarks.addAll(TokenizerFiles.write(source, target, config.maxPositions(), tokenizer));
            return remarks;
        } catch (IOException e) {
            throw new ProgramException(
                    "[tokenizer] the files of %s cannot be written to %s: %s".formatted(source, target, Reasons.of(e)), e);
        }
    }
}
