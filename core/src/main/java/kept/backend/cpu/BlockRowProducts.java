package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.BlockMatrix;

/**
 * Dot products of one vector with the rows of a matrix in blocks, y = W x, as {@link RowProducts} computes those with other matrices. A lane of a
 * vector of integers has four codes. They become numbers where they are, without moves: a code in the second byte is a number 256 times as large, and
 * its x has been divided by 256, without loss.
 *
 * <pre>
 *   a step of a row:   | c3 c2 c1 c0 | c7 c6 c5 c4 | ... |      masked, each of the four is multiplied by x in this order;
 *   offset of x:       | -128 (x0 + x1 + x2 + x3)  | ... |      the sum starts with what the codes have too much, is multiplied
 *   scales:            |     that of the lane's block    |      by the scale, and added to the row's accumulator
 * </pre>
 *
 * <p>The accumulator is reduced as by {@link VectorMath#sum}, and the elements after the last whole step are added one by one. So its bits depend on
 * k and the values alone.
 */
final class BlockRowProducts {
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int BLOCK = BlockMatrix.BLOCK;
    /** The number of elements of a row in a step. */
    private static final int STEP = 4 * LANES;
    /** The number of elements of an arranged x in a step: the elements and the offset. */
    private static final int ARRANGED = STEP + LANES;
    /** Rows that are processed at a time, each from its own part of W. */
    static final int TOGETHER = 4;
    /** Rows of each part that are read without a break; the scales and sums of all parts stay in a near cache. */
    private static final int PIECE = 32;
    private static final int BYTE_0 = 0xff;
    private static final int BYTE_1 = 0xff00;
    private static final int BYTE_2 = 0xff0000;
    /** For each lane, which of the step's blocks it belongs to. */
    private static final VectorShuffle<Float> BLOCKS = VectorShuffle.fromOp(SPECIES, lane -> 4 * lane / BLOCK);

    private BlockRowProducts() { }

    /**
     * The size of an arranged x.
     *
     * @param k elements of x
     * @return elements
     */
    static int arrangedSize(int k) {
        return k / STEP * ARRANGED + k % STEP;
    }

    /**
     * Arranges x in the order of codes in lanes, with an offset for each lane.
     *
     * @param x k elements
     * @param k their number
     * @param to receives {@link #arrangedSize} elements
     * @param at the index of the first
     */
    static void arrange(float[] x, int k, float[] to, int at) {
        int next = at;
        for (int first = 0; first < k - k % STEP; first += STEP) {
            for (int lane = 0; lane < LANES; lane++) {
                float x0 = x[first + 4 * lane];
                float x1 = x[first + 4 * lane + 1];
                float x2 = x[first + 4 * lane + 2];
                float x3 = x[first + 4 * lane + 3];
                to[next + lane] = x0;
                to[next + LANES + lane] = x1 * 0x1p-8f;
                to[next + 2 * LANES + lane] = x2 * 0x1p-16f;
                to[next + 3 * LANES + lane] = x3;
                to[next + STEP + lane] = (float) (-BlockMatrix.ZERO * ((double) x0 + x1 + x2 + x3));
            }
            next += ARRANGED;
        }
        System.arraycopy(x, k - k % STEP, to, next, k % STEP);
    }

