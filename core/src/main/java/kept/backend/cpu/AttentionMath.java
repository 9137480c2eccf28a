package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** The arithmetic of {@link AttentionKernel} and {@link AttentionGradientKernel} on scores {@code [keys, queries]}, apart from matrix products. */
final class AttentionMath {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final VectorShuffle<Float> ZIP_LOW = VectorShuffle.makeZip(SPECIES, 0);
    private static final VectorShuffle<Float> ZIP_HIGH = VectorShuffle.makeZip(SPECIES, 1);

    /** Below this exponent a power of two has no normal f32; a probability so small counts as zero. */
    private static final float MIN_EXPONENT = -126f;
    private static final int ROUNDER_BITS = Float.floatToRawIntBits(VectorMath.ROUNDER);
    /** 2^f = 1 + f P(f) for |f| at most 1/2: a minimax fit with coefficients rounded one after another, relative error 2^-23.3 before rounding. */
    private static final float EXP2_1 = 6.931470037e-01f;
    private static final float EXP2_2 = 2.402224690e-01f;
    private static final float EXP2_3 = 5.550711229e-02f;
    private static final float EXP2_4 = 9.671294130e-03f;
    private static final float EXP2_5 = 1.326940721e-03f;

    private AttentionMath() { }

    /**
     * 2^x = 2^n 2^f with n = round(x), for x up to 127. Zero below -126.
     *
     * @param x the exponents
     * @return 2^x by lane; NaN for NaN
     */
    static FloatVector exp2(FloatVector x) {
        FloatVector rounded = x.add(VectorMath.ROUNDER);
        FloatVector f = x.sub(rounded.sub(VectorMath.ROUNDER));
        FloatVector y = fma(fma(fma(fma(fma(FloatVector.broadcast(SPECIES, EXP2_5), f, EXP2_4), f, EXP2_3), f, EXP2_2), f, EXP2_1), f, 1f);
        IntVector n = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        return y.reinterpretAsInts().add(n).reinterpretAsFloats().blend(0f, x.compare(VectorOperators.LT, MIN_EXPONENT));
    }

    private static FloatVector fma(FloatVector a, FloatVector b, float c) {
        return a.fma(b, FloatVector.broadcast(SPECIES, c));
    }

    /** 2^n for an integer n up to 0; zero below -126. */
    static float powerOfTwo(float n) {
        return n < MIN_EXPONENT ? 0f : Float.intBitsToFloat((int) n + 127 << 23);
    }

