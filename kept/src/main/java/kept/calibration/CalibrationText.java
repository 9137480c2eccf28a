package kept.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.model.DecoderConfig;

/**
 * The calibration tokens, in parts of whole sequences that are processed at once. The last parts are held out to choose ridge and anchor.
 *
 * @param parts ids, {@code [sequences][length]} each
 * @param heldOut the number of parts at the end that are held out, at least 1
 */
record CalibrationText(List<int[][]> parts, int heldOut) {
    /** Tokens per part. */
    static final int PART = 4096;
    /** One in this many sequences is held out. */
    static final int SHARE = 16;
    /** Limit of held-out tokens. */
    static final int MAX_HELD_OUT = 8192;
    /** Tokens required per unknown; each row of a correction has as many unknowns as the width. */
    private static final int MIN_TOKENS_PER_UNKNOWN = 4;
    /** Half as many tokens double the distance from the teacher, twice as many reduce it by a seventh (docs/fidelity.md). */
    private static final int ADVISED_TOKENS_PER_UNKNOWN = 32;

    /** Divides sequences of equal length. */
    static CalibrationText of(int[][] sequences) {
        int length = sequences[0].length;
        int held = Math.clamp(sequences.length / SHARE, 1, Math.max(1, MAX_HELD_OUT / length));
        List<int[][]> parts = new ArrayList<>();
        addParts(parts, sequences, 0, sequences.length - held);
        int fitted = parts.size();
        addParts(parts, sequences, sequences.length - held, sequences.length);
        return new CalibrationText(parts, parts.size() - fitted);
    }

    private static void addParts(List<int[][]> parts, int[][] sequences, int from, int to) {
        int count = Math.max(1, PART / sequences[0].length);
        for (int at = from; at < to; at += count) {
            parts.add(Arrays.copyOfRange(sequences, at, Math.min(to, at + count)));
        }
    }

    /** The minimum number of tokens for a model. */
    static long tokensNeeded(DecoderConfig config) {
        return (long) MIN_TOKENS_PER_UNKNOWN * config.hiddenSize();
    }

    /** The number of tokens beyond which more improve little. */
    static long tokensAdvised(DecoderConfig config) {
        return (long) ADVISED_TOKENS_PER_UNKNOWN * config.hiddenSize();
    }

    boolean isHeldOut(int part) {
        return part >= parts.size() - heldOut;
    }

    long tokens() {
        return parts.stream().mapToLong(CalibrationText::tokens).sum();
    }

    static long tokens(int[]... sequences) {
        return (long) sequences.length * sequences[0].length;
    }
}
