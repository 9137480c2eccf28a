package kept.generation;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.Stream;
import kept.tokenizer.Tokenizer;

/**
 * Tokens to text as they come. A character that is spread over tokens waits for its last byte, and what may be the beginning of a stop string waits
 * until it is known whether it is one.
 *
 * <p>Decoded are only the ids since the last piece of text but one: a piece follows another, so that its leading space is not taken for that of a
 * text.
 */
final class TextStream {
    private final Tokenizer tokenizer;
    private final List<String> stops;
    private final Consumer<String> shown;
    private final StringBuilder text = new StringBuilder();
    private int[] ids;
    private int count;
    /** The ids from here on are decoded; what they say up to {@link #told} is in {@link #before}. */
    private int known;

    private int told;
    private String before;
    /** Characters of the text that have been shown. */
    private int released;

    /**
     * Begins after a prompt.
     *
     * @param tokenizer the tokenizer
     * @param prompt the ids that come before
     * @param stops strings that end the text
     * @param shown is given each new piece of text
     */
    TextStream(Tokenizer tokenizer, int[] prompt, List<String> stops, Consumer<String> shown) {
        this.tokenizer = tokenizer;
        this.stops = stops;
        this.shown = shown;
        ids = prompt.clone();
        count = prompt.length;
        told = count;
        // After a mark a text of its own begins, without the space that SentencePiece puts before it.
        boolean afterMark = count > 0 && Stream.of(tokenizer.bos(), tokenizer.eos()).anyMatch(mark -> mark.equals(OptionalInt.of(ids[count - 1])));
        known = afterMark ? count : 0;
        before = afterMark ? "" : tokenizer.decode(prompt);
    }

    /**
     * Takes the next token.
     *
     * @return false if the text has come to a stop string; then it ends before it
     */
    boolean accept(int id) {
        if (count == ids.length) {
            ids = Arrays.copyOf(ids, Math.max(16, 2 * count));
        }
        ids[count++] = id;
        String decoded = tokenizer.decode(Arrays.copyOfRange(ids, known, count));
        return decoded.endsWith("\uFFFD") || append(decoded);
    }

    /** Takes what the ids since the last piece but one say now; false if the text has come to a stop string. */
    private boolean append(String decoded) {
        int added = Arrays.mismatch(before.toCharArray(), decoded.toCharArray());
        if (added < 0) {
            return true;
        }
        text.append(decoded, added, decoded.length());
        known = told;
        told = count;
        before = tokenizer.decode(Arrays.copyOfRange(ids, known, told));
        int stop = stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(-1);
        if (stop >= 0) {
            text.setLength(stop);
            release(stop);
            return false;
        }
        release(text.length() - heldBack());
        return true;
    }

    /** How many of the last characters begin a stop string. */
    private int heldBack() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, text.length()); length > longest; length--) {
                if (stop.startsWith(text.substring(text.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }

    private void release(int end) {
        if (end > released) {
            shown.accept(text.substring(released, end));
            released = end;
        }
    }

    /** Shows what has been held back: no stop string came of it, and no more bytes of a character that has begun. */
    void finish() {
        if (count == told || append(tokenizer.decode(Arrays.copyOfRange(ids, known, count)))) {
            release(text.length());
        }
    }

    /** The prompt's ids and those taken since. */
    int[] ids() {
        return Arrays.copyOf(ids, count);
    }

    /** The text so far, what is held back included. */
    String text() {
        return text.toString();
    }
}
