package kept.report;

import java.util.List;
import kept.evaluation.TextEvaluation;
import kept.evaluation.WorstToken;
import kept.tokenizer.TokenTexts;
import kept.tokenizer.Tokenizer;

/**
 * A prediction for which a student diverges from its teacher, with the texts of its tokens; control characters are not escaped.
 *
 * @param token the numbers
 * @param before the end of the preceding text
 * @param next the true next token
 * @param teacher the teacher's most likely tokens
 * @param student the student's most likely tokens
 */
public record TokenInContext(WorstToken token, String before, String next, List<Candidate> teacher, List<Candidate> student) {
    /** Number of preceding tokens. */
    private static final int BEFORE = 48;

    /** Copies the lists. */
    public TokenInContext {
        teacher = List.copyOf(teacher);
        student = List.copyOf(student);
    }

    /**
     * A candidate for the next token.
     *
     * @param text its text
     * @param probability its probability
     */
    public record Candidate(String text, double probability) {}

    /**
     * Adds the texts of tokens to a prediction.
     *
     * @param token the prediction
     * @param text the text that contains it
     * @param tokenizer of the text
     * @param texts of the tokens
     * @return the prediction with its texts
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
