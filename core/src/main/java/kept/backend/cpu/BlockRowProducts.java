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
                double sum = 0;
                for (int i = 0; i < 4; i++) {
                    float value = x[first + 4 * lane + i];
                    to[next + i * LANES + lane] = i == 3 ? value : Math.scalb(value, -Byte.SIZE * i);
                    sum += value;
                }
                to[next + STEP + lane] = (float) (-BlockMatrix.ZERO * sum);
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
        int blocks = w.k() / BLOCK;
        float[] scales = Workspace.ofThread().floats(Workspace.Slot.SCALES, n * blocks + LANES);
        float[] lanes = Workspace.ofThread().floats(Workspace.Slot.LANES, n * LANES);
        w.scales(n, scales);
        int distance = w.k() < STEP ? 0 : n / TOGETHER;
        if (w.k() % STEP == 0 && (long) distance * w.k() <= Integer.MAX_VALUE - STEP) {
            four(distance, w, 0, distance, scales, x, xStart, lanes);
        } else {
            float[] some = new float[TOGETHER * LANES];
            for (int row = 0; row < distance; row++) {
                four(1, w, row, distance, scales, x, xStart, some);
                for (int i = 0; i < TOGETHER; i++) {
                    System.arraycopy(some, i * LANES, lanes, (row + i * distance) * LANES, LANES);
                }
            }
        }
        for (int row = TOGETHER * distance; row < n; row++) {
            one(w, row, scales, x, xStart, lanes);
        }
        for (int row = 0; row < n; row++) {
            y[yStart + row] = VectorMath.sum(FloatVector.fromArray(SPECIES, lanes, row * LANES));
        }
        if (w.k() % STEP > 0) {
            addEnds(n, w, scales, x, xStart, y, yStart);
        }
    }

    /** Adds the products after the last whole step. */
    private static void addEnds(int n, Blocks w, float[] scales, float[] x, int xStart, float[] y, int yStart) {
        int k = w.k();
        int whole = k - k % STEP;
        int rest = xStart + whole / STEP * ARRANGED;
        for (int row = 0; row < n; row++) {
            float sum = y[yStart + row];
            for (int i = whole; i < k; i++) {
                int code = Byte.toUnsignedInt(w.codes().get(ValueLayout.JAVA_BYTE, w.index(row, i))) - BlockMatrix.ZERO;
                sum = Math.fma(x[rest + i - whole], code * scales[(row * k + i) / BLOCK], sum);
            }
            y[yStart + row] = sum;
        }
    }

    /** The accumulator of a row, which is written to an array as in {@link RowProductsLoop}. */
    private static void one(Blocks w, int row, float[] scales, float[] x, int xStart, float[] sums) {
        MemorySegment codes = NativeView.of(w.codes());
        long start = w.index(row, 0);
        int block = row * (w.k() / BLOCK);
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
            r = t.fma(FloatVector.fromArray(SPECIES, scales, block + i / BLOCK).rearrange(BLOCKS), r);
            xAt += ARRANGED;
        }
        r.intoArray(sums, row * LANES);
    }

    /**
     * {@link #one} of four times count rows, four at a time, r to u, each a distance of rows after the one before; in one loop, which calls no
     * methods of its own, as {@link RowProductsLoop} explains. If there are several rows of each, their elements are whole steps.
     */
    private static void four(int count, Blocks w, int row, int distance, float[] scales, float[] x, int xStart, float[] sums) {
        MemorySegment codes = NativeView.of(w.codes());
        int whole = w.k() - w.k() % STEP;
        int firstBlock = row * (w.k() / BLOCK);
        int blockStep = distance * (w.k() / BLOCK);
        long start = w.index(row, 0);
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
            int block = firstBlock + i / BLOCK;
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
