package kept.evaluation;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import kept.tokenizer.Tokenizer;

/**
 * Encodes a context and its continuations as lm-evaluation-harness does for causal models: white space at the end of the context is moved to the
 * continuation, both are encoded as one text, and the tokens after the number of tokens of the context alone are the continuation. So a continuation
 * begins with the token that a model would produce there, such as {@code ▁yes}.
 *
 * <p>An empty context becomes the beginning-of-sequence id or, without one, the end-of-sequence id.
 */
public final class PairEncoder {
    private final Tokenizer tokenizer;
    private final boolean beginning;

    /**
     * Creates an encoder.
     *
     * @param tokenizer the model's tokenizer
     * @param beginning whether each context begins with the beginning-of-sequence id
     * @throws kept.tokenizer.TokenizerException if that is asked for and there is none
     */
    public PairEncoder(Tokenizer tokenizer, boolean beginning) {
        this.tokenizer = tokenizer;
        this.beginning = beginning;
        tokenizer.encode("", beginning, false);
    }

    /**
     * Encodes a context with each of its continuations.
     *
     * @param context any text
     * @param continuations texts that may follow it, delimiters included
     * @param place their file and line, for messages
     * @return a request for each continuation; all share the context's array
     * @throws EvaluationException if a continuation adds no token to its context
     */
    public List<Request> encode(String context, List<String> continuations, String place) {
        int end = context.length();
        while (end > 0 && isSpace(context.charAt(end - 1))) {
            end--;
        }
        String text = context.substring(0, end);
        int[] alone = text.isEmpty() ? new int[0] : tokenizer.encode(text, beginning, false);
        int[] before = alone.length == 0 ? new int[] {bosOrEos(place)} : alone;
        return IntStream.range(0, continuations.size()).mapToObj(choice -> {
            int[] whole = tokenizer.encode(context + continuations.get(choice), beginning && alone.length > 0, false);
            if (whole.length <= alone.length) {
                throw new EvaluationException("[task] %s: choice %d adds no token to its context; a delimiter or a longer choice may help"
                        .formatted(place, choice));
            }
            return new Request(before, Arrays.copyOfRange(whole, alone.length, whole.length));
        }).toList();
    }

    private int bosOrEos(String place) {
        return tokenizer.bos().orElseGet(() -> tokenizer.eos().orElseThrow(() -> new EvaluationException("[task] " + place
                + " has an empty context, and " + tokenizer.description() + " has no special token to put in its place")));
    }

    /** The characters that Python's {@code str.rstrip} removes; all are in the basic plane. */
    private static boolean isSpace(char c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
    }
}
