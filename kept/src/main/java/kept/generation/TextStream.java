package kept.generation;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.Stream;
import kept.tokenizer.Tokenizer;

/**
 * Decodes tokens as they are generated. An incomplete UTF-8 character is held back until its last byte, and a possible start of a stop string until
 * it is clear whether it is one.
 *
 * <p>Only the ids since the last piece of text but one are decoded: the previous piece is included so that a leading space is not dropped as at the
 * start of a text.
 */
final class TextStream {
    private final Tokenizer tokenizer;
    private final List<String> stops;
    private final Consumer<String> shown;
    private final StringBuilder text = new StringBuilder();
    private int[] ids;
    private int count;
    /** The ids from here on are decoded; {@link #before} is the text of those up to {@link #shownCount}. */
    private int known;

    private int shownCount;
    private String before;
    /** Number of characters already shown. */
    private int released;

    /**
     * Starts after a prompt.
     *
     * @param tokenizer the tokenizer
     * @param prompt the ids of the prompt
     * @param stops strings that end the text
     * @param shown receives each new piece of text
     */
    TextStream(Tokenizer tokenizer, int[] prompt, List<String> stops, Consumer<String> shown) {
        this.tokenizer = tokenizer;
        this.stops = stops;
        this.shown = shown;
        ids = prompt.clone();
        count = prompt.length;
        shownCount = count;
        // After bos or eos a new text starts, without the space that SentencePiece inserts before it.
        boolean afterSpecial = count > 0
                && Stream.of(tokenizer.bos(), tokenizer.eos()).anyMatch(token -> token.equals(OptionalInt.of(ids[count - 1])));
        known = afterSpecial ? count : 0;
        before = afterSpecial ? "" : tokenizer.decode(prompt);
    }

    /**
     * Adds the next token.
     *
     * @return false if the text has reached a stop string; the text ends before it
     */
    boolean accept(int id) {
        if (count == ids.length) {
            ids = Arrays.copyOf(ids, Math.max(16, 2 * count));
        }
        ids[count++] = id;
        String decoded = tokenizer.decode(Arrays.copyOfRange(ids, known, count));
        return decoded.endsWith("\uFFFD") || append(decoded);
    }

    /** Updates the text from the decoded ids since the last piece but one; false if it has reached a stop string. */
    private boolean append(String decoded) {
        int added = Arrays.mismatch(before.toCharArray(), decoded.toCharArray());
        if (added < 0) {
            return true;
        }
        text.append(decoded, added, decoded.length());
        known = shownCount;
        shownCount = count;
        before = tokenizer.decode(Arrays.copyOfRange(ids, known, shownCount));
        int stop = stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(-1);
        if (stop >= 0) {
            text.setLength(stop);
            release(stop);
            return false;
        }
        release(text.length() - heldBack());
        return true;
    }

    /** The number of characters at the end that may start a stop string. */
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

    /** Shows what was held back, once no more tokens follow. */
    void finish() {
        if (count == shownCount || append(tokenizer.decode(Arrays.copyOfRange(ids, known, count)))) {
            release(text.length());
        }
    }

    /** The ids of the prompt and those added since. */
    int[] ids() {
        return Arrays.copyOf(ids, count);
    }

    /** The text so far, including what is held back. */
    String text() {
        return text.toString();
    }
}
