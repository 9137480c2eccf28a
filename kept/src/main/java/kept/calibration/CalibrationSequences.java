package kept.calibration;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.corpus.Corpus;
import kept.corpus.DocumentEncoder;
import kept.corpus.PackedSequences;
import kept.corpus.PackedTokens;
import kept.corpus.TextCoverage;
import kept.corpus.TokenMask;
import kept.corpus.TokenSequences;
import kept.distributed.Communicator;
import kept.distributed.SharedItems;
import kept.model.DecoderConfig;

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
     * @param encoder turns documents into the model's tokens
     * @param positions the model's longest sequence
     * @param tokens how many are wanted, at most
     * @param seed which order of chance
     * @return the sequences
     */
    public static CalibrationSequences of(Corpus corpus, DocumentEncoder encoder, int positions, long tokens, long seed) {
        try (var packed = PackedTokens.of(corpus, encoder, tokens * TEXT_SHARE)) {
            int[][] ids = drawn(packed, 0, positions, tokens, seed);
            return new CalibrationSequences(ids, Optional.of(packed.coverage().using((long) ids.length * ids[0].length)));
        }
    }

    /**
     * A part of a text that was read for something else.
     *
     * @param packed the text
     * @param from the first of its tokens that may be measured on: those before it are held out
     * @param weight its weight among several texts, above 0
     */
    public record Rest(PackedTokens packed, long from, double weight) {
        private long tokens() {
            return packed.size() - from;
        }
    }

    /**
     * Draws from texts that were read for something else.
     *
     * @param texts the texts
     * @param config the model's sizes
     * @param tokens how many are wanted, at most
     * @return the sequences
     * @throws CalibrationException if there are too few tokens for the width
     */
    public static CalibrationSequences ofRest(List<Rest> texts, DecoderConfig config, long tokens) {
        int length = length(config.maxPositions());
        double[] weights = texts.stream().mapToDouble(Rest::weight).toArray();
        double[] shares = TokenSequences.shares(weights);
        long available = IntStream.range(0, shares.length).mapToLong(i -> (long) (texts.get(i).tokens() / shares[i])).min().orElseThrow();
        Calibration.requireTokens(config, Math.min(tokens, available));
        List<PackedSequences> orders = texts.stream().map(text -> new PackedSequences(text.packed(), text.from(), length, 0, 0)).toList();
        // No sequence is taken twice; a mixture may be one sequence ahead of a share.
        int ahead = texts.size() == 1 ? 0 : 1;
        long most = IntStream.range(0, shares.length).mapToLong(i -> (long) ((orders.get(i).count() - ahead) / shares[i])).min().orElseThrow();
        return new CalibrationSequences(drawn(TokenSequences.mixed(orders, weights), Math.max(1, most), length, tokens), Optional.empty());
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
        var order = new PackedSequences(packed, from, length(positions), 0, seed);
        return drawn(order, order.count(), length(positions), tokens);
    }

    private static int[][] drawn(TokenSequences order, long most, int length, long tokens) {
        int count = (int) Math.min(Math.ceilDiv(tokens, length), most);
        var sequences = new int[count][];
        for (int i = 0; i < count; i++) {
            sequences[i] = TokenMask.ids(order.next(1));
        }
        return sequences;
    }
}
