package kept.evaluation;

import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import kept.tokenizer.Tokenizer;

/**
 * A number hidden in a long irrelevant text, and the question for it at the end, after Mohtashami and Jaggi 2023 (arXiv 2305.16300): a model that
 * uses its whole context returns the number.
 *
 * @param prompt the text up to the position where the number should follow
 * @param ids the prompt's tokens
 * @param key the number, five digits
 */
public record PassKey(String prompt, int[] ids, int key) {
    private static final String OPENING = "There is an important piece of information hidden inside a lot of irrelevant text. "
            + "Find it and memorize it. I will quiz you about the important information there.\n";
    private static final String FILLER = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.\n";
    private static final String HIDDEN = "The pass key is %1$d. Remember it. %1$d is the pass key.\n";
    private static final Pattern DIGITS = Pattern.compile("\\d+");
    private static final String QUESTION = "What is the pass key? The pass key is";

    /** Tokens of an answer: a space, and five digits that may take a token each. */
    static final int ANSWER_TOKENS = 8;

    /**
     * Hides a number.
     *
     * @param tokenizer the model's tokenizer
     * @param beginning whether the text begins with the beginning-of-sequence id
     * @param length the maximum number of tokens of text and answer together; the text consists of whole lines of filler
     * @param depth the position of the number: 0 at the beginning, 1 right before the question
     * @param seed determines the number
     * @return the text
     * @throws EvaluationException if the length has no room for the question itself
     */
    public static PassKey hidden(Tokenizer tokenizer, boolean beginning, int length, double depth, long seed) {
        int key = new SplittableRandom(seed).nextInt(10_000, 100_000);
        int room = length - ANSWER_TOKENS;
        int least = encode(tokenizer, beginning, key, 0, depth).ids.length;
        if (least > room) {
            throw new EvaluationException("[passkey] %d tokens are too few: the question itself takes %d".formatted(length, least + ANSWER_TOKENS));
        }
        int line = encode(tokenizer, beginning, key, 1, depth).ids.length - least;
        int lines = (room - least) / line;
        PassKey text = encode(tokenizer, beginning, key, lines, depth);
        while (text.ids.length > room) {                        // lines side by side may take a token more than one alone
            lines = (int) Math.min(lines - 1, (room - least) * (long) lines / (text.ids.length - least));
            text = encode(tokenizer, beginning, key, lines, depth);
        }
        return text;
    }

    private static PassKey encode(Tokenizer tokenizer, boolean beginning, int key, int lines, double depth) {
        int before = (int) Math.round(depth * lines);
        String prompt = OPENING + FILLER.repeat(before) + HIDDEN.formatted(key) + FILLER.repeat(lines - before) + QUESTION;
        return new PassKey(prompt, tokenizer.encode(prompt, beginning, false), key);
    }

    /**
     * Whether an answer is correct: its first digits are the key's, and no other digits follow.
     *
     * @param answer the text after the prompt
     * @return true if it does
     */
    public boolean isAnsweredBy(String answer) {
        Matcher digits = DIGITS.matcher(answer);
        return digits.find() && digits.group().equals(Integer.toString(key));
    }
}
