package kept.calibration;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.corpus.Corpus;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.model.DecoderConfig;
import kept.tokenizer.Tokenizer;

/**
 * The calibration sequences: a random sample of a whole text, in random order, each at most once.
 *
 * @param ids {@code [sequences][length]}
 * @param coverage what was read of the text and how many of its tokens these are, where it was read for this
 */
public record CalibrationSequences(int[][] ids, Optional<TextCoverage> coverage) {
    /** Sequences are drawn from a text so many times as long as what is measured on, where there is as much. */
    public static final long TEXT_SHARE = 16;

    private static final int LENGTH = 512;

    /**
     * Reads a text and draws from it.
     *
     * @param corpus the text
     * @param tokenizer the model's
     * @param positions the model's longest sequence
     * @param tokens how many are wanted, at most
     * @param seed which order of chance
     * @return the sequences
     */
    public static CalibrationSequences of(Corpus corpus, Tokenizer tokenizer, int positions, long tokens, long seed) {
        try (var packed = PackedTokens.of(corpus, tokenizer, tokens * TEXT_SHARE)) {
            int[][] ids = drawn(packed, 0, positions, tokens, seed);
            return new CalibrationSequences(ids, Optional.of(packed.coverage().using((long) ids.length * ids[0].length)));
        }
    }

    /**
     * Draws from a text that was read for something else.
     *
     * @param packed the text
     * @param from the first of its tokens that may be measured on: those before it are held out
     * @param config the model's sizes
     * @param tokens how many are wanted, at most
     * @return the sequences
     * @throws CalibrationException if there are too few tokens for the width
     */
    public static CalibrationSequences ofRest(PackedTokens packed, long from, DecoderConfig config, long tokens) {
        Calibration.requireTokens(config, Math.min(tokens, packed.size() - from));
        return new CalibrationSequences(drawn(packed, from, config.maxPositions(), tokens, 0), Optional.empty());
    }

    /**
     * Sequences that rank 0 reads and sends to the others.
     *
     * @param ranks those that need them
     * @param positions the model's longest sequence
     * @param read reads them, in rank 0 alone
     * @return the sequences, in every rank; what was read in rank 0 alone
     */
    public static CalibrationSequences fromFirst(Communicator ranks, int positions, Supplier<CalibrationSequences> read) {
        CalibrationSequences own = ranks.rank() == 0 ? read.get() : null;
        int[] all = SharedItems.fromFirst(ranks, () -> Stream.of(own.ids).flatMapToInt(IntStream::of).toArray());
        if (own != null) {
            return own;
        }
        int length = length(positions);
        int[][] ids = IntStream.range(0, all.length / length).mapToObj(i -> Arrays.copyOfRange(all, i * length, (i + 1) * length))
                .toArray(int[][]::new);
        return new CalibrationSequences(ids, Optional.empty());
    }

    private static int length(int positions) {
        return Math.min(LENGTH, positions);
    }

    private static int[][] drawn(PackedTokens packed, long from, int positions, long tokens, long seed) {
        int length = length(positions);
        var order = new PackedSequences(packed, from, length, 0, seed);
        int count = (int) Math.min(Math.ceilDiv(tokens, length), order.count());
        var sequences = new int[count][];
        for (int i = 0; i < count; i++) {
            sequences[i] = order.next(1);
        }
        return sequences;
    }
}
