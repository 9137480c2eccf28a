package kept.report;

import java.util.List;
import java.util.Optional;
import kept.evaluation.ClassScores;
import kept.evaluation.LayerDistances;
import kept.evaluation.TextComparison;
import kept.evaluation.TokenScores;
import kept.tokenizer.TokenClass;
import kept.tokenizer.TokenTexts;
import kept.tokenizer.Tokenizer;

/**
 * How faithfully a student follows its teacher on a text, and where they part.
 *
 * @param scores of each token
 * @param layers the distances of inner values, if they were measured
 * @param classes the scores of each {@link TokenClass} by its ordinal; none if they are not wanted
 * @param worst the predictions of largest divergence in words, the worst first; none if they are not wanted
 */
public record FidelityDetails(TokenScores scores, Optional<LayerDistances> layers, List<ClassScores> classes, List<TokenInContext> worst) {
    /** Keeps copies of the lists. */
    public FidelityDetails {
        classes = List.copyOf(classes);
        worst = List.copyOf(worst);
    }

    /**
     * Puts what was measured into words.
     *
     * @param comparison what was measured
     * @param tokenizer of the text
     * @param texts of the tokens; null where neither classes nor worst tokens are wanted
     * @param byClass whether classes are wanted
     * @return the details
     */
    public static FidelityDetails of(TextComparison comparison, Tokenizer tokenizer, TokenTexts texts, boolean byClass) {
        List<ClassScores> classes = byClass
            ? ClassScores.of(comparison.text(), comparison.scores(), id -> texts.classOf(id).ordinal())
            : List.of();
        List<TokenInContext> worst = comparison.worst().stream()
            .map(token -> TokenInContext.of(token, comparison.text(), tokenizer, texts)).toList();
        return new FidelityDetails(comparison.scores(), comparison.layers(), classes, worst);
    }

    /** What tables call a class. */
    static String label(ClassScores scores) {
        return TokenClass.values()[scores.index()].label();
    }
}
