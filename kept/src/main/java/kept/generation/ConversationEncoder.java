package kept.generation;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import kept.corpus.CorpusException;
import kept.corpus.Document;
import kept.corpus.DocumentEncoder;
import kept.corpus.TokenMask;
import kept.tokenizer.Tokenizer;
import kept.tokenizer.TokenizerException;

/**
 * Turns texts and conversations into token ids. A conversation is written by a chat template. Special tokens that the template writes are encoded as
 * such; what looks like one in a message is plain text, because it is what somebody said. No token is added to what the template writes.
 *
 * <p>If the loss is on the assistant's tokens, all other tokens of conversations are masked ({@link TokenMask}); texts are learnt as a whole. The
 * assistant's tokens are those that a message of the role {@code assistant} adds to the prompt before it: its content and the end of its turn.
 */
public final class ConversationEncoder implements DocumentEncoder {
    private final Tokenizer tokenizer;
    private final int vocabulary;
    private final ChatTemplates templates;
    private final LossTokens loss;
    private final DocumentEncoder texts;

    /**
     * Creates an encoder.
     *
     * @param tokenizer the model's, which must stay open
     * @param vocabulary the number of the model's embeddings
     * @param templates the chat templates
     * @param loss the tokens of conversations that are learnt
     */
    public ConversationEncoder(Tokenizer tokenizer, int vocabulary, ChatTemplates templates, LossTokens loss) {
        this.tokenizer = tokenizer;
        this.vocabulary = vocabulary;
        this.templates = templates;
        this.loss = loss;
        texts = DocumentEncoder.of(tokenizer);
    }

    /**
     * Creates an encoder that learns from all tokens.
     *
     * @param tokenizer the model's, which must stay open
     * @param vocabulary the number of the model's embeddings
     * @param directory the model's, which may have a chat template
     * @param template the source of a template that replaces that of the model, if any
     * @return the encoder
     */
    public static ConversationEncoder of(Tokenizer tokenizer, int vocabulary, Path directory, Optional<String> template) {
        return new ConversationEncoder(tokenizer, vocabulary, new ChatTemplates(directory, template), LossTokens.ALL);
    }

    @Override
    public int[] encode(Document document) {
        return document.conversation().map(this::encode).orElseGet(() -> texts.encode(document));
    }

    private int[] encode(Document.Conversation conversation) {
        try {
            var rendered = new RenderedConversation(conversation, templates.get(conversation.tools().isPresent()), tokenizer);
            int[] ids = rendered.ids();
            int largest = Arrays.stream(ids).max().orElse(-1);
            if (largest < 0) {
                throw new ChatTemplateException("[chat template] it makes an empty text of this conversation");
            }
            if (largest >= vocabulary) {
                throw new ChatTemplateException("[chat template] it writes the token %d, and the model has embeddings up to %d".formatted(
                        largest, vocabulary - 1));
            }
            return loss == LossTokens.ALL ? ids : masked(ids, rendered.assistant());
        } catch (ChatTemplateException | TokenizerException e) {
            throw new CorpusException("%s: %s".formatted(conversation.place(), e.reason()), e);
        }
    }

    private static int[] masked(int[] ids, boolean... learnt) {
        int[] masked = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            masked[i] = learnt[i] ? ids[i] : TokenMask.masked(ids[i]);
        }
        return masked;
    }
}
