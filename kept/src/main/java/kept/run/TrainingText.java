package kept.run;

import java.util.Arrays;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.evaluation.TextEvaluation;

/** One of the texts of a distillation: first the tokens held out for the report, then those held out for the choice of the best state. */
final class TrainingText implements AutoCloseable {
    private final TrainingCorpus corpus;
    private final PackedTokens packed;
    private final PackedSequences sequences;
    private final long reported;
    private final long evaluated;
    private final int length;

    /**
     * Divides a text.
     *
     * @param corpus its origin
     * @param packed its tokens, closed with this
     * @param reported the maximum number of tokens held out for the report
     * @param evaluated the maximum number of tokens held out for evaluations during training
     * @param length tokens of a sequence
     * @param seed of the order of sequences
     * @throws RunException if nothing is left to train on
     */
    TrainingText(TrainingCorpus corpus, PackedTokens packed, long reported, long evaluated, int length, long seed) {
        this.corpus = corpus;
        this.packed = packed;
        this.length = length;
        this.reported = reported == 0 ? 0 : HeldOut.beginning(packed, length, reported);
        this.evaluated = HeldOut.during(packed, this.reported, length, evaluated);
        this.sequences = new PackedSequences(packed, heldOut(), length, 1, seed);
    }

    String name() {
        return corpus.name();
    }

    double weight() {
        return corpus.weight();
    }

    PackedTokens packed() {
        return packed;
    }

    /** The number of tokens at the beginning that are not trained on. */
    long heldOut() {
        return reported + evaluated;
    }

    PackedSequences sequences() {
        return sequences;
    }

    /** The part for the report, if there is any. */
    TextEvaluation forReport() {
        return TextEvaluation.of(name(), packed, length, reported);
    }

    /** The ids for evaluations during training. */
    int[] idsDuring() {
        return TextEvaluation.of("held-out", packed, reported, length, evaluated).ids();
    }

    /** The part for evaluations during training of several texts. */
    static TextEvaluation during(int length, int[]... ids) {
        return new TextEvaluation("held-out", Arrays.stream(ids).flatMapToInt(Arrays::stream).toArray(), length);
    }

    @Override
    public void close() {
        packed.close();
    }
}
