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
 * The fidelity of a student on a text, and where it differs from its teacher.
 *
 * @param scores of each token
 * @param layers the distances of intermediate values, if measured
 * @param classes the scores of each {@link TokenClass}, indexed by its ordinal; empty if not requested
 * @param worst the predictions of largest divergence, worst first; empty if not requested
 */
public record FidelityDetails(TokenScores scores, Optional<LayerDistances> layers, List<ClassScores> classes, List<TokenInContext> worst) {
    /** Copies the lists. */
    public FidelityDetails {
        classes = List.copyOf(classes);
        worst = List.copyOf(worst);
    }

    /**
     * Converts measurements to readable details.
     *
     * @param comparison what was measured
     * @param tokenizer of the text
     * @param texts the texts of the tokens; null if neither classes nor worst tokens are requested
     * @param byClass whether classes are requested
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

    /** The label of a class in tables. */
    static String label(ClassScores scores) {
        return TokenClass.values()[scores.index()].label();
    }
}
