package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.Bfloat16;
import kept.tensor.DType;

/**
 * Packs parts of a matrix in the order in which {@link TileProduct} reads them, widened to f32.
 *
 * <p>A panel contains {@link #WIDTH} columns of its matrix, row by row, with zeros for columns beyond the last:
 *
 * <pre>
 *   matrix                              panels of width 4
 *   x00 x01 x02 x03  x04 x05 ...        x00 x01 x02 x03  x10 x11 x12 x13  x20 ...
 *   x10 x11 x12 x13  x14 x15 ...  -->   x04 x05 ...
 *   x20 x21 x22 x23  x24 x25 ...
 * </pre>
 *
 * <p>For a matrix with contiguous rows this is a copy. For one with contiguous columns it is a transposition, in blocks that stay in the first-level
 * cache. A block with as many rows as a vector has lanes is transposed by exchanging, for d = 1, 2, 4, ..., the odd with the even groups of d lanes
 * between rows at distance d:
 *
 * <pre>
 *   a0 a1 a2 a3   d = 1   a0 b0 a2 b2   d = 2   a0 b0 c0 d0
 *   b0 b1 b2 b3    -->    a1 b1 a3 b3    -->    a1 b1 c1 d1
 *   c0 c1 c2 c3           c0 d0 c2 d2           a2 b2 c2 d2
 *   d0 d1 d2 d3           c1 d1 c3 d3           a3 b3 c3 d3
 * </pre>
 */
