package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import kept.backend.BlockCodes;
import kept.tensor.Tensor;

/** The moments of AdamW in {@link BlockCodes}: the first moment itself, and the root of the second. */
final class CodedMoments {
    private static final int BLOCK = BlockCodes.BLOCK;
    private static final int WORDS = BlockCodes.WORDS;
    private static final int BLOCKS_PER_TASK = 64;

    private CodedMoments() {}

    /**
     * Reads a first moment.
     *
     * @param codes the codes
     * @param first the index of the first element to read; a block begins there
     * @param m receives the numbers; rows, F32
     */
    static void readFirst(Tensor codes, long first, Tensor m) {
        read(codes, first, m, true);
    }

    /**
     * Reads a second moment.
     *
     * @param codes the codes of its root
     * @param first the index of the first element to read; a block begins there
     * @param v receives the numbers; rows, F32
     */
    static void readSecond(Tensor codes, long first, Tensor v) {
        read(codes, first, v, false);
    }

    /**
     * Writes a first moment.
     *
     * @param m the numbers; rows, F32
     * @param codes receives the codes
     * @param first the index of the first element; a block begins there
     */
    static void writeFirst(Tensor m, Tensor codes, long first) {
        write(m, codes, first, true);
    }

    /**
     * Writes a second moment.
     *
     * @param v the numbers; rows, F32
     * @param codes receives the codes of its root
     * @param first the index of the first element; a block begins there
     */
    static void writeSecond(Tensor v, Tensor codes, long first) {
        write(v, codes, first, false);
    }

    private static void read(Tensor codes, long first, Tensor out, boolean signed) {
        MemorySegment from = Elements.segment(codes);
        MemorySegment to = Elements.segment(out);
        long count = out.elementCount();
        WorkerPool.shared().forRanges(Math.ceilDiv(count, BLOCK), BLOCKS_PER_TASK, (start, end) -> {
            float[] numbers = new float[BLOCK];
            for (long block = start; block < end; block++) {
                int length = (int) Math.min(BLOCK, count - block * BLOCK);
                BlockCodes.read(from, codes.offset() + (first / BLOCK + block) * WORDS, signed, numbers, length);
                for (int i = 0; i < length; i++) {
                    to.setAtIndex(JAVA_FLOAT, out.offset() + block * BLOCK + i, signed ? numbers[i] : numbers[i] * numbers[i]);
                }
            }
        });
    }

    private static void write(Tensor x, Tensor codes, long first, boolean signed) {
        MemorySegment from = Elements.segment(x);
        MemorySegment to = Elements.segment(codes);
        long count = x.elementCount();
        WorkerPool.shared().forRanges(Math.ceilDiv(count, BLOCK), BLOCKS_PER_TASK, (start, end) -> {
            float[] numbers = new float[BLOCK];
            for (long block = start; block < end; block++) {
                int length = (int) Math.min(BLOCK, count - block * BLOCK);
                for (int i = 0; i < length; i++) {
                    float value = from.getAtIndex(JAVA_FLOAT, x.offset() + block * BLOCK + i);
                    numbers[i] = signed ? value : (float) Math.sqrt(value);
                }
                BlockCodes.write(numbers, length, to, codes.offset() + (first / BLOCK + block) * WORDS, signed);
            }
        });
    }
}
