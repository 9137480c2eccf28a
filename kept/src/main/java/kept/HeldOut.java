package kept;

import java.util.Optional;
import kept.distill.Corpus;
import kept.distill.CorpusException;
import kept.distill.PackedTokens;
import kept.distill.TextEvaluation;
import kept.tokenizer.Tokenizer;

/** The part of a text that training does not see: a fixed share of its documents, chosen by their names. */
final class HeldOut {
    /** The share of documents that is held out. */
    static final double FRACTION = 0.02;

    private HeldOut() {}

    /**
     * The held-out part of a text, to evaluate on.
     *
     * @param name what it is called in tables
     * @param corpus all of the text
     * @param tokenizer the models' tokenizer
     * @param length tokens of a sequence
     * @param most the most tokens to evaluate on
     * @return nothing if the held-out documents have not one whole sequence
     */
    static Optional<TextEvaluation> of(String name, Corpus corpus, Tokenizer tokenizer, int length, long most) {
        try (PackedTokens tokens = PackedTokens.of(corpus.heldOut(FRACTION), tokenizer, most + length + 1)) {
            return Optional.of(TextEvaluation.of(name, tokens, length, most));
        } catch (CorpusException e) {
            return Optional.empty();
        }
    }
}
