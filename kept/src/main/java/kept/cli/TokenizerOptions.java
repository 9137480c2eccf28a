package kept.cli;

import java.util.Optional;
import kept.generation.ChatTemplate;
import kept.tokenizer.TokenizerFiles;
import picocli.CommandLine.Option;

/** The options of the tokenizer's files. */
public final class TokenizerOptions {
    @Reads
    @Option(names = "--chat-template", paramLabel = "FILE", order = 44,
            description = "Chat template to write, and to write conversations of a corpus by: a Jinja file, or orion for that of Orion-14B-Chat "
                    + "(default: the source's own, if it has one).")
    private String chatTemplate;

    @Option(names = "--llama-tokenizer", order = 45,
            description = "Name the class LlamaTokenizer in tokenizer_config.json, for tools that require it. With transformers 5, a text that "
                    + "begins with a space then has other ids than SentencePiece gives (default: PreTrainedTokenizerFast, which has the same).")
    private boolean llamaClass;

    /** Reads the template, if one is named. */
    public TokenizerFiles.Options read() {
        return new TokenizerFiles.Options(Optional.ofNullable(chatTemplate).map(name -> ChatTemplate.named(name).source()), llamaClass);
    }
}
