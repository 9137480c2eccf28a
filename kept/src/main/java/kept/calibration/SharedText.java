package kept.calibration;

import java.util.List;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.distributed.Communicator;
import kept.distributed.Leaves;
import kept.distributed.SharedItems;

/**
 * The calibration tokens, divided over ranks. Sums over the tokens that are not held out go over blocks of parts, which are the leaves of a tree, so
 * that they have the same bits on any number of ranks. The held-out parts are divided by themselves.
 */
final class SharedText {
    /** At most so many blocks: a rank keeps a sum of the size of a norm's equations for each level of the tree. */
    static final int BLOCKS = 8;

    private final CalibrationText whole;
    private final CalibrationText own;
    private final Communicator ranks;
    private final Leaves leaves;
    /** The blocks. */
    private final SharedItems blocks;
    /** The parts that are held out. */
    private final SharedItems heldOut;

    SharedText(CalibrationText whole, Communicator ranks) {
        this.whole = whole;
        this.ranks = ranks;
        leaves = Leaves.of(blocks(fitted()), ranks.size());
        blocks = SharedItems.of(leaves, ranks);
        heldOut = SharedItems.of(whole.heldOut(), ranks);
        List<int[][]> parts = Stream.concat(whole.parts().subList(begin(blocks.first()), begin(blocks.end())).stream(),
                whole.parts().subList(fitted() + heldOut.first(), fitted() + heldOut.end()).stream()).toList();
        own = new CalibrationText(parts, heldOut.size());
    }

    /** The number of leaves of a text of so many parts that are not held out. */
    static int blocks(int fitted) {
        return Math.max(1, Math.min(BLOCKS, fitted));
    }

    private int fitted() {
        return whole.parts().size() - whole.heldOut();
    }

    /** The first part of a block; of the one after the last, the number of parts that are not held out. */
    private int begin(int block) {
        return (int) ((long) fitted() * block / leaves.count());
    }

    /** The parts of this rank, those that are held out last. */
    CalibrationText own() {
        return own;
    }

    /** All tokens. */
    CalibrationText whole() {
        return whole;
    }

    Communicator ranks() {
        return ranks;
    }

    Leaves leaves() {
        return leaves;
    }

    SharedItems heldOut() {
        return heldOut;
    }

    /** Whether a part of this rank is the last one of a block. */
    boolean endsBlock(int part) {
        int index = begin(blocks.first()) + part + 1;
        return !own.isHeldOut(part) && IntStream.rangeClosed(blocks.first() + 1, blocks.end()).anyMatch(block -> begin(block) == index);
    }

    /**
     * Joins results of parts.
     *
     * @param results those of this rank's parts
     * @param size the number of results of a part
     * @return the results of all parts, one after another
     */
    float[] ofAllParts(List<float[]> results, ToIntFunction<int[][]> size) {
        int[] borders = new int[whole.parts().size() + 1];
        for (int part = 0; part < whole.parts().size(); part++) {
            borders[part + 1] = Math.addExact(borders[part], size.applyAsInt(whole.parts().get(part)));
        }
        int split = borders[fitted()];
        var first = new float[split];
        var last = new float[borders[whole.parts().size()] - split];
        for (int part = 0; part < results.size(); part++) {
            boolean held = own.isHeldOut(part);
            int index = held ? fitted() + heldOut.first() + part - (own.parts().size() - own.heldOut()) : begin(blocks.first()) + part;
            System.arraycopy(results.get(part), 0, held ? last : first, borders[index] - (held ? split : 0), results.get(part).length);
        }
        blocks.gather(first, IntStream.rangeClosed(0, (int) leaves.count()).map(block -> borders[begin(block)]).toArray());
        heldOut.gather(last, IntStream.rangeClosed(fitted(), whole.parts().size()).map(part -> borders[part] - split).toArray());
        var all = new float[first.length + last.length];
        System.arraycopy(first, 0, all, 0, first.length);
        System.arraycopy(last, 0, all, first.length, last.length);
        return all;
    }

    /** A number of each token. */
    float[] ofAllTokens(List<float[]> results) {
        return ofAllParts(results, part -> Math.toIntExact(CalibrationText.tokens(part)));
    }
}
