package kept.corpus;

import kept.tokenizer.Tokenizer;

/** Turns documents into token ids; thread-safe. */
@FunctionalInterface
public interface DocumentEncoder {
    /**
     * Encodes a document.
     *
     * @param document a text or a conversation
     * @return its ids, and the id that ends it where there is one; ids that are not learnt from are marked ({@link TokenMask})
     * @throws CorpusException if it cannot be encoded, naming its file and its place in it
     */
    int[] encode(Document document);

    /**
     * Encodes texts, each after the beginning-of-sequence id where the model reads texts so ({@link Tokenizer#addsBos}), and followed by the
     * end-of-sequence id where the vocabulary has one. Conversations are refused.
     *
     * @param tokenizer the vocabulary, which must stay open
     * @return the encoder
     */
    static DocumentEncoder of(Tokenizer tokenizer) {
        boolean beginning = tokenizer.addsBos();
        boolean end = tokenizer.eos().isPresent();
        return document -> {
            document.conversation().ifPresent(conversation -> {
                throw new CorpusException("%s is a conversation, and text is needed here: --text-field names a field of text".formatted(
                        conversation.place()));
            });
            return tokenizer.encode(document.text(), beginning, end);
        };
    }
}
