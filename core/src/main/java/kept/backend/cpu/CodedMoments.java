package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import kept.backend.BlockCodes;
import kept.tensor.Tensor;

/** The moments of AdamW in {@link BlockCodes}: the first as it is, of the second its root. */
final class CodedMoments {
    private static final int BLOCK = BlockCodes.BLOCK;
    private static final int WORDS = BlockCodes.WORDS;
    private static final int BLOCKS_PER_TASK = 64;
    private static final int BYTE = 0xff;
    private static final float[][] VALUES = {BlockCodes.values(false), BlockCodes.values(true)};
    private static final float[][] BOUNDS = {BlockCodes.bounds(false), BlockCodes.bounds(true)};

    private CodedMoments() {}

    /**
     * Reads a first moment.
     *
     * @param codes the codes
     * @param first the number of the first element read, of which a block begins
     * @param m takes the numbers; rows, F32
     */
    static void readFirst(Tensor codes, long first, Tensor m) {
        read(codes, first, m, true);
    }

    /**
     * Reads a second moment.
     *
     * @param codes the codes of its root
     * @param first the number of the first element read, of which a block begins
     * @param v takes the numbers; rows, F32
     */
    static void readSecond(Tensor codes, long first, Tensor v) {
        read(codes, first, v, false);
    }

    /**
     * Writes a first moment.
     *
     * @param m the numbers; rows, F32
     * @param codes takes the codes
     * @param first the number of the first element, of which a block begins
     */
    static void writeFirst(Tensor m, Tensor codes, long first) {
        write(m, codes, first, true);
    }

    /**
     * Writes a second moment.
     *
     * @param v the numbers; rows, F32
     * @param codes takes the codes of its root
     * @param first the number of the first element, of which a block begins
     */
    static void writeSecond(Tensor v, Tensor codes, long first) {
        write(v, codes, first, false);
    }

    private static void read(Tensor codes, long first, Tensor out, boolean signed) {
        MemorySegment from = Elements.segment(codes);
        MemorySegment to = Elements.segment(out);
        float[] values = VALUES[signed ? 1 : 0];
        long count = out.elementCount();
        WorkerPool.shared().forRanges(Math.ceilDiv(count, BLOCK), BLOCKS_PER_TASK, (start, end) -> {
            for (long block = start; block < end; block++) {
                long words = codes.offset() + (first / BLOCK + block) * WORDS;
                float scale = Float.intBitsToFloat(from.getAtIndex(JAVA_INT, words + WORDS - 1));
                int length = (int) Math.min(BLOCK, count - block * BLOCK);
                for (int i = 0; i < length; i++) {
                    int code = from.getAtIndex(JAVA_INT, words + i / 4) >>> 8 * (i % 4) & BYTE;
                    float value = values[code] * scale;
                    to.setAtIndex(JAVA_FLOAT, out.offset() + block * BLOCK + i, signed ? value : value * value);
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
                float scale = 0;
                for (int i = 0; i < length; i++) {
                    float value = from.getAtIndex(JAVA_FLOAT, x.offset() + block * BLOCK + i);
                    numbers[i] = signed ? value : (float) Math.sqrt(value);
                    scale = Math.max(scale, Math.abs(numbers[i]));
                }
                write(numbers, length, scale, to, codes.offset() + (first / BLOCK + block) * WORDS, BOUNDS[signed ? 1 : 0]);
            }
        });
    }

    private static void write(float[] numbers, int length, float scale, MemorySegment to, long words, float... bounds) {
        for (int i = 0; i < BLOCK; i += 4) {
            int word = 0;
            for (int j = 0; j < 4; j++) {
                float number = i + j < length && scale > 0 ? numbers[i + j] / scale : 0;
                word |= below(number, bounds) << 8 * j;
            }
            to.setAtIndex(JAVA_INT, words + i / 4, word);
        }
        to.setAtIndex(JAVA_INT, words + WORDS - 1, Float.floatToRawIntBits(scale));
    }

    /** How many bounds lie below a number, by halving. */
    private static int below(float number, float... bounds) {
        int code = 0;
        for (int step = BYTE / 2 + 1; step > 0; step /= 2) {
            if (number > bounds[code + step - 1]) {
                code += step;
            }
        }
        return code;
    }
}
