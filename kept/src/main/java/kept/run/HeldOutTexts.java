package kept.run;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import kept.corpus.Corpus;
import kept.corpus.DocumentEncoder;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.evaluation.TextEvaluation;
import kept.text.VisibleText;

/** Held-out texts, read and packed for evaluation. */
public final class HeldOutTexts {
    private final List<TextEvaluation> evaluations = new ArrayList<>();
    private final SequencedMap<String, TextCoverage> coverage = new LinkedHashMap<>();

    private HeldOutTexts() {}

    /**
     * Reads the beginnings of texts.
     *
     * @param texts by their names
     * @param encoder turns documents into the models' tokens
     * @param length tokens of a sequence
     * @param tokens the maximum tokens of each text
     * @param progress receives a note about each text
     * @return the texts in sequences
     */
    public static HeldOutTexts read(SequencedMap<String, Corpus> texts, DocumentEncoder encoder, int length, long tokens, Progress progress) {
        return read(texts, encoder, length, tokens, Communicator.single(), progress);
    }

    /**
     * Reads the beginnings of texts in rank 0, which sends them to the others.
     *
     * @param texts by their names
     * @param encoder turns documents into the models' tokens
     * @param length tokens of a sequence
     * @param tokens the maximum tokens of each text
     * @param ranks those that call this with the same arguments
     * @param progress receives a note about each text
     * @return the texts in sequences; what was read of them in rank 0 alone
     */
    public static HeldOutTexts read(SequencedMap<String, Corpus> texts, DocumentEncoder encoder, int length, long tokens, Communicator ranks,
            Progress progress) {
        var read = new HeldOutTexts();
        texts.forEach((name, text) -> {
            int[] ids = SharedItems.fromFirst(ranks, () -> read.ids(name, text, encoder, length, tokens, progress));
            read.evaluations.add(new TextEvaluation(name, ids, length));
        });
        return read;
    }

    private int[] ids(String name, Corpus text, DocumentEncoder encoder, int length, long tokens, Progress progress) {
        try (PackedTokens packed = PackedTokens.of(text, encoder, tokens + length + 1)) {
            var evaluation = TextEvaluation.of(name, packed, length, tokens);
            coverage.put(name, packed.coverage().using(evaluation.tokens()));
            progress.note("text %s: evaluated on %,d tokens of %s".formatted(
                    VisibleText.escaped(name), evaluation.tokens(), VisibleText.onTerminal(packed.description())));
            return evaluation.ids();
        }
    }

    /**
     * The texts in sequences.
     *
     * @return in the order of the texts
     */
    public List<TextEvaluation> evaluations() {
        return List.copyOf(evaluations);
    }

    /**
     * The part of each text that was read.
     *
     * @return by its name
     */
    public SequencedMap<String, TextCoverage> coverage() {
        return Collections.unmodifiableSequencedMap(coverage);
    }
}
