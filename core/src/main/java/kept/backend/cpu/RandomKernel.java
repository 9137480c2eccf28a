package kept.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import kept.backend.Distribution;
import kept.backend.composition.Philox;
import kept.tensor.Tensor;

/**
 * Random numbers that depend on seed, stream and position alone: {@link Philox} with the seed as its key and (position / 4, stream) as its counter;
 * each block of four words gives four numbers.
 */
final class RandomKernel {
    private static final int BLOCKS_PER_TASK = 1024;
    private static final float UNIT = 0x1p-24f;

    /** The scale of the angle's 24 bits: two for the quarter of the turn, the others within it. */
    private static final int QUARTER_BITS = 22;
    private static final int QUARTER = 1 << QUARTER_BITS;
    private static final double SIN_3 = -1.0 / 6;
    private static final double SIN_5 = 1.0 / 120;
    private static final double SIN_7 = -1.0 / 5040;
    private static final double SIN_9 = 1.0 / 362_880;
    private static final double COS_2 = -1.0 / 2;
    private static final double COS_4 = 1.0 / 24;
    private static final double COS_6 = -1.0 / 720;
    private static final double COS_8 = 1.0 / 40_320;
    private static final double COS_10 = -1.0 / 3_628_800;

    private RandomKernel() {}

    /**
     * Fills with random numbers.
     *
     * @param distribution their distribution
     * @param seed the key
     * @param stream the upper half of the counter
     * @param out receives the numbers
     */
    static void random(Distribution distribution, long seed, long stream, Tensor out) {
        MemorySegment target = Elements.segment(out);
        long count = out.elementCount();
        WorkerPool.shared().forRanges(Math.ceilDiv(count, 4L), BLOCKS_PER_TASK,
                (first, end) -> fill(distribution, seed, stream, target, out.offset(), 4 * first, Math.min(4 * end, count)));
    }

    private static void fill(Distribution distribution, long seed, long stream, MemorySegment target, long offset, long first, long end) {
        int[] words = new int[4];
        float[] numbers = new float[4];
        for (long i = first; i < end; i += 4) {
            Philox.words(i >>> 2, stream, seed, words);
            switch (distribution) {
                case UNIFORM -> {
                    for (int lane = 0; lane < 4; lane++) {
                        numbers[lane] = (words[lane] >>> 8) * UNIT;
                    }
                }
                case NORMAL -> {
                    normal(words, 0, numbers);
                    normal(words, 2, numbers);
                }
            }
            for (int lane = 0; lane < 4 && i + lane < end; lane++) {
                target.setAtIndex(JAVA_FLOAT, offset + i + lane, numbers[lane]);
            }
        }
    }

    /**
     * Two normal numbers from two words by Box and Muller (1958): the radius from one, on (0, 1], the angle from the other. The angle is split into
     * quarters of a turn and a rest of at most half a quarter, for which a few terms of the series of sine and cosine suffice.
     */
    private static void normal(int[] words, int at, float[] numbers) {
        double radius = Math.sqrt(-2.0 * VectorMath.log(((words[at] >>> 8) + 1) * UNIT));
        int turn = words[at + 1] >>> 8;
        int quarter = turn + QUARTER / 2 >>> QUARTER_BITS;
        double t = (turn - (quarter << QUARTER_BITS)) * (Math.PI / 2 / QUARTER);
        double square = t * t;
        double sin = t * (1 + square * (SIN_3 + square * (SIN_5 + square * (SIN_7 + square * SIN_9))));
        double cos = 1 + square * (COS_2 + square * (COS_4 + square * (COS_6 + square * (COS_8 + square * COS_10))));
        double x = (quarter & 1) == 0 ? cos : -sin;
        double y = (quarter & 1) == 0 ? sin : cos;
        double side = (quarter & 2) == 0 ? radius : -radius;
        numbers[at] = (float) (side * x);
        numbers[at + 1] = (float) (side * y);
    }
}