    /**
     * y = W x.
     *
     * @param n rows of W
     * @param w W
     * @param x the array that contains x, arranged
     * @param xStart the index of its first element
     * @param y receives the products
     * @param yStart the index of the first product
     */
    static void multiply(int n, Blocks w, float[] x, int xStart, float[] y, int yStart) {
        int whole = w.k() - w.k() % STEP;
        int blocks = w.k() / BLOCK;
        int distance = whole == 0 ? 0 : n / TOGETHER;
        int piece = whole == w.k() ? Math.clamp((Integer.MAX_VALUE - STEP) / Math.max(STEP, whole), 1, PIECE) : 1;
        float[] scales = Workspace.ofThread().floats(Workspace.Slot.SCALES, TOGETHER * piece * blocks + LANES);
        float[] lanes = Workspace.ofThread().floats(Workspace.Slot.LANES, TOGETHER * piece * LANES);
        for (int first = 0; first < distance; first += piece) {
            int count = Math.min(piece, distance - first);
            for (int i = 0; i < TOGETHER; i++) {
                w.from(first + i * distance).scales(count, scales, i * count * blocks);
            }
            four(count, w.from(first), distance, scales, x, xStart, lanes);
            for (int i = 0; i < TOGETHER; i++) {
                add(count, lanes, i * count, y, yStart + i * distance + first);
            }
        }
        for (int row = TOGETHER * distance; row < n; row++) {
            Blocks last = w.from(row);
            last.scales(1, scales, 0);
            one(last, scales, x, xStart, lanes);
            add(1, lanes, 0, y, yStart + row);
        }
        if (whole < w.k()) {
            addEnds(n, w, x, xStart, y, yStart);
        }
    }

    /** Adds the lanes of rows: in a loop of its own, since between rows it would interrupt the reading of memory. */
    private static void add(int count, float[] lanes, int first, float[] y, int at) {
        for (int row = 0; row < count; row++) {
            y[at + row] = VectorMath.sum(FloatVector.fromArray(SPECIES, lanes, (first + row) * LANES));
        }
    }

    /** Adds the products after the last whole step. */
    private static void addEnds(int n, Blocks w, float[] x, int xStart, float[] y, int yStart) {
        int k = w.k();
        int whole = k - k % STEP;
        int rest = xStart + whole / STEP * ARRANGED;
        for (int row = 0; row < n; row++) {
            float sum = y[yStart + row];
            for (int i = whole; i < k; i++) {
                int code = Byte.toUnsignedInt(w.codes().get(ValueLayout.JAVA_BYTE, w.index(row, i))) - BlockMatrix.ZERO;
                sum = Math.fma(x[rest + i - whole], code * w.scale(row, i), sum);
            }
            y[yStart + row] = sum;
        }
    }

