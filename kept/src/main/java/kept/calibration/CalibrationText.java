package kept.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kept.model.DecoderConfig;

/**
 * The tokens of a calibration, in parts of whole sequences that fit memory together. The last parts are held out: ridge and anchor are chosen on
 * them.
 *
 * @param parts ids, {@code [sequences][length]} each
 * @param heldOut how many of the parts at the end are held out, at least 1
 */
record CalibrationText(List<int[][]> parts, int heldOut) {
    /** Tokens of a part. */
    static final int PART = 4096;
    /** One sequence in so many is held out. */
    static final int SHARE = 16;
    /** But not more tokens than these. */
    static final int MOST_HELD_OUT = 8192;
    /** Each row of a correction has as many unknowns as the width; it takes so many tokens for each. */
    private static final int LEAST_FOR_EACH_UNKNOWN = 4;
    /** With half as many the student is twice as far from its teacher, with twice as many a seventh nearer (docs/fidelity.md). */
    private static final int ADVISED_FOR_EACH_UNKNOWN = 32;

    /** Divides sequences of one length. */
    static CalibrationText of(int[][] sequences) {
        int length = sequences[0].length;
        int held = Math.clamp(sequences.length / SHARE, 1, Math.max(1, MOST_HELD_OUT / length));
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

    /** How many tokens a model of some width takes at least. */
    static long tokensNeeded(DecoderConfig config) {
        return (long) LEAST_FOR_EACH_UNKNOWN * config.hiddenSize();
    }

    /** From how many tokens on a model of some width gains little by more. */
    static long tokensAdvised(DecoderConfig config) {
        return (long) ADVISED_FOR_EACH_UNKNOWN * config.hiddenSize();
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
