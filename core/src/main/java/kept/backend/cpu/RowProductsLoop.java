package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/** The loops of {@link RowProducts}: four accumulators of a row stay in registers while k runs. Copied for each type of W by {@link Specialized}. */
final class RowProductsLoop implements RowProducts {
    private static final DType TYPE = Specialized.function(MethodHandles.lookup(), DType.class);
    private static final boolean PAIRS = TYPE == DType.BF16;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    /** The bytes of a number in W, and of as many as a vector has lanes. */
    private static final long BYTES = TYPE.bytes();
    private static final long VECTOR = LANES * BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** Rows that are processed at a time: as many as have four accumulators each in the registers of vectors of this width. */
    private static final int TOGETHER = LANES >= 16 ? 4 : 2;
    /** Rows of each of the places from which rows are processed together that are read without a break; their sums stay in the first-level cache. */
    private static final int PIECE = 64;
    /** Which of the lanes of two vectors are at even and at odd places. */
    private static final VectorShuffle<Float> EVEN = VectorShuffle.makeUnzip(SPECIES, 0);
    private static final VectorShuffle<Float> ODD = VectorShuffle.makeUnzip(SPECIES, 1);
    private static final IntVector UPPER = IntVector.broadcast(SPECIES.withLanes(int.class), 0xffff0000);

    RowProductsLoop() { }

    @Override
    public void arrange(float[] x, int start, int k) {
        for (int first = start; PAIRS && first < start + k - k % STEP; first += 2 * LANES) {
            FloatVector left = FloatVector.fromArray(SPECIES, x, first);
            FloatVector right = FloatVector.fromArray(SPECIES, x, first + LANES);
            left.rearrange(EVEN, right).intoArray(x, first);
            left.rearrange(ODD, right).intoArray(x, first + LANES);
        }
    }

    @Override
    public void multiply(int n, int k, Matrix matrix, float[] x, int xStart, float[] y, int yStart) {
        int whole = k - k % STEP;
        int distance = whole == 0 ? 0 : n / TOGETHER;
        int piece = whole == 0 ? 1 : Math.clamp((Integer.MAX_VALUE - STEP) / whole, 1, PIECE);
        float[] lanes = Workspace.ofThread().floats(Workspace.Slot.LANES, TOGETHER * piece * LANES);
        for (int first = 0; first < distance; first += piece) {
            int count = Math.min(piece, distance - first);
            together(count, whole, matrix, first, distance, x, xStart, lanes);
            for (int i = 0; i < TOGETHER; i++) {
                add(count, lanes, i * count, y, yStart + i * distance + first);
            }
        }
        for (int row = TOGETHER * distance; row < n; row++) {
            chains(whole, matrix.data(), matrix.index(row, 0) * BYTES, x, xStart, lanes);
            add(1, lanes, 0, y, yStart + row);
        }
        if (whole < k) {
            addEnds(n, k, matrix, x, xStart, y, yStart);
        }
    }

    /** Adds the lanes of rows: in a loop of its own, since between rows it would interrupt the reading of memory. */
    private static void add(int count, float[] lanes, int first, float[] y, int at) {
        for (int row = 0; row < count; row++) {
            y[at + row] = VectorMath.sum(FloatVector.fromArray(SPECIES, lanes, (first + row) * LANES));
        }
    }

    /** The lanes of the sums of count rows from first on, then those of as many rows a distance after them, and so on. */
    private static void together(int count, int k, Matrix w, int first, int distance, float[] x, int xStart, float[] lanes) {
        long step = distance * w.rowStride() * BYTES;
        if (w.rowStride() == k) {
            together(count, k, w.data(), w.index(first, 0) * BYTES, step, x, xStart, lanes);
            return;
        }
        float[] some = new float[TOGETHER * LANES];
        for (int row = 0; row < count; row++) {
            together(1, k, w.data(), w.index(first + row, 0) * BYTES, step, x, xStart, some);
            for (int i = 0; i < TOGETHER; i++) {
                System.arraycopy(some, i * LANES, lanes, (row + i * count) * LANES, LANES);
            }
        }
    }

