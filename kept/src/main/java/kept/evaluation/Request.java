package kept.evaluation;

import java.util.Arrays;

/**
 * A request for the probability of a continuation after a context, as token ids.
 *
 * @param context at least one token
 * @param continuation at least one token
 */
public record Request(int[] context, int[] continuation) {
    /**
     * The number of input tokens: all but the last, which is only predicted.
     *
     * @return context and continuation less one
     */
    public int length() {
        return context.length + continuation.length - 1;
    }

    /**
     * The input, shortened to its end if it is too long.
     *
     * @param longest the maximum number of tokens
     * @return the ids
     */
    int[] input(int longest) {
        int skipped = Math.max(0, length() - longest);
        int[] input = Arrays.copyOfRange(context, skipped, context.length + continuation.length - 1);
        System.arraycopy(continuation, 0, input, context.length - skipped, continuation.length - 1);
        return input;
    }
}
