package kept.evaluation;

import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.model.Decoder;
import kept.tensor.Scope;

/**
 * A comparison of a student with its teacher on a text.
 *
 * @param text the text
 * @param scores of each token
 * @param layers the distances of inner values, if requested
 * @param worst the predictions with the largest divergence in descending order; empty unless requested
 */
public record TextComparison(TextEvaluation text, TokenScores scores, Optional<LayerDistances> layers, List<WorstToken> worst) {
    /** Keeps a copy of the list. */
    public TextComparison {
        worst = List.copyOf(worst);
    }

    /**
     * Compares a student with its teacher. Memory holds the inner values of one sequence and one layer at a time, and logits of a few rows.
     *
     * @param text the text
     * @param teacher the teacher
     * @param student a student of the same vocabulary
     * @param layers whether to compare inner values; the models are then run alternately, layer by layer, and norms and the projections after them
     *     are computed twice
     * @param worst the number of predictions with the largest divergence to keep
     * @param progress receives the number of sequences that have been read
     * @return the comparison
     */
    public static TextComparison of(TextEvaluation text, Decoder teacher, Decoder student, boolean layers, int worst, IntConsumer progress) {
        return of(text, teacher, student, layers, worst, Communicator.single(), progress);
    }

    /**
     * Compares a student with its teacher on several ranks, which divide the sequences; the comparison has the same bits on any number of them.
     *
     * @param text the text
     * @param teacher the teacher
     * @param student a student of the same vocabulary
     * @param layers whether to compare inner values, as without ranks
     * @param worst the number of predictions with the largest divergence to keep
     * @param ranks those that call this with the same arguments
     * @param progress receives the number of sequences that have been read, as far as this rank knows
     * @return the comparison, in every rank
     */
    public static TextComparison of(TextEvaluation text, Decoder teacher, Decoder student, boolean layers, int worst, Communicator ranks,
            IntConsumer progress) {
        var tokens = new WorstTokens(worst);
        SharedItems work = text.divided(ranks);
        TextEvaluation.Scored observer = (row, logits, scores) -> {
            if (worst > 0) {
                tokens.add(row, logits, scores);
            }
            progress.accept(work.ofAll(row - work.first() + 1));
        };
        if (!layers) {
            TokenScores scores = text.scores(teacher, student, work, input -> TextEvaluation.logits(teacher, student, input), observer);
            return new TextComparison(text, scores, Optional.empty(), tokens.all(ranks));
        }
        try (var _ = Scope.open(student.device())) {
            var pass = new PairedPass(teacher, student);
            TokenScores scores = text.scores(teacher, student, work, pass::read, observer);
            return new TextComparison(text, scores, Optional.of(pass.distances(work)), tokens.all(ranks));
        }
    }
}
