package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/**
 * Lays strips of a matrix out in the order in which the micro-kernel reads them, widened to f32.
 *
 * <p>A panel takes {@code height} rows of its matrix (a power of two; rows beyond the last are zeros) and has them side by side:
 *
 * <pre>
 *   rows of the matrix            panel
 *   x00 x01 x02 ...
 *   x10 x11 x12 ...       -->     x00 x10 x20 x30  x01 x11 x21 x31  x02 ...
 *   x20 x21 x22 ...
 *   x30 x31 x32 ...
 * </pre>
 *
 * <p>Where the matrix is contiguous down its columns that is a copy. Where it is contiguous along its rows it is a transposition, done in blocks
 * that stay in the first-level cache: interleaving the first half of {@code height * n} elements with the second half, log2(height) times.
 */
final class Packing {
    /** Columns that are transposed at a time. */
    private static final int BLOCK = 64;
    /** Columns that are copied at a time. */
    private static final int COPIED = 16;
    /** Floats of scratch memory that {@link #pack} needs for panels of some height: two blocks. */
    static final int SCRATCH_PER_ROW = 2 * BLOCK;

    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final VectorShuffle<Float> ZIP_LOW = VectorShuffle.makeZip(SPECIES, 0);
    private static final VectorShuffle<Float> ZIP_HIGH = VectorShuffle.makeZip(SPECIES, 1);
    /** Every height is a multiple of the tile's rows. */
    private static final VectorSpecies<Float> STRIP = VectorSpecies.of(float.class, VectorShape.forBitSize(MicroKernel.ROWS * Float.SIZE));
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Packing() { }

    /**
     * Packs rows [0, rows) and columns [0, columns) of a matrix, panel after panel.
     *
     * @param x the matrix
     * @param rows how many rows, at least 1
     * @param columns how many columns, at least 1
     * @param height rows of a panel
     * @param panels receives {@code ceil(rows / height)} panels of {@code height * columns}
     * @param at where the first begins
     * @param scratch {@code height * SCRATCH_PER_ROW} floats
     */
    static void pack(Matrix x, int rows, int columns, int height, float[] panels, int at, float[] scratch) {
        boolean transposed = x.columnStride() == 1 && x.rowStride() != 1;
        boolean copied = x.rowStride() == 1 && x.type() == DType.F32;
        int whole = copied ? rows - rows % height : 0;
        if (whole > 0) {
            copy(x, whole, columns, height, panels, at);
        }
        for (int row = whole; row < rows; row += height) {
            Matrix strip = x.shifted(row * x.rowStride());
            int present = Math.min(height, rows - row);
            if (transposed) {
                transpose(strip, present, columns, height, panels, at + row * columns, scratch);
            } else {
                widen(strip, present, columns, height, panels, at + row * columns);
            }
        }
    }

    /** Takes a few columns at a time, all panels of them, so that both sides are touched in runs longer than a cache line. */
    private static void copy(Matrix x, int rows, int columns, int height, float[] panels, int at) {
        for (int first = 0; first < columns; first += COPIED) {
            int end = Math.min(columns, first + COPIED);
            for (int row = 0; row < rows; row += STRIP.length()) {
                int panel = at + row / height * height * columns + row % height;
                copy(x.data(), x.index(row, first) * 4, x.columnStride() * 4, panels, panel + first * height, height, end - first);
            }
        }
    }

    private static void copy(MemorySegment data, long source, long sourceStride, float[] panel, int target, int targetStride, int count) {
        data = NativeView.of(data);
        for (int k = 0; k < count; k++) {
            FloatVector.fromMemorySegment(STRIP, data, source + k * sourceStride, ORDER).intoArray(panel, target + k * targetStride);
        }
    }

    private static void widen(Matrix x, int present, int columns, int height, float[] panel, int at) {
        for (int k = 0; k < columns; k++) {
            int target = at + k * height;
            Widening.copy(x.data(), x.type(), x.index(0, k), x.rowStride(), panel, target, present);
            Arrays.fill(panel, target + present, target + height, 0f);
        }
    }