    /**
     * The maximum over keys for a vector of queries.
     *
     * @param scores {@code [keys][stride]}
     * @param lane the first query of the vector
     * @param stride the number of floats of a key
     * @param keys the number of keys
     * @param result receives the maxima, from the lane on; NaN counts as smallest
     */
    static void max(float[] scores, int lane, int stride, int keys, float[] result) {
        FloatVector max = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= keys - 4; i += 4) {
            FloatVector s0 = FloatVector.fromArray(SPECIES, scores, i * stride + lane);
            FloatVector s1 = FloatVector.fromArray(SPECIES, scores, (i + 1) * stride + lane);
            FloatVector s2 = FloatVector.fromArray(SPECIES, scores, (i + 2) * stride + lane);
            FloatVector s3 = FloatVector.fromArray(SPECIES, scores, (i + 3) * stride + lane);
            max = max(max(max(s0, s1), max(s2, s3)), max);
        }
        for (; i < keys; i++) {
            max = max(FloatVector.fromArray(SPECIES, scores, i * stride + lane), max);
        }
        max.intoArray(result, lane);
    }

    /** The larger value of each lane. The receiver of a call must not be a loop-carried variable, whose class the JIT does not know. */
    private static FloatVector max(FloatVector a, FloatVector b) {
        return a.blend(b, a.compare(VectorOperators.LT, b));
    }

    /**
     * Makes the scores of keys that a query does not see minus infinity.
     *
     * @param scores {@code [keys][stride]}
     * @param lane the first query of the vector
     * @param stride the number of floats of a key
     * @param first the first key that some query does not see
     * @param end the number of keys
     * @param seenByFirst the number of the block's keys that the vector's first query sees; negative if the block begins after them
     */
    static void mask(float[] scores, int lane, int stride, int first, int end, int seenByFirst) {
        FloatVector lanes = FloatVector.zero(SPECIES).addIndex(1);
        for (int i = first; i < end; i++) {
            FloatVector s = FloatVector.fromArray(SPECIES, scores, i * stride + lane);
            s.blend(Float.NEGATIVE_INFINITY, lanes.compare(VectorOperators.LE, (float) (i - seenByFirst))).intoArray(scores, i * stride + lane);
        }
    }

    /** x = factor x. */
    static void scale(float[] x, int count, float factor) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector.fromArray(SPECIES, x, i).mul(factor).intoArray(x, i);
        }
    }

    /**
     * Transposes a block of sums into rows of a matrix, row i multiplied by a factor.
     *
     * @param block contains {@code [width][COLUMNS]}, padded to a multiple of LANES rows with arbitrary contents
     * @param at the index where it begins
     * @param width rows of the block and columns of the target
     * @param count the number of columns to write, which are rows of the target
     * @param factors one for each column of the block
     * @param target f32, with unit column stride
     * @param scratch {@link Packing#scratch}, of which it takes {@code 2 * COLUMNS * LANES} floats
     */
    static void storeTransposed(float[] block, int at, int width, int count, float[] factors, Matrix target, float[] scratch) {
        for (int d = 0; d < width; d += LANES) {
            int valid = Math.min(LANES, width - d);
            int from = transpose(block, at + d * TileProduct.COLUMNS, scratch);
            storeRows(scratch, from, valid, count, factors, target.data(), target.index(0, d) * 4, target.rowStride() * 4);
        }
    }

    /**
     * Interleaves the halves of {@code [LANES][COLUMNS]} floats until they are {@code [COLUMNS][LANES]}; returns the index where they begin in
     * scratch.
     */
    private static int transpose(float[] block, int at, float[] scratch) {
        int half = TileProduct.COLUMNS * LANES / 2;
        interleave(block, at, half, scratch, 0);
        int from = 0;
        for (int factor = LANES / 2; factor > 1; factor /= 2) {
            interleave(scratch, from, half, scratch, 2 * half - from);
            from = 2 * half - from;
        }
        return from;
    }

    /** Writes an element of the first half, one of the second half, and so on alternately. The regions do not overlap. */
    private static void interleave(float[] source, int from, int half, float[] target, int to) {
        for (int i = 0; i < half; i += LANES) {
            FloatVector first = FloatVector.fromArray(SPECIES, source, from + i);
            FloatVector second = FloatVector.fromArray(SPECIES, source, from + half + i);
            first.rearrange(ZIP_LOW, second).intoArray(target, to + 2 * i);
            first.rearrange(ZIP_HIGH, second).intoArray(target, to + 2 * i + LANES);
        }
    }

    private static void storeRows(float[] rows, int from, int valid, int count, float[] factors, MemorySegment data, long bytes, long stride) {
        data = NativeView.of(data);
        var present = SPECIES.indexInRange(0, valid);
        for (int i = 0; i < count; i++) {
            FloatVector row = FloatVector.fromArray(SPECIES, rows, from + i * LANES).mul(factors[i]);
            if (valid == LANES) {
                row.intoMemorySegment(data, bytes + i * stride, ORDER);
            } else {
                row.intoMemorySegment(data, bytes + i * stride, ORDER, present);
            }
        }
    }

    /**
     * Stores rows, each element times a factor.
     *
     * @param rows contains {@code [count][stride]}
     * @param at the index where they begin
     * @param stride floats of a row, a multiple of LANES
     * @param count the number of rows
     * @param width the number of columns to write
     * @param factor the factor
     * @param target f32, with unit column stride
     */
    static void store(float[] rows, int at, int stride, int count, int width, float factor, Matrix target) {
        MemorySegment data = NativeView.of(target.data());
        int whole = width - width % LANES;
        var rest = SPECIES.indexInRange(whole, width);
        for (int i = 0; i < count; i++) {
            int from = at + i * stride;
            long bytes = target.index(i, 0) * 4;
            for (int d = 0; d < whole; d += LANES) {
                FloatVector.fromArray(SPECIES, rows, from + d).mul(factor).intoMemorySegment(data, bytes + d * 4L, ORDER);
            }
            if (whole < width) {
                FloatVector.fromArray(SPECIES, rows, from + whole).mul(factor).intoMemorySegment(data, bytes + whole * 4L, ORDER, rest);
            }
        }
    }

    /** y += x. */
    static void add(float[] x, int xStart, float[] y, int yStart, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector.fromArray(SPECIES, x, xStart + i).add(FloatVector.fromArray(SPECIES, y, yStart + i)).intoArray(y, yStart + i);
        }
    }
}
