package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import kept.tensor.DType;

/**
 * Products whose right operand is bf16, by the machine code of {@link Bf16Tile}: the left operand is rounded to bf16 too, sums are f32.
 *
 * <p>All rows of A are packed first. Then each task packs a panel of B, which stays in its second-level cache while all tiles below it are computed;
 * threads take panels as they finish and wait for each other only at the end. An element of C is one chain over all of k, so its bits depend on its
 * row of A and its column of B alone, not on threads, strides or tiles.
 */
final class Bf16Gemm {
    /** The most rows of a tile: with two vectors of sums for each there are registers left for two vectors of B and two of A. */
    static final int ROWS = 14;
    /** The columns of a tile: two vectors of f32, as in a panel. */
    static final int COLUMNS = Packing.WIDTH;
    /** The most pairs of k of a tile. */
    static final int PAIRS = 1 << 11;
    /** The distance between packed rows of A in bytes: a row and a cache line, so that rows are in different cache sets. */
    static final int ROW_BYTES = PAIRS * Integer.BYTES + 64;

    /** The tile, or null if there is none or {@value CpuSettings#MACHINE_CODE} does not ask for it. */
    private static final Tile TILE = CpuSettings.machineCode() ? Bf16Tile.create().orElse(null) : null;
    /** The most rows of A that are packed at a time: 7 MiB. */
    private static final int GROUP = 64 * ROWS;
    /** The rows of A that a task packs. */
    private static final int PACKED_ROWS = 16;
    private static final int TILE_BYTES = COLUMNS * Float.BYTES;
    private static final int LANES = VectorMath.LANES;

    /** Computes tiles. */
    interface Tile {
        /**
         * C[0..rows, 0..COLUMNS] = or += A B.
         *
         * @param rows the number of rows, from 1 to ROWS
         * @param a the address of A, {@code [rows][pairs]} of two bf16 each, the lower k in the lower half, rows ROW_BYTES apart
         * @param b B, {@code [pairs][COLUMNS]} of two bf16 each
         * @param pairs the number of pairs, from 1 to PAIRS
         * @param c the address of C, f32
         * @param cStride the distance between rows of C in bytes
         * @param add whether to add to C
         */
        void multiply(int rows, long a, MemorySegment b, int pairs, long c, long cStride, boolean add);
    }

    private Bf16Gemm() { }

    /**
     * Whether this class computes products with a bf16 right operand.
     *
     * @return whether the setting asks for it and the processor and the system allow it
     */
    static boolean enabled() {
        return TILE != null;
    }

    /**
     * Computes a product.
     *
     * @param p the product, with a bf16 right operand
     */
    static void multiply(Product p) {
        multiply(p, TILE);
    }

    /**
     * Computes a product.
     *
     * @param p the product, with a bf16 right operand
     * @param tile computes its tiles
     */
    static void multiply(Product p, Tile tile) {
        int depth = 2 * PAIRS;
        for (int row = 0; row < p.m(); row += GROUP) {
            int m = Math.min(GROUP, p.m() - row);
            for (int first = 0; first < p.k(); first += depth) {
                Matrix a = p.a().shifted(row * p.a().rowStride() + first * p.a().columnStride());
                Matrix b = p.b().shifted(first * p.b().rowStride());
                Matrix c = p.c().shifted(row * p.c().rowStride());
                block(new Product(m, p.n(), Math.min(depth, p.k() - first), a, b, c, p.accumulate() || first > 0, p.parallel()), tile);
            }
        }
    }

    private static void block(Product p, Tile tile) {
        MemorySegment left = Workspace.ofThread().segment(Workspace.Slot.LEFT, p.m() * (ROW_BYTES / Float.BYTES));
        p.forEach(Math.ceilDiv(p.m(), PACKED_ROWS), task -> {
            for (int i = task * PACKED_ROWS; i < Math.min(p.m(), (task + 1) * PACKED_ROWS); i++) {
                packRow(p.a(), i, p.k(), left);
            }
        });
        p.forEach(Math.ceilDiv(p.n(), COLUMNS), panel -> {
            int column = panel * COLUMNS;
            int columns = Math.min(COLUMNS, p.n() - column);
            float[] right = Workspace.ofThread().floats(Workspace.Slot.RIGHT, Math.ceilDiv(p.k(), 2) * COLUMNS);
            packPanel(p.b().shifted(column * p.b().columnStride()), p.k(), columns, right);
            multiplyPanel(p, left, MemorySegment.ofArray(right), column, columns, tile);
        });
    }

