package kept.evaluation;

import java.util.Arrays;

/**
 * A continuation whose probability after a context is asked for, as token ids.
 *
 * @param context at least one token
 * @param continuation at least one token
 */
public record Request(int[] context, int[] continuation) {
    /**
     * How many tokens a model reads for it: all but the last, which is only predicted.
     *
     * @return context and continuation less one
     */
    public int length() {
        return context.length + continuation.length - 1;
    }

    /**
     * What a model reads; where that is too long, its end.
     *
     * @param longest the most tokens
     * @return the ids
     */
    int[] input(int longest) {
        int skipped = Math.max(0, length() - longest);
        int[] input = Arrays.copyOfRange(context, skipped, context.length + continuation.length - 1);
        System.arraycopy(continuation, 0, input, context.length - skipped, continuation.length - 1);
        return input;
    }
}