    private static void transpose(Matrix x, int present, int columns, int height, float[] panel, int at, float[] scratch) {
        int other = height * BLOCK;
        for (int k = 0; k < columns; k += BLOCK) {
            int valid = Math.min(BLOCK, columns - k);
            int width = valid + LANES - 1 & -LANES;
            for (int i = 0; i < present; i++) {
                Widening.copy(x.data(), x.type(), x.index(i, k), 1, scratch, i * width, valid);
            }
            Arrays.fill(scratch, present * width, height * width, 0f);
            int from = 0;
            for (int factor = height; factor > 2; factor /= 2) {
                interleave(scratch, from, height * width / 2, scratch, other - from);
                from = other - from;
            }
            if (valid == width) {
                interleave(scratch, from, height * width / 2, panel, at + k * height);
            } else {
                interleave(scratch, from, height * width / 2, scratch, other - from);
                System.arraycopy(scratch, other - from, panel, at + k * height, height * valid);
            }
        }
    }

    /**
     * Transposes a block of sums into rows of a matrix, row i multiplied by a factor.
     *
     * @param block {@code [width][COLUMNS]}, f32
     * @param width rows of the block and columns of the target
     * @param count columns of the block that are wanted, rows of the target
     * @param factors one for each row of the target
     * @param target f32, with unit column stride
     * @param panels {@code COLUMNS} times the width, rounded up to whole tiles, floats
     * @param scratch {@code ROWS * SCRATCH_PER_ROW} floats
     */
    static void storeTransposed(MemorySegment block, int width, int count, float[] factors, Matrix target, float[] panels, float[] scratch) {
        block = NativeView.of(block);
        int height = MicroKernel.ROWS;
        pack(new Matrix(block, DType.F32, 0, MicroKernel.COLUMNS, 1), width, count, height, panels, 0, scratch);
        for (int i = 0; i < count; i++) {
            long row = target.index(i, 0) * 4;
            int whole = width - width % height;
            for (int d = 0; d < whole; d += height) {
                FloatVector.fromArray(STRIP, panels, d * count + i * height).mul(factors[i]).intoMemorySegment(target.data(), row + d * 4L, ORDER);
            }
            for (int d = whole; d < width; d++) {
                target.data().set(ValueLayout.JAVA_FLOAT, row + d * 4L, panels[whole * count + i * height + d - whole] * factors[i]);
            }
        }
    }

    /**
     * Turns a strip {@code [ROWS][COLUMNS]} into a panel {@code [COLUMNS][ROWS]}.
     *
     * @param strip holds the strip
     * @param from where it begins
     * @param panel receives the panel
     * @param at where it begins
     * @param scratch twice as many floats
     */
    static void transposeStrip(float[] strip, int from, float[] panel, int at, float[] scratch) {
        int half = MicroKernel.ROWS * MicroKernel.COLUMNS / 2;
        interleave(strip, from, half, scratch, 0);
        int done = 0;
        for (int factor = MicroKernel.ROWS / 2; factor > 2; factor /= 2) {
            interleave(scratch, done, half, scratch, 2 * half - done);
            done = 2 * half - done;
        }
        interleave(scratch, done, half, panel, at);
    }

    /** Takes an element of the first half, one of the second, and so on. The regions do not overlap. */
    private static void interleave(float[] source, int from, int half, float[] target, int to) {
        for (int i = 0; i < half; i += LANES) {
            FloatVector first = FloatVector.fromArray(SPECIES, source, from + i);
            FloatVector second = FloatVector.fromArray(SPECIES, source, from + half + i);
            first.rearrange(ZIP_LOW, second).intoArray(target, to + 2 * i);
            first.rearrange(ZIP_HIGH, second).intoArray(target, to + 2 * i + LANES);
        }
    }
}