    private static void multiplyPanel(Product p, MemorySegment left, MemorySegment right, int column, int columns, Tile tile) {
        int pairs = Math.ceilDiv(p.k(), 2);
        MemorySegment c = p.c().data();
        long stride = p.c().rowStride() * Float.BYTES;
        for (int i = 0; i < p.m(); i += ROWS) {
            int rows = Math.min(ROWS, p.m() - i);
            long a = left.address() + (long) i * ROW_BYTES;
            long target = p.c().index(i, column) * Float.BYTES;
            if (columns == COLUMNS) {
                tile.multiply(rows, a, right, pairs, c.address() + target, stride, p.accumulate());
                continue;
            }
            MemorySegment part = Workspace.ofThread().segment(Workspace.Slot.TILE, ROWS * COLUMNS);
            for (int row = 0; row < rows && p.accumulate(); row++) {
                MemorySegment.copy(c, target + row * stride, part, (long) row * TILE_BYTES, (long) columns * Float.BYTES);
            }
            tile.multiply(rows, a, right, pairs, part.address(), TILE_BYTES, p.accumulate());
            for (int row = 0; row < rows; row++) {
                MemorySegment.copy(part, (long) row * TILE_BYTES, c, target + row * stride, (long) columns * Float.BYTES);
            }
        }
    }

    /** Rounds a row of A; an odd k is followed by a zero. */
    private static void packRow(Matrix a, int row, int k, MemorySegment left) {
        long to = (long) row * ROW_BYTES / Short.BYTES;
        if (a.type() == DType.F32 && a.columnStride() == 1) {
            Elements.narrow(a.data(), a.index(row, 0) * Float.BYTES, left, DType.BF16, to, 1, k);
        } else {
            MemorySegment wide = Workspace.ofThread().segment(Workspace.Slot.ROW, k);
            Elements.widen(a.data(), a.type(), a.index(row, 0), a.columnStride(), wide, k);
            Elements.narrow(wide, 0, left, DType.BF16, to, 1, k);
        }
        if (k % 2 == 1) {
            left.setAtIndex(ValueLayout.JAVA_SHORT, to + k, (short) 0);
        }
    }

    /**
     * Packs a panel of B as {@code [pairs][COLUMNS]}, the lower k in the lower half; absent numbers are zero. Pairs that are contiguous in memory are
     * transposed as if each were an f32, whose bits nothing changes.
     */
    private static void packPanel(Matrix b, int k, int columns, float[] panel) {
        int whole = 0;
        if (b.rowStride() == 1 && b.offset() % 2 == 0 && b.columnStride() % 2 == 0) {
            whole = k / 2;
            Matrix pairs = new Matrix(b.data(), DType.F32, b.offset() / 2, 1, b.columnStride() / 2);
            if (whole > 0) {
                Packing.panels(pairs, whole, columns, panel, 0, Packing.scratch());
            }
        } else if (b.columnStride() == 1 && columns == COLUMNS) {
            whole = k / 2;
            interleave(b, whole, panel);
        }
        MemorySegment words = MemorySegment.ofArray(panel);
        for (int pair = whole; pair < Math.ceilDiv(k, 2); pair++) {
            for (int j = 0; j < COLUMNS; j++) {
                int low = j < columns ? bits(b, 2 * pair, j) : 0;
                int high = j < columns && 2 * pair + 1 < k ? bits(b, 2 * pair + 1, j) : 0;
                words.setAtIndex(ValueLayout.JAVA_INT, (long) pair * COLUMNS + j, high << Short.SIZE | low);
            }
        }
    }

    private static int bits(Matrix b, int row, int column) {
        return Short.toUnsignedInt(b.data().getAtIndex(ValueLayout.JAVA_SHORT, b.index(row, column)));
    }

    /** Packs pairs of contiguous rows. */
    private static void interleave(Matrix b, int pairs, float[] panel) {
        MemorySegment data = NativeView.of(b.data());
        for (int pair = 0; pair < pairs; pair++) {
            long low = b.index(2 * pair, 0) * Short.BYTES;
            long high = b.index(2 * pair + 1, 0) * Short.BYTES;
            for (int j = 0; j < COLUMNS; j += LANES) {
                IntVector upper = Elements.unsigned(data, high + (long) j * Short.BYTES).lanewise(VectorOperators.LSHL, Short.SIZE);
                upper.or(Elements.unsigned(data, low + (long) j * Short.BYTES)).reinterpretAsFloats().intoArray(panel, pair * COLUMNS + j);
            }
        }
    }
}