    private static void together(int count, int k, MemorySegment w, long start, long step, float[] x, int xStart, float[] sums) {
        if (TOGETHER == 4) {
            four(count, k, w, start, step, x, xStart, sums);
        } else {
            two(count, k, w, start, step, x, xStart, sums);
        }
    }

    /** Adds the products after the last whole step. */
    private static void addEnds(int n, int k, Matrix matrix, float[] x, int xStart, float[] y, int yStart) {
        for (int row = 0; row < n; row++) {
            long start = matrix.index(0, 0) + row * matrix.rowStride();
            float sum = y[yStart + row];
            for (int i = k - k % STEP; i < k; i++) {
                sum = Math.fma(x[xStart + i], Elements.getFloat(matrix.data(), TYPE, start + i), sum);
            }
            y[yStart + row] = sum;
        }
    }

    /**
     * The accumulators of a row. Their sum is written to an array, because an accumulator that is passed to a method that is not inlined would be
     * boxed in the loop.
     */
    private static void chains(int k, MemorySegment segment, long start, float[] x, int xStart, float[] sums) {
        MemorySegment w = NativeView.of(segment);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int i = 0; i < k; i += STEP) {
            FloatVector w0 = vector(w, start, i, 0);
            FloatVector w2 = vector(w, start, i, 2);
            FloatVector w1 = PAIRS ? upper(w0) : vector(w, start, i, 1);
            FloatVector w3 = PAIRS ? upper(w2) : vector(w, start, i, 3);
            s0 = FloatVector.fromArray(SPECIES, x, xStart + i).fma(PAIRS ? lower(w0) : w0, s0);
            s1 = FloatVector.fromArray(SPECIES, x, xStart + i + LANES).fma(w1, s1);
            s2 = FloatVector.fromArray(SPECIES, x, xStart + i + 2 * LANES).fma(PAIRS ? lower(w2) : w2, s2);
            s3 = FloatVector.fromArray(SPECIES, x, xStart + i + 3 * LANES).fma(w3, s3);
        }
        s0.add(s1).add(s2.add(s3)).intoArray(sums, 0);
    }

    /**
     * {@link #chains} of rows 0 to 2 count - 1 without gaps between them, two at a time, r and s, the second a number of bytes after the first. One
     * loop for all rows: the JIT checks bounds in the first rounds of a loop, which for each row would take as long as a third of a short one.
     */
    private static void two(int count, int k, MemorySegment segment, long start, long step, float[] x, int xStart, float[] sums) {
        MemorySegment w = NativeView.of(segment);
        int xEnd = xStart + k;
        int xAt = xStart;
        int to = 0;
        FloatVector r0 = FloatVector.zero(SPECIES);
        FloatVector r1 = r0;
        FloatVector r2 = r0;
        FloatVector r3 = r0;
        FloatVector s0 = r0;
        FloatVector s1 = r0;
        FloatVector s2 = r0;
        FloatVector s3 = r0;
        for (int i = 0; i < count * k; i += STEP) {
            FloatVector x0 = FloatVector.fromArray(SPECIES, x, xAt);
            FloatVector x1 = FloatVector.fromArray(SPECIES, x, xAt + LANES);
            FloatVector x2 = FloatVector.fromArray(SPECIES, x, xAt + 2 * LANES);
            FloatVector x3 = FloatVector.fromArray(SPECIES, x, xAt + 3 * LANES);
            FloatVector rw0 = vector(w, start, i, 0);
            FloatVector rw2 = vector(w, start, i, 2);
            r0 = x0.fma(PAIRS ? lower(rw0) : rw0, r0);
            r1 = x1.fma(PAIRS ? upper(rw0) : vector(w, start, i, 1), r1);
            r2 = x2.fma(PAIRS ? lower(rw2) : rw2, r2);
            r3 = x3.fma(PAIRS ? upper(rw2) : vector(w, start, i, 3), r3);
            FloatVector sw0 = vector(w, start + step, i, 0);
            FloatVector sw2 = vector(w, start + step, i, 2);
            s0 = x0.fma(PAIRS ? lower(sw0) : sw0, s0);
            s1 = x1.fma(PAIRS ? upper(sw0) : vector(w, start + step, i, 1), s1);
            s2 = x2.fma(PAIRS ? lower(sw2) : sw2, s2);
            s3 = x3.fma(PAIRS ? upper(sw2) : vector(w, start + step, i, 3), s3);
            xAt += STEP;
            if (xAt == xEnd) {
                r0.add(r1).add(r2.add(r3)).intoArray(sums, to);
                s0.add(s1).add(s2.add(s3)).intoArray(sums, to + count * LANES);
                to += LANES;
                xAt = xStart;
                r0 = FloatVector.zero(SPECIES);
                r1 = r0;
                r2 = r0;
                r3 = r0;
                s0 = r0;
                s1 = r0;
                s2 = r0;
                s3 = r0;
            }
        }
    }

    /**
     * {@link #two} for four rows at a time, r to u. Calls no methods of its own: the JIT stops inlining those in a method that has grown as large as
     * this one, and would then box vectors.
     */
    private static void four(int count, int k, MemorySegment segment, long start, long step, float[] x, int xStart, float[] sums) {
        MemorySegment w = NativeView.of(segment);
        int xEnd = xStart + k;
        int xAt = xStart;
        int to = 0;
        FloatVector r0 = FloatVector.zero(SPECIES);
        FloatVector r1 = r0;
        FloatVector r2 = r0;
        FloatVector r3 = r0;
        FloatVector s0 = r0;
        FloatVector s1 = r0;
        FloatVector s2 = r0;
        FloatVector s3 = r0;
        FloatVector t0 = r0;
        FloatVector t1 = r0;
        FloatVector t2 = r0;
        FloatVector t3 = r0;
        FloatVector u0 = r0;
        FloatVector u1 = r0;
        FloatVector u2 = r0;
        FloatVector u3 = r0;
        for (int i = 0; i < count * k; i += STEP) {
            long at = start + i * BYTES;
            FloatVector x0 = FloatVector.fromArray(SPECIES, x, xAt);
            FloatVector x1 = FloatVector.fromArray(SPECIES, x, xAt + LANES);
            FloatVector x2 = FloatVector.fromArray(SPECIES, x, xAt + 2 * LANES);
            FloatVector x3 = FloatVector.fromArray(SPECIES, x, xAt + 3 * LANES);
            FloatVector rw0 = FloatVector.fromMemorySegment(SPECIES, w, at, ORDER);
            FloatVector rw2 = FloatVector.fromMemorySegment(SPECIES, w, at + 2 * VECTOR, ORDER);
            FloatVector rw1 = PAIRS ? rw0 : FloatVector.fromMemorySegment(SPECIES, w, at + VECTOR, ORDER);
            FloatVector rw3 = PAIRS ? rw2 : FloatVector.fromMemorySegment(SPECIES, w, at + 3 * VECTOR, ORDER);
            r0 = x0.fma(PAIRS ? rw0.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : rw0, r0);
            r1 = x1.fma(PAIRS ? rw1.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : rw1, r1);
            r2 = x2.fma(PAIRS ? rw2.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : rw2, r2);
            r3 = x3.fma(PAIRS ? rw3.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : rw3, r3);
            at += step;
            FloatVector sw0 = FloatVector.fromMemorySegment(SPECIES, w, at, ORDER);
            FloatVector sw2 = FloatVector.fromMemorySegment(SPECIES, w, at + 2 * VECTOR, ORDER);
            FloatVector sw1 = PAIRS ? sw0 : FloatVector.fromMemorySegment(SPECIES, w, at + VECTOR, ORDER);
            FloatVector sw3 = PAIRS ? sw2 : FloatVector.fromMemorySegment(SPECIES, w, at + 3 * VECTOR, ORDER);
            s0 = x0.fma(PAIRS ? sw0.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : sw0, s0);
            s1 = x1.fma(PAIRS ? sw1.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : sw1, s1);
            s2 = x2.fma(PAIRS ? sw2.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : sw2, s2);
            s3 = x3.fma(PAIRS ? sw3.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : sw3, s3);
            at += step;
            FloatVector tw0 = FloatVector.fromMemorySegment(SPECIES, w, at, ORDER);
            FloatVector tw2 = FloatVector.fromMemorySegment(SPECIES, w, at + 2 * VECTOR, ORDER);
            FloatVector tw1 = PAIRS ? tw0 : FloatVector.fromMemorySegment(SPECIES, w, at + VECTOR, ORDER);
            FloatVector tw3 = PAIRS ? tw2 : FloatVector.fromMemorySegment(SPECIES, w, at + 3 * VECTOR, ORDER);
            t0 = x0.fma(PAIRS ? tw0.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : tw0, t0);
            t1 = x1.fma(PAIRS ? tw1.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : tw1, t1);
            t2 = x2.fma(PAIRS ? tw2.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : tw2, t2);
            t3 = x3.fma(PAIRS ? tw3.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : tw3, t3);
            at += step;
            FloatVector uw0 = FloatVector.fromMemorySegment(SPECIES, w, at, ORDER);
            FloatVector uw2 = FloatVector.fromMemorySegment(SPECIES, w, at + 2 * VECTOR, ORDER);
            FloatVector uw1 = PAIRS ? uw0 : FloatVector.fromMemorySegment(SPECIES, w, at + VECTOR, ORDER);
            FloatVector uw3 = PAIRS ? uw2 : FloatVector.fromMemorySegment(SPECIES, w, at + 3 * VECTOR, ORDER);
            u0 = x0.fma(PAIRS ? uw0.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : uw0, u0);
            u1 = x1.fma(PAIRS ? uw1.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : uw1, u1);
            u2 = x2.fma(PAIRS ? uw2.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats() : uw2, u2);
            u3 = x3.fma(PAIRS ? uw3.reinterpretAsInts().and(UPPER).reinterpretAsFloats() : uw3, u3);
            xAt += STEP;
            if (xAt == xEnd) {
                r0.add(r1).add(r2.add(r3)).intoArray(sums, to);
                s0.add(s1).add(s2.add(s3)).intoArray(sums, to + count * LANES);
                t0.add(t1).add(t2.add(t3)).intoArray(sums, to + 2 * count * LANES);
                u0.add(u1).add(u2.add(u3)).intoArray(sums, to + 3 * count * LANES);
                to += LANES;
                xAt = xStart;
                r0 = FloatVector.zero(SPECIES);
                r1 = r0;
                r2 = r0;
                r3 = r0;
                s0 = r0;
                s1 = r0;
                s2 = r0;
                s3 = r0;
                t0 = r0;
                t1 = r0;
                t2 = r0;
                t3 = r0;
                u0 = r0;
                u1 = r0;
                u2 = r0;
                u3 = r0;
            }
        }
    }

    /** The vector at a distance of some vectors from an element; for bf16 it contains pairs. */
    private static FloatVector vector(MemorySegment w, long start, int i, int vectors) {
        return FloatVector.fromMemorySegment(SPECIES, w, start + i * BYTES + vectors * VECTOR, ORDER);
    }

    private static FloatVector lower(FloatVector pairs) {
        return pairs.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    private static FloatVector upper(FloatVector pairs) {
        return pairs.reinterpretAsInts().and(UPPER).reinterpretAsFloats();
    }
}
