package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/**
 * One matrix product from packed operands, in stages: a stage is the product of a chunk of rows of A and a part of the columns of B.
 *
 * <pre>
 *               B    part 0    part 1
 *                  +---------+---------+      packed in panels of COLUMNS columns, a part at a time, for all chunks
 *                  |         |         |
 *   A              +---------+---------+
 * +---------+      +---------+---------+
 * | chunk 0 |      | stage 0 | stage 2 |      C: a task of a stage owns some of its rows and columns
 * +---------+      +---------+---------+
 * | chunk 1 |      | stage 1 | stage 3 |
 * +---------+      +---------+---------+      A: packed one stage ahead, or once if it is one chunk
 *
 * groups of tasks:  A for stage 0, B for 0, A for 1, compute 0, (B for 1,) A for 2, compute 1, ...
 * </pre>
 *
 * <p>Threads go from one group to the next without a barrier ({@link TaskGroups}), and tasks find both operands packed, so they can be small and end
 * together. A is packed row by row or in panels, according to its layout, so that it is never transposed.
 */
final class PackedProduct {
    private static final int ROWS = TileProduct.ROWS;
    private static final int COLUMNS = TileProduct.COLUMNS;
    /** The distance between packed rows of A in elements: a row and a cache line, so that the rows of a tile are in different cache sets. */
    private static final int ROW_STRIDE = Gemm.DEPTH + 16;
    /** For A packed row by row, {@code [rows][ROW_STRIDE]}. */
    private static final TileProduct ROW_MAJOR = TileProduct.of(new TileProduct.Form(ROW_STRIDE, 1, COLUMNS, false));
    private static final TileProduct ROW_MAJOR_SUM = TileProduct.of(new TileProduct.Form(ROW_STRIDE, 1, COLUMNS, true));
    /** For A packed in panels {@code [k][ROWS]}. */
    private static final TileProduct PANELS = TileProduct.of(new TileProduct.Form(1, ROWS, COLUMNS, false));
    private static final TileProduct PANELS_SUM = TileProduct.of(new TileProduct.Form(1, ROWS, COLUMNS, true));
    /** The maximum number of rows of a task: 256 KiB of A for a k block, which stay in the second-level cache. */
    private static final int TASK_ROWS = 64;
    /** The maximum number of rows of a chunk for a product of one k block: 2 MiB. */
    private static final int CHUNK_ROWS = 512;
    /** The number of chunks that are packed at a time: one in use, one for the next stage, one that slower threads still use. */
    private static final int BUFFERS = 3;
    /** The approximate number of tasks of a product for each thread, so that threads finish together... */
    private static final int TASKS_PER_THREAD = 16;
    /** ...but a task has at least this many multiply-adds, a few microseconds... */
    private static final long MIN_TASK_WORK = 1 << 18;
    /** ...and needs no more than this many. */
    private static final long MAX_TASK_WORK = 1L << 23;
    /** The approximate number of elements that a task packs: 128 KiB. */
    private static final int PACK_WORK = 1 << 15;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final long VECTOR_BYTES = LANES * (long) Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private final Product product;
    private final int depth;
    private final int blocks;
    private final boolean rowMajor;
    private final int width;
    private final int chunkRows;
    private final int chunks;
    private final int stages;
    private final int taskRows;
    private final int taskColumns;
    private final int columnTasks;
    /** The packed chunks of A, one after another. */
    private final float[] left;
    private final float[] right;
    private final int leftSize;
    private final int leftRows;
    private final int leftTasks;
    private final int rightRows;
    private final int rightTasks;
    private final boolean copiedRight;
    private final TaskGroups groups;

