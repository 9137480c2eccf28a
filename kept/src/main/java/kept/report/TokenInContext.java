package kept.report;

import java.util.List;
import kept.evaluation.TextEvaluation;
import kept.evaluation.WorstToken;
import kept.tokenizer.TokenTexts;
import kept.tokenizer.Tokenizer;

/**
 * A prediction in which a student is far from its teacher, in words. The texts are as they are, control characters and all.
 *
 * @param token the numbers
 * @param before the text before, the end of it
 * @param next the true next token
 * @param teacher what the teacher finds likeliest
 * @param student what the student finds likeliest
 */
public record TokenInContext(WorstToken token, String before, String next, List<Candidate> teacher, List<Candidate> student) {
    /** Tokens of context. */
    private static final int BEFORE = 48;

    /** Keeps copies of the lists. */
    public TokenInContext {
        teacher = List.copyOf(teacher);
        student = List.copyOf(student);
    }

    /**
     * A token that may come next.
     *
     * @param text its text
     * @param probability its probability
     */
    public record Candidate(String text, double probability) {}

    /**
     * Puts a prediction into words.
     *
     * @param token the prediction
     * @param text where it comes from
     * @param tokenizer of the text
     * @param texts of the tokens
     * @return the prediction in words
     */
    public static TokenInContext of(WorstToken token, TextEvaluation text, Tokenizer tokenizer, TokenTexts texts) {
        return new TokenInContext(token, tokenizer.decode(text.before(token.sequence(), token.position(), BEFORE)),
            texts.text(text.next(token.sequence(), token.position())), candidates(token.teacherCandidates(), texts),
            candidates(token.studentCandidates(), texts));
    }

    private static List<Candidate> candidates(List<WorstToken.Candidate> candidates, TokenTexts texts) {
        return candidates.stream().map(candidate -> new Candidate(texts.text(candidate.token()), candidate.probability())).toList();
    }
}