final class Packing {
    /** Columns of a panel: those of a tile. */
    static final int WIDTH = TileProduct.COLUMNS;
    /** The number of elements of a column that are transposed at a time: runs long enough for the prefetcher. */
    private static final int BLOCK = 128;
    /** The number of rows that are copied at a time: few enough for the prefetcher's streams, enough to write each panel in runs. */
    private static final int COPIED = 16;
    /** The number of elements of a row that are copied at a time. */
    private static final int RUN = 8 * WIDTH;
    /** The floats of scratch memory that a panel needs for each of its columns: two blocks. */
    private static final int SCRATCH_PER_COLUMN = 2 * BLOCK;

    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** The vectors of {@link TileProduct#ROWS} lanes. */
    private static final VectorSpecies<Float> NARROW = VectorSpecies.of(float.class, VectorShape.forBitSize(Float.SIZE * TileProduct.ROWS));
    private static final int LOG_LANES = Integer.numberOfTrailingZeros(LANES);
    /** For d = 2^i, the lanes that are exchanged with those at distance d, and a mask of the odd ones. */
    private static final List<VectorShuffle<Float>> SWAPS = IntStream.range(0, LOG_LANES).mapToObj(Packing::swap).toList();
    private static final List<VectorMask<Float>> ODD = IntStream.range(0, LOG_LANES).mapToObj(Packing::odd).toList();

    private Packing() { }

    /**
     * The calling thread's scratch memory for packing.
     *
     * @return an array
     */
    static float[] scratch() {
        return Workspace.ofThread().floats(Workspace.Slot.TRANSPOSITION, WIDTH * SCRATCH_PER_COLUMN);
    }

    /**
     * Copies rows [0, rows) and columns [0, columns) of a matrix, row after row.
     *
     * @param x the matrix
     * @param rows the number of rows
     * @param columns the number of columns
     * @param packed receives them
     * @param at the index where the first begins
     * @param stride the distance between packed rows in elements
     */
    static void rows(Matrix x, int rows, int columns, float[] packed, int at, int stride) {
        if (x.columnStride() == 1 && x.blocks() == null && x.type() == DType.F32) {
            copyRows(x, rows, columns, packed, at, stride);
        } else if (x.columnStride() == 1 && x.blocks() == null && x.type() == DType.BF16) {
            widenRows(x, rows, columns, packed, at, stride);
        } else {
            for (int i = 0; i < rows; i++) {
                x.widen(x.index(i, 0), x.columnStride(), packed, at + i * stride, columns);
            }
        }
    }

    /** All rows in one loop, because a call for each takes as long as the few vectors of an attention head. */
    private static void copyRows(Matrix x, int rows, int columns, float[] packed, int at, int stride) {
        MemorySegment data = NativeView.of(x.data());
        int whole = SPECIES.loopBound(columns);
        for (int i = 0; i < rows; i++) {
            long from = x.index(i, 0);
            int to = at + i * stride;
            for (int j = 0; j < whole; j += LANES) {
                FloatVector.fromMemorySegment(SPECIES, data, Float.BYTES * (from + j), ORDER).intoArray(packed, to + j);
            }
            for (int j = whole; j < columns; j++) {
                packed[to + j] = data.getAtIndex(ValueLayout.JAVA_FLOAT, from + j);
            }
        }
    }

    /** {@link #copyRows} of numbers in bf16. */
    private static void widenRows(Matrix x, int rows, int columns, float[] packed, int at, int stride) {
        MemorySegment data = NativeView.of(x.data());
        int whole = SPECIES.loopBound(columns);
        for (int i = 0; i < rows; i++) {
            long from = x.index(i, 0);
            int to = at + i * stride;
            for (int j = 0; j < whole; j += LANES) {
                Elements.bf16(data, Short.BYTES * (from + j)).intoArray(packed, to + j);
            }
            for (int j = whole; j < columns; j++) {
                packed[to + j] = Bfloat16.toFloat(data.getAtIndex(ValueLayout.JAVA_SHORT, from + j));
            }
        }
    }

    /**
     * Packs rows [0, rows) and columns [0, columns) of a matrix, panel after panel.
     *
     * @param x the matrix
     * @param rows the number of rows, at least 1
     * @param columns the number of columns, at least 1
     * @param panels receives {@code ceil(columns / WIDTH)} panels of {@code rows * WIDTH}
     * @param at the index where the first begins
     * @param scratch {@link #scratch}
     */
    static void panels(Matrix x, int rows, int columns, float[] panels, int at, float[] scratch) {
        if (x.columnStride() == 1 || x.rowStride() != 1) {
            copyPart(x, new Part(0, rows, rows, columns, WIDTH), panels, at);
            return;
        }
        for (int column = 0; column < columns; column += WIDTH) {
            Matrix part = x.shifted(column * x.columnStride());
            transposePanel(part, rows, Math.min(WIDTH, columns - column), panels, at + column * rows, scratch);
        }
    }

    /**
     * The position of a column in panels: that of its first row; the other rows follow at distances of {@link #WIDTH} elements.
     *
     * @param column which column
     * @param rows the number of rows of the panels
     * @return elements from the beginning of the first panel
     */
    static int start(int column, int rows) {
        return column / WIDTH * WIDTH * rows + column % WIDTH;
    }

    /**
     * Some rows of panels.
     *
     * @param first the first row
     * @param rows the number of rows
     * @param depth the number of rows of the panels
     * @param columns the number of columns of all panels together
     * @param width the number of columns of a panel: {@link #WIDTH}, or {@link TileProduct#ROWS} for a left operand
     */
    record Part(int first, int rows, int depth, int columns, int width) { }

    /**
     * Packs some rows of a matrix whose rows are contiguous. Copies runs of a few rows at a time, so that reads and writes are longer than a cache
     * line.
     *
     * @param x the matrix
     * @param part the rows
     * @param panels receives them, at their place in {@code ceil(columns / width)} panels of {@code depth * width}
     * @param at the index where the first panel begins
     */
    static void copyPart(Matrix x, Part part, float[] panels, int at) {
        float[] scratch = scratch();
        int end = part.first + part.rows;
        for (int first = part.first; first < end; first += COPIED) {
            int count = Math.min(COPIED, end - first);
            for (int column = 0; column < part.columns; column += RUN) {
                int present = Math.min(RUN, part.columns - column);
                int padded = Math.ceilDiv(present, WIDTH) * WIDTH;
                for (int i = 0; i < count; i++) {
                    x.widen(x.index(first + i, column), x.columnStride(), scratch, i * RUN, present);
                    Arrays.fill(scratch, i * RUN + present, i * RUN + padded, 0f);
                }
                if (part.width == WIDTH) {
                    for (int j = 0; j < padded; j += WIDTH) {
                        spread(scratch, j, count, panels, at + (column + j) * part.depth + first * WIDTH);
                    }
                } else {
                    for (int j = 0; j < padded; j += part.width) {
                        spreadNarrow(scratch, j, count, panels, at + (column + j) * part.depth + first * part.width);
                    }
                }
            }
        }
    }

    /**
     * A number of rows that {@link #copyPart} copies well.
     *
     * @param rows about this many
     * @return a multiple of the rows that it copies at a time, at least one
     */
    static int runs(int rows) {
        return Math.max(1, rows / COPIED) * COPIED;
    }

    /** Copies a panel's part of some runs. */
    private static void spread(float[] runs, int from, int count, float[] panel, int at) {
        for (int i = 0; i < count; i++) {
            FloatVector left = FloatVector.fromArray(SPECIES, runs, from + i * RUN);
            FloatVector right = FloatVector.fromArray(SPECIES, runs, from + i * RUN + LANES);
            left.intoArray(panel, at + i * WIDTH);
            right.intoArray(panel, at + i * WIDTH + LANES);
        }
    }

    /** Copies the part of some runs in a panel as wide as a tile is high. */
    private static void spreadNarrow(float[] runs, int from, int count, float[] panel, int at) {
        for (int i = 0; i < count; i++) {
            FloatVector.fromArray(NARROW, runs, from + i * RUN).intoArray(panel, at + i * TileProduct.ROWS);
        }
    }

    /** Packs one panel of a matrix with contiguous columns. */
    private static void transposePanel(Matrix x, int rows, int present, float[] panel, int at, float[] scratch) {
        int other = WIDTH * BLOCK;
        for (int first = 0; first < rows; first += BLOCK) {
            int count = Math.min(BLOCK, rows - first);
            rows(x.shifted(first * x.rowStride()).transposed(), present, count, scratch, 0, BLOCK);
            Arrays.fill(scratch, present * BLOCK, other, 0f);
            int target = at + first * WIDTH;
            if (count % LANES == 0) {
                transposeBlock(scratch, count / LANES, panel, target);
            } else {
                transposeBlock(scratch, Math.ceilDiv(count, LANES), scratch, other);
                System.arraycopy(scratch, other, panel, target, count * WIDTH);
            }
        }
    }

    /** Transposes the first {@code vectors * LANES} columns of {@code [WIDTH][BLOCK]} to rows of a panel. Overwrites the block. */
    private static void transposeBlock(float[] block, int vectors, float[] panel, int at) {
        for (int row = 0; row < WIDTH; row += LANES) {
            int log = 0;
            for (; log < LOG_LANES - 2; log += 2) {
                for (int i = 0; i < LANES; i++) {
                    if ((i >> log & 3) == 0) {
                        int x = (row + i) * BLOCK;
                        exchangeTwice(block, x, log, block, x, BLOCK, LANES, vectors);
                    }
                }
            }
            boolean twice = log == LOG_LANES - 2;
            for (int i = 0; i < 1 << log; i++) {
                int x = (row + i) * BLOCK;
                int y = at + i * WIDTH + row;
                if (twice) {
                    exchangeTwice(block, x, log, panel, y, WIDTH, LANES * WIDTH, vectors);
                } else {
                    exchange(block, x, log, panel, y, WIDTH, LANES * WIDTH, vectors);
                }
            }
        }
    }

    /**
     * Exchanges lanes of {@code vectors} vectors of four rows at distances of d = 2^log, first those at distance d, then those at 2d, so that vectors
     * stay in registers in between; rows of the result are {@code pitch} apart.
     */
    private static void exchangeTwice(float[] x, int from, int log, float[] y, int to, int pitch, int stride, int vectors) {
        VectorShuffle<Float> swap = SWAPS.get(log);
        VectorMask<Float> odds = ODD.get(log);
        VectorShuffle<Float> swapPairs = SWAPS.get(log + 1);
        VectorMask<Float> oddPairs = ODD.get(log + 1);
        int row = BLOCK << log;
        int toRow = pitch << log;
        for (int i = 0; i < vectors; i++) {
            FloatVector a = FloatVector.fromArray(SPECIES, x, from + i * LANES);
            FloatVector b = FloatVector.fromArray(SPECIES, x, from + row + i * LANES);
            FloatVector c = FloatVector.fromArray(SPECIES, x, from + 2 * row + i * LANES);
            FloatVector d = FloatVector.fromArray(SPECIES, x, from + 3 * row + i * LANES);
            FloatVector ab = a.blend(b.rearrange(swap), odds);
            FloatVector ba = a.rearrange(swap).blend(b, odds);
            FloatVector cd = c.blend(d.rearrange(swap), odds);
            FloatVector dc = c.rearrange(swap).blend(d, odds);
            ab.blend(cd.rearrange(swapPairs), oddPairs).intoArray(y, to + i * stride);
            ba.blend(dc.rearrange(swapPairs), oddPairs).intoArray(y, to + toRow + i * stride);
            ab.rearrange(swapPairs).blend(cd, oddPairs).intoArray(y, to + 2 * toRow + i * stride);
            ba.rearrange(swapPairs).blend(dc, oddPairs).intoArray(y, to + 3 * toRow + i * stride);
        }
    }

    /** Exchanges lanes of {@code vectors} vectors of a row and the row at distance 2^log; rows of the result are {@code pitch} apart. */
    private static void exchange(float[] x, int even, int log, float[] y, int toEven, int pitch, int stride, int vectors) {
        VectorShuffle<Float> swap = SWAPS.get(log);
        VectorMask<Float> odds = ODD.get(log);
        int odd = even + (BLOCK << log);
        int toOdd = toEven + (pitch << log);
        for (int i = 0; i < vectors; i++) {
            FloatVector a = FloatVector.fromArray(SPECIES, x, even + i * LANES);
            FloatVector b = FloatVector.fromArray(SPECIES, x, odd + i * LANES);
            a.blend(b.rearrange(swap), odds).intoArray(y, toEven + i * stride);
            a.rearrange(swap).blend(b, odds).intoArray(y, toOdd + i * stride);
        }
    }

    private static VectorShuffle<Float> swap(int log) {
        return VectorShuffle.fromOp(SPECIES, lane -> lane ^ 1 << log);
    }

    private static VectorMask<Float> odd(int log) {
        boolean[] odd = new boolean[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            odd[lane] = (lane >> log & 1) == 1;
        }
        return VectorMask.fromArray(SPECIES, odd, 0);
    }
}