    /**
     * Divides a product.
     *
     * @param product the product
     * @param depth the k of a block
     * @param width the maximum number of columns of a part of B
     */
    private PackedProduct(Product product, int depth, int width) {
        this.product = product;
        this.depth = depth;
        this.width = width;
        Matrix a = product.a();
        Matrix b = product.b();
        blocks = Math.ceilDiv(product.k(), depth);
        rowMajor = a.rowStride() != 1 || a.columnStride() == 1;
        int most = Math.max(TASK_ROWS, CHUNK_ROWS / blocks / COLUMNS * COLUMNS);
        chunkRows = product.m() > 2 * most ? most : Math.ceilDiv(product.m(), COLUMNS) * COLUMNS;
        chunks = Math.ceilDiv(product.m(), chunkRows);
        int parts = Math.ceilDiv(product.n(), width);
        stages = chunks * parts;
        leftSize = blocks * chunkRows * (rowMajor ? ROW_STRIDE : depth);
        Workspace workspace = Workspace.ofThread();
        left = workspace.floats(Workspace.Slot.LEFT, Math.min(chunks, BUFFERS) * leftSize);
        right = workspace.floats(Workspace.Slot.RIGHT, width * product.k());
        leftRows = rowMajor ? Math.max(1, PACK_WORK / depth) : Packing.runs(PACK_WORK / chunkRows);
        leftTasks = blocks * Math.ceilDiv(rowMajor ? chunkRows : depth, leftRows);
        copiedRight = b.columnStride() == 1 || b.rowStride() != 1;
        rightRows = copiedRight ? Packing.runs(PACK_WORK / width) : COLUMNS * Math.max(1, PACK_WORK / depth / COLUMNS);
        rightTasks = blocks * Math.ceilDiv(copiedRight ? depth : width, rightRows);
        int threads = product.parallel() ? WorkerPool.shared().threads() : 1;
        long work = threads == 1 ? MAX_TASK_WORK : Math.clamp(product.work() / (threads * TASKS_PER_THREAD), MIN_TASK_WORK, MAX_TASK_WORK);
        taskRows = Math.min(blocks == 1 ? TASK_ROWS : TASK_ROWS / 2, chunkRows);
        taskColumns = Math.clamp(work / ((long) taskRows * product.k()) / COLUMNS, 1, width / COLUMNS) * COLUMNS;
        columnTasks = Math.ceilDiv(width, taskColumns);
        int[] sizes = new int[1 + 3 * stages];
        for (int stage = 0; stage < stages; stage++) {
            sizes[packingLeft(stage)] = chunks == 1 && stage > 0 ? 0 : leftTasks;
            sizes[packingRight(stage)] = stage % chunks > 0 ? 0 : rightTasks;
            sizes[computing(stage)] = Math.ceilDiv(chunkRows, taskRows) * columnTasks;
        }
        groups = new TaskGroups(sizes);
    }

    /**
     * Computes a product.
     *
     * @param product the product, none of whose sizes is 0
     * @param depth the k of a block
     * @param width the maximum number of columns of B to pack at a time, a multiple of the columns of a tile
     */
    static void multiply(Product product, int depth, int width) {
        PackedProduct packed = new PackedProduct(product, depth, width);
        packed.groups.run(product.parallel(), packed::run);
    }

    /** The group that packs A for a stage: the first of all, or before the group that computes the previous stage. */
    private static int packingLeft(int stage) {
        return stage == 0 ? 0 : 3 * stage - 1;
    }

    /** The group that packs B for a stage. */
    private static int packingRight(int stage) {
        return 3 * stage + 1;
    }

    /** The group that computes a stage. */
    private static int computing(int stage) {
        return 3 * stage + 3;
    }

    private void run(int group, int task) {
        int stage = group / 3;
        switch (group % 3) {
            case 1 -> {
                boolean earlier = stage < 2 || groups.await(computing(stage - 2));
                if (earlier && (stage == 0 || groups.await(packingLeft(stage)) && groups.await(computing(stage - 1)))) {
                    packRight(stage / chunks, task);
                }
            }
            case 2 -> {
                if (stage < 2 || groups.await(computing(stage - 2))) {
                    packLeft(stage + 1, task);
                }
            }
            default -> {
                if (group == 0) {
                    packLeft(0, task);
                } else if (groups.await(packingLeft(stage - 1)) && groups.await(packingRight((stage - 1) / chunks * chunks))) {
                    compute(stage - 1, task);
                }
            }
        }
    }

    private void packRight(int part, int task) {
        if (copiedRight) {
            copyRight(part, task);
        } else {
            transposeRight(part, task);
        }
    }

    private void packLeft(int stage, int task) {
        int row = stage % chunks * chunkRows;
        int rows = Math.min(chunkRows, product.m() - row);
        int tasks = leftTasks / blocks;
        int first = task / tasks * depth;
        int k = Math.min(depth, product.k() - first);
        int at = task % tasks * leftRows;
        Matrix a = product.a().shifted(row * product.a().rowStride() + first * product.a().columnStride());
        if (rowMajor) {
            int start = leftStart(stage) + task / tasks * chunkRows * ROW_STRIDE + at * ROW_STRIDE;
            Packing.rows(a.shifted(at * a.rowStride()), Math.min(leftRows, rows - at), k, left, start, ROW_STRIDE);
        } else if (at < k) {
            Packing.Part part = new Packing.Part(at, Math.min(leftRows, k - at), k, rows, ROWS);
            Packing.copyPart(a.transposed(), part, left, leftStart(stage) + first * chunkRows);
        }
    }

