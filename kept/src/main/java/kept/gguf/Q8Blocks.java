package kept.gguf;

import kept.backend.BlockQuantizer;

/** The layout of {@code q8_0}: for each block its scale as f16, then a signed byte for each element, as {@link BlockQuantizer} gives them. */
final class Q8Blocks {
    /** Elements per block. */
    static final int ELEMENTS = BlockQuantizer.BLOCK;
    /** Bytes per block. */
    static final int BYTES = 34;

    private Q8Blocks() {}

    /**
     * Quantises a row.
     *
     * @param row the elements; a whole number of blocks
     * @param target where to
     * @param start the offset of the row in the target
     * @return the first element of a block that cannot be stored, because an element is not finite or its scale overflows f16; -1 if there is none
     */
    static int quantize(float[] row, byte[] target, int start) {
        int at = start;
        for (int from = 0; from < row.length; from += ELEMENTS) {
            float scale = BlockQuantizer.quantize(row, from, target, at + 2);
            if (Float.isNaN(scale)) {
                return from;
            }
            short half = Float.floatToFloat16(scale);
            target[at] = (byte) half;
            target[at + 1] = (byte) (half >> Byte.SIZE);
            at += BYTES;
        }
        return -1;
    }
}
