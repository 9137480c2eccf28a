package kept.evaluation;

import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import kept.model.Decoder;
import kept.tensor.Scope;

/**
 * A student and its teacher on a text, and where they part.
 *
 * @param text the text
 * @param scores of each token
 * @param layers the distances of inner values, if wanted
 * @param worst the predictions of largest divergence, the worst first; none if none are wanted
 */
public record TextComparison(TextEvaluation text, TokenScores scores, Optional<LayerDistances> layers, List<WorstToken> worst) {
    /** Keeps a copy of the list. */
    public TextComparison {
        worst = List.copyOf(worst);
    }

    /**
     * Compares the two. Memory holds the inner values of one sequence and one layer at a time, and logits of a few rows.
     *
     * @param text the text
     * @param teacher the teacher
     * @param student a student of the same vocabulary
     * @param layers whether inner values are compared; the models are then read layer by layer in turn, and norms and the projections behind them
     * computed twice
     * @param worst how many of the worst predictions to keep, 0 for none
     * @param progress receives the number of sequences that have been read
     * @return the comparison
     */
    public static TextComparison of(TextEvaluation text, Decoder teacher, Decoder student, boolean layers, int worst, IntConsumer progress) {
        var tokens = new WorstTokens(worst);
        TextEvaluation.Scored observer = (row, logits, scores) -> {
            if (worst > 0) {
                tokens.add(row, logits, scores);
            }
            progress.accept(row + 1);
        };
        if (!layers) {
            TokenScores scores = text.scores(teacher, student, input -> TextEvaluation.logits(teacher, student, input), observer);
            return new TextComparison(text, scores, Optional.empty(), tokens.all());
        }
        try (var _ = Scope.open(student.device())) {
            var pass = new PairedPass(teacher, student);
            TokenScores scores = text.scores(teacher, student, pass::read, observer);
            return new TextComparison(text, scores, Optional.of(pass.distances()), tokens.all());
        }
    }
}