    private void copyRight(int part, int task) {
        int column = part * width;
        int columns = Math.min(width, product.n() - column);
        int tasks = rightTasks / blocks;
        int first = task / tasks * depth;
        int k = Math.min(depth, product.k() - first);
        int at = task % tasks * rightRows;
        if (at < k) {
            Matrix b = product.b().shifted(first * product.b().rowStride() + column * product.b().columnStride());
            Packing.copyPart(b, new Packing.Part(at, Math.min(rightRows, k - at), k, columns, COLUMNS), right, first * width);
        }
    }

    private void transposeRight(int part, int task) {
        int column = part * width;
        int columns = Math.min(width, product.n() - column);
        int tasks = rightTasks / blocks;
        int first = task / tasks * depth;
        int k = Math.min(depth, product.k() - first);
        int at = task % tasks * rightRows;
        if (at < columns) {
            Matrix b = product.b().shifted(first * product.b().rowStride() + (column + at) * product.b().columnStride());
            Packing.panels(b, k, Math.min(rightRows, columns - at), right, first * width + at * k, Packing.scratch());
        }
    }

    private int leftStart(int stage) {
        return chunks == 1 ? 0 : stage % BUFFERS * leftSize;
    }

    private void compute(int stage, int task) {
        int row = task / columnTasks * taskRows;
        int column = task % columnTasks * taskColumns;
        int firstRow = stage % chunks * chunkRows + row;
        int part = stage / chunks;
        int firstColumn = part * width + column;
        int rows = Math.min(Math.min(taskRows, chunkRows - row), product.m() - firstRow);
        int columns = Math.min(Math.min(taskColumns, width - column), product.n() - firstColumn);
        if (rows <= 0 || columns <= 0) {
            return;
        }
        Matrix c = product.c().shifted(firstRow * product.c().rowStride() + firstColumn);
        float[] tile = Workspace.ofThread().floats(Workspace.Slot.TILE, ROWS * COLUMNS);
        long stride = c.rowStride() * Float.BYTES;
        for (int j = 0; j < columns; j += COLUMNS) {
            for (int i = 0; i < rows; i += ROWS) {
                int tileRows = Math.min(ROWS, rows - i);
                int tileColumns = Math.min(COLUMNS, columns - j);
                long at = c.index(i, j) * Float.BYTES;
                if (product.accumulate()) {
                    load(c.data(), at, stride, tile, tileRows, tileColumns);
                }
                tile(leftStart(stage), row + i, column + j, tile);
                store(tile, tileRows, tileColumns, c.data(), at, stride);
            }
        }
    }

    /** Computes a tile: the sum of its old values, if they count, and of its k blocks in ascending order. */
    private void tile(int leftStart, int row, int column, float[] tile) {
        for (int first = 0; first < product.k(); first += depth) {
            int k = Math.min(depth, product.k() - first);
            int b = first * width + column * k;
            boolean sum = product.accumulate() || first > 0;
            if (rowMajor) {
                int a = leftStart + (first / depth * chunkRows + row) * ROW_STRIDE;
                (sum ? ROW_MAJOR_SUM : ROW_MAJOR).multiply(k, left, a, right, b, tile, 0, COLUMNS);
            } else {
                int a = leftStart + first * chunkRows + row * k;
                (sum ? PANELS_SUM : PANELS).multiply(k, left, a, right, b, tile, 0, COLUMNS);
            }
        }
    }

    /** Reads the part of a tile that is inside C. */
    private static void load(MemorySegment c, long start, long stride, float[] tile, int rows, int columns) {
        for (int row = 0; row < rows; row++) {
            Elements.widen(c, DType.F32, (start + row * stride) / Float.BYTES, 1, tile, row * COLUMNS, columns);
        }
    }

    /** Writes the part of a tile that is inside C. */
    private static void store(float[] tile, int rows, int columns, MemorySegment c, long start, long stride) {
        if (columns < COLUMNS) {
            storePart(tile, rows, columns, c, start, stride);
            return;
        }
        c = NativeView.of(c);
        for (int row = 0; row < rows; row++) {
            long at = start + row * stride;
            FloatVector.fromArray(SPECIES, tile, row * COLUMNS).intoMemorySegment(c, at, ORDER);
            FloatVector.fromArray(SPECIES, tile, row * COLUMNS + LANES).intoMemorySegment(c, at + VECTOR_BYTES, ORDER);
        }
    }

    private static void storePart(float[] tile, int rows, int columns, MemorySegment c, long start, long stride) {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                c.set(ValueLayout.JAVA_FLOAT, start + i * stride + j * (long) Float.BYTES, tile[i * COLUMNS + j]);
            }
        }
    }
}
