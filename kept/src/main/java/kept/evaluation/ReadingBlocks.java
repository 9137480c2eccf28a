package kept.evaluation;

import java.util.stream.IntStream;

/**
 * Texts that are read one after another, in blocks that each begin with an empty cache: so ranks can divide them, and the bits of a text depend on
 * its block alone. A block ends where reading the common prefix again costs little.
 */
final class ReadingBlocks {
    /** A prefix is read again only after so many times its tokens. */
    private static final long WORTH = 8;

    private ReadingBlocks() {}

    /**
     * Cuts a list of texts.
     *
     * @param lengths the tokens of each text
     * @param common how many of them are the beginning of the text before; of the first text, ignored
     * @return the index of the first text of each block, and at the end the number of texts
     */
    static int[] of(int[] lengths, int... common) {
        var read = new long[] {0};
        IntStream starts = IntStream.range(0, lengths.length).filter(i -> {
            boolean begins = i == 0 || read[0] >= WORTH * common[i];
            read[0] = begins ? lengths[i] : read[0] + lengths[i] - common[i];
            return begins;
        });
        return IntStream.concat(starts, IntStream.of(lengths.length)).toArray();
    }
}