    /** The accumulator of the first row, which is written to an array as in {@link RowProductsLoop}. */
    private static void one(Blocks w, float[] scales, float[] x, int xStart, float[] sums) {
        MemorySegment codes = NativeView.of(w.codes());
        long start = w.index(0, 0);
        FloatVector r = FloatVector.zero(SPECIES);
        int xAt = xStart;
        for (int i = 0; i < w.k() - w.k() % STEP; i += STEP) {
            IntVector c = IntVector.fromMemorySegment(INTS, codes, start + i, ORDER);
            FloatVector t = FloatVector.fromArray(SPECIES, x, xAt + 4 * LANES);
            t = FloatVector.fromArray(SPECIES, x, xAt).fma((FloatVector) c.and(BYTE_0).convert(VectorOperators.I2F, 0), t);
            t = FloatVector.fromArray(SPECIES, x, xAt + LANES).fma((FloatVector) c.and(BYTE_1).convert(VectorOperators.I2F, 0), t);
            t = FloatVector.fromArray(SPECIES, x, xAt + 2 * LANES).fma((FloatVector) c.and(BYTE_2).convert(VectorOperators.I2F, 0), t);
            t = FloatVector.fromArray(SPECIES, x, xAt + 3 * LANES)
                    .fma((FloatVector) c.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0), t);
            r = t.fma(FloatVector.fromArray(SPECIES, scales, i / BLOCK).rearrange(BLOCKS), r);
            xAt += ARRANGED;
        }
        r.intoArray(sums, 0);
    }

    /**
     * {@link #one} of four times count rows, four at a time, r to u, each a distance of rows after the one before; in one loop, which calls no
     * methods of its own, as {@link RowProductsLoop} explains. If there are several rows of each, their elements are whole steps. The scales are
     * those of these rows alone.
     */
    private static void four(int count, Blocks w, int distance, float[] scales, float[] x, int xStart, float[] sums) {
        MemorySegment codes = NativeView.of(w.codes());
        int whole = w.k() - w.k() % STEP;
        int blockStep = count * (w.k() / BLOCK);
        long start = w.index(0, 0);
        long step = (long) distance * w.k();
        int xEnd = xStart + whole / STEP * ARRANGED;
        int xAt = xStart;
        int to = 0;
        FloatVector r = FloatVector.zero(SPECIES);
        FloatVector s = r;
        FloatVector t = r;
        FloatVector u = r;
        for (int i = 0; i < count * whole; i += STEP) {
            FloatVector x0 = FloatVector.fromArray(SPECIES, x, xAt);
            FloatVector x1 = FloatVector.fromArray(SPECIES, x, xAt + LANES);
            FloatVector x2 = FloatVector.fromArray(SPECIES, x, xAt + 2 * LANES);
            FloatVector x3 = FloatVector.fromArray(SPECIES, x, xAt + 3 * LANES);
            FloatVector offset = FloatVector.fromArray(SPECIES, x, xAt + 4 * LANES);
            xAt += ARRANGED;
            int block = i / BLOCK;
            long at = start + i;
            IntVector rc = IntVector.fromMemorySegment(INTS, codes, at, ORDER);
            FloatVector rt = x0.fma((FloatVector) rc.and(BYTE_0).convert(VectorOperators.I2F, 0), offset);
            rt = x1.fma((FloatVector) rc.and(BYTE_1).convert(VectorOperators.I2F, 0), rt);
            rt = x2.fma((FloatVector) rc.and(BYTE_2).convert(VectorOperators.I2F, 0), rt);
            rt = x3.fma((FloatVector) rc.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0), rt);
            r = rt.fma(FloatVector.fromArray(SPECIES, scales, block).rearrange(BLOCKS), r);
            IntVector sc = IntVector.fromMemorySegment(INTS, codes, at + step, ORDER);
            FloatVector st = x0.fma((FloatVector) sc.and(BYTE_0).convert(VectorOperators.I2F, 0), offset);
            st = x1.fma((FloatVector) sc.and(BYTE_1).convert(VectorOperators.I2F, 0), st);
            st = x2.fma((FloatVector) sc.and(BYTE_2).convert(VectorOperators.I2F, 0), st);
            st = x3.fma((FloatVector) sc.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0), st);
            s = st.fma(FloatVector.fromArray(SPECIES, scales, block + blockStep).rearrange(BLOCKS), s);
            IntVector tc = IntVector.fromMemorySegment(INTS, codes, at + 2 * step, ORDER);
            FloatVector tt = x0.fma((FloatVector) tc.and(BYTE_0).convert(VectorOperators.I2F, 0), offset);
            tt = x1.fma((FloatVector) tc.and(BYTE_1).convert(VectorOperators.I2F, 0), tt);
            tt = x2.fma((FloatVector) tc.and(BYTE_2).convert(VectorOperators.I2F, 0), tt);
            tt = x3.fma((FloatVector) tc.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0), tt);
            t = tt.fma(FloatVector.fromArray(SPECIES, scales, block + 2 * blockStep).rearrange(BLOCKS), t);
            IntVector uc = IntVector.fromMemorySegment(INTS, codes, at + 3 * step, ORDER);
            FloatVector ut = x0.fma((FloatVector) uc.and(BYTE_0).convert(VectorOperators.I2F, 0), offset);
            ut = x1.fma((FloatVector) uc.and(BYTE_1).convert(VectorOperators.I2F, 0), ut);
            ut = x2.fma((FloatVector) uc.and(BYTE_2).convert(VectorOperators.I2F, 0), ut);
            ut = x3.fma((FloatVector) uc.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0), ut);
            u = ut.fma(FloatVector.fromArray(SPECIES, scales, block + 3 * blockStep).rearrange(BLOCKS), u);
            if (xAt == xEnd) {
                r.intoArray(sums, to);
                s.intoArray(sums, to + count * LANES);
                t.intoArray(sums, to + 2 * count * LANES);
                u.intoArray(sums, to + 3 * count * LANES);
                to += LANES;
                xAt = xStart;
                r = FloatVector.zero(SPECIES);
                s = r;
                t = r;
                u = r;
            }
        }
    }
}
