package kept.run;

import java.util.Optional;
import kept.corpus.Corpus;
import kept.corpus.CorpusException;
import kept.corpus.PackedTokens;
import kept.evaluation.TextEvaluation;
import kept.tokenizer.Tokenizer;

/**
 * The part of a text that training does not see: the beginning of a user's text; of a JDK's sources a fixed share of the documents, chosen by their
 * names, so that prose and code of one file are on the same side for vocabulary, teacher and student.
 */
final class HeldOut {
    /** The share of documents that is held out. */
    static final double FRACTION = 0.02;

    /** The inverse of the maximum share of a user's text that is held out. */
    private static final long SHARE = 50;

    /** The maximum number of tokens for an evaluation during training. */
    static final long MAX_TOKENS_DURING_TRAINING = 8192;

    private HeldOut() {}

    /**
     * The number of tokens that are held out at the beginning of a text.
     *
     * @param text all of the text
     * @param length tokens of a sequence
     * @param most the maximum number of tokens to hold out
     * @return whole sequences' tokens, at least one sequence
     * @throws RunException if there are not two whole sequences, one to train on and one to evaluate on
     */
    static long beginning(PackedTokens text, int length, long most) {
        long sequences = (text.size() - 1) / length;
        if (sequences < 2) {
            throw new RunException("[evaluation] %s, not enough to train on and to evaluate on: give more text, or choose shorter sequences"
                    .formatted(text.description()));
        }
        return length * Math.clamp(sequences / SHARE, 1, Math.max(1, most / length));
    }

    /**
     * The number of tokens of a text that are held out for evaluations during training, so that the best state is not chosen on the text of the
     * report.
     *
     * @param text all of the text
     * @param from the index of the first token
     * @param length tokens of a sequence
     * @param most the maximum number of tokens to hold out
     * @return whole sequences' tokens, at least one sequence
     * @throws RunException if no sequence is left to train on
     */
    static long during(PackedTokens text, long from, int length, long most) {
        long sequences = (text.size() - from - 1) / length;
        if (sequences < 2) {
            throw new RunException("[training] %s, not enough to train on and to evaluate on: give more text, or choose shorter sequences"
                    .formatted(text.description()));
        }
        return length * Math.clamp(sequences / SHARE, 1, Math.max(1, most / length));
    }

    /**
     * The held-out part of a text, to evaluate on.
     *
     * @param name its name in tables
     * @param corpus all of the text
     * @param tokenizer the models' tokenizer
     * @param length tokens of a sequence
     * @param most the maximum number of tokens to evaluate on
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
