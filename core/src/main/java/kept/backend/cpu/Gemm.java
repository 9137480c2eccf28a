package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.IntConsumer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;

/**
 * Matrix products: C[m, n] = (accumulate ? C : 0) + A[m, k] B[k, n], with sums in f32.
 *
 * <p>The blocking is that of Goto and van de Geijn (2008, "Anatomy of high-performance matrix multiplication"):
 *
 * <pre>
 *              B   k x n, packed once for all threads, in panels of COLUMNS columns
 *            +----+----+----+----+
 *            |    |    |    |    |  k block 0    a panel of a k block (128 KiB) stays in the second-level cache
 *            +----+----+----+----+               while all tiles below it are computed
 *            |    |    |    |    |  k block 1
 *   A        +----+----+----+----+
 * +---+---+  +---------+---------+
 * |   |   |  | task    | task    |  C: a task owns some rows and columns of C
 * |   |   |  |  0, 0   |  0, 1   |     and takes the k blocks in ascending order
 * +---+---+  +---------+---------+
 * |   |   |  | task    | task    |  A: a task packs its rows of a k block,
 * |   |   |  |  1, 0   |  1, 1   |     which stay in its second-level cache
 * +---+---+  +---------+---------+
 * </pre>
 *
 * <p>One task computes an element of C: it is the sum over k blocks, in order, of one chain of fused multiply-adds each. So its bits depend on k and
 * on {@link MatrixVector#handles} alone (there also on the type of B), not on threads, tasks, batching or strides; therefore the division of C into
 * tasks may depend on the number of threads.
 */
final class Gemm {
    /**
     * The maximum k of a block: large enough that C is seldom read and written again, small enough that a panel and a task's rows fit the
     * second-level cache.
     */
    private static final int DEPTH = 1024;
    /** The maximum number of rows of C of a task: 256 KiB of A for a k block. */
    private static final int TASK_ROWS = 64;
    /** The fewest rows and columns of a task; with fewer, packing A or loading panels of B would cost too much. */
    private static final int MIN_TASK_ROWS = 32;
    private static final int MIN_TASK_PANELS = 4;
    /** The maximum number of floats of B that are packed at a time: 4 MiB. */
    private static final int PACKED = 1 << 20;
    /** The approximate number of tasks of a product for each thread, so that threads finish together... */
    private static final int TASKS_PER_THREAD = 4;
    /** ...but a task has at least this many multiply-adds, which take some microseconds. */
    private static final long TASK_WORK = 1 << 18;
    /** The number of multiply-adds from which each product of a batch is divided among threads. */
    private static final long LARGE = 1 << 23;

    private static final int ROWS = TileProduct.ROWS;
    private static final int COLUMNS = TileProduct.COLUMNS;
    /** The distance between packed rows of A in elements: a row and a cache line, so that the rows of a tile are in different cache sets. */
    private static final int ROW_STRIDE = DEPTH + 16;
    /** For A packed row by row, {@code [rows][ROW_STRIDE]}. */
    private static final TileProduct ROW_MAJOR = TileProduct.of(new TileProduct.Form(ROW_STRIDE, 1, COLUMNS, false));
    /** For A packed in panels {@code [k][COLUMNS]} of several tiles. */
    private static final TileProduct PANELS = TileProduct.of(new TileProduct.Form(1, COLUMNS, COLUMNS, false));
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final long VECTOR_BYTES = LANES * (long) Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** The sizes of a product and its operands. */
    record Product(int m, int n, int k, Matrix a, Matrix b, Matrix c, boolean accumulate, boolean parallel) {
        long work() {
            return (long) m * n * k;
        }

        void forEach(int tasks, IntConsumer body) {
            if (parallel) {
                WorkerPool.shared().run(tasks, body);
            } else {
                for (int task = 0; task < tasks; task++) {
                    body.accept(task);
                }
            }
        }
    }

    /**
     * Matrices of one size and one pair of strides.
     *
     * @param first the first one
     * @param shifts the distance of each matrix from it, in elements
     */
    record Batch(Matrix first, long[] shifts) {
        Matrix matrix(int i) {
            return first.shifted(shifts[i]);
        }
    }

    private Gemm() { }

    /**
     * One product, divided among the threads of the shared pool if it is large enough.
     *
     * @param m rows of A and C
     * @param n columns of B and C
     * @param k columns of A and rows of B
     * @param a the left operand, of any floating type and strides
     * @param b the right operand, of any floating type and strides
     * @param c the result, f32 with unit column stride; it does not overlap the operands
     * @param accumulate whether to add to C
     */
    static void multiply(int m, int n, int k, Matrix a, Matrix b, Matrix c, boolean accumulate) {
        multiply(new Product(m, n, k, a, b, c, accumulate, isParallel((long) m * n * k)));
    }

    /**
     * Whether threads share a product.
     *
     * @param work its multiply-adds
     * @return false where handing it over would take as long
     */
    static boolean isParallel(long work) {
        return work >= 2 * TASK_WORK;
    }

    /**
     * One product in the calling thread, for use inside tasks.
     *
     * @param m rows of A and C
     * @param n columns of B and C
     * @param k columns of A and rows of B
     * @param a the left operand, of any floating type and strides
     * @param b the right operand, of any floating type and strides
     * @param c the result, f32 with unit column stride; it does not overlap the operands
     * @param accumulate whether to add to C
     */
    static void multiplySerial(int m, int n, int k, Matrix a, Matrix b, Matrix c, boolean accumulate) {
        multiply(new Product(m, n, k, a, b, c, accumulate, false));
    }

    /**
     * Independent products of one size. Threads share a batch of small products product by product, and divide each large product.
     *
     * @param m rows of each A and C
     * @param n columns of each B and C
     * @param k columns of each A and rows of each B
     * @param a the left operands
     * @param b the right operands
     * @param c the results, which do not overlap
     * @param accumulate whether to add to C
     */
    static void multiplyBatch(int m, int n, int k, Batch a, Batch b, Batch c, boolean accumulate) {
        int products = c.shifts.length;
        long work = (long) m * n * k;
        if (products == 1 || work >= LARGE) {
            for (int i = 0; i < products; i++) {
                multiply(m, n, k, a.matrix(i), b.matrix(i), c.matrix(i), accumulate);
            }
            return;
        }
        WorkerPool.shared().forRanges(products, TASK_WORK / Math.max(1, work), (first, end) -> {
            for (int i = (int) first; i < end; i++) {
                multiplySerial(m, n, k, a.matrix(i), b.matrix(i), c.matrix(i), accumulate);
            }
        });
    }

    private static void multiply(Product p) {
        if (p.c.type() != DType.F32 || p.c.columnStride() != 1 && p.n > 1) {
            throw new IllegalArgumentException("[matmul] the result of a product is f32 with unit column stride, not " + p.c.type().label()
                + " with stride " + p.c.columnStride() + ": give it a contiguous f32 buffer");
        }
        checkFloating(p.a.type());
        checkFloating(p.b.type());
        if (p.m == 0 || p.n == 0) {
            return;
        }
        if (p.k == 0) {
            clear(p);
        } else if (MatrixVector.handles(p.m, p.b)) {
            MatrixVector.multiply(p.m, p.n, p.k, p.a, p.b, p.c, p.accumulate, p.parallel);
        } else if (p.n == 1 && p.m > 1 && p.c.rowStride() == 1 && MatrixVector.handles(1, p.a.transposed())) {
            MatrixVector.multiply(1, p.m, p.k, p.b.transposed(), p.a.transposed(), p.c.transposed(), p.accumulate, p.parallel);
        } else if (p.b.type() == DType.BF16 && Bf16Gemm.enabled()) {
            Bf16Gemm.multiply(p);
        } else {
            blocks(p);
        }
    }

    private static void checkFloating(DType type) {
        if (!type.isFloating()) {
            throw new IllegalArgumentException("[matmul] operands are f32, bf16 or f16, not " + type.label() + ": cast first");
        }
    }

    private static void clear(Product p) {
        for (int i = 0; i < p.m && !p.accumulate; i++) {
            p.c.data().asSlice(p.c.index(i, 0) * Float.BYTES, (long) p.n * Float.BYTES).fill((byte) 0);
        }
    }

    /** Packs as much of B as the limit allows and multiplies with it: first all of n for the first k blocks, then the next k blocks. */
    private static void blocks(Product p) {
        int blocks = Math.ceilDiv(p.k, DEPTH);
        int depth = Math.min(p.k, Math.ceilDiv(Math.ceilDiv(p.k, blocks), 16) * 16);
        int width = Math.min(Math.ceilDiv(p.n, COLUMNS) * COLUMNS, PACKED / depth / COLUMNS * COLUMNS);
        int deep = Math.max(1, PACKED / (width * depth)) * depth;
        for (int column = 0; column < p.n; column += width) {
            int n = Math.min(width, p.n - column);
            for (int first = 0; first < p.k; first += deep) {
                int k = Math.min(deep, p.k - first);
                Product part = new Product(p.m, n, k, p.a.shifted(first * p.a.columnStride()),
                    p.b.shifted(first * p.b.rowStride() + column * p.b.columnStride()), p.c.shifted(column), p.accumulate || first > 0, p.parallel);
                packed(part, depth);
            }
        }
    }

    /** Packs all of B, k block by k block, then computes C task by task. */
    private static void packed(Product p, int depth) {
        int panels = Math.ceilDiv(p.n, COLUMNS);
        int blocks = Math.ceilDiv(p.k, depth);
        float[] packed = Workspace.ofThread().floats(Workspace.Slot.RIGHT, panels * COLUMNS * p.k);
        int panelsOfPackTask = p.parallel ? Math.max(1, (1 << 15) / (depth * COLUMNS)) : panels;
        int packTasks = Math.ceilDiv(panels, panelsOfPackTask);
        p.forEach(blocks * packTasks, task -> {
            int first = task / packTasks * depth;
            int panel = task % packTasks * panelsOfPackTask;
            int columns = Math.min(panelsOfPackTask * COLUMNS, p.n - panel * COLUMNS);
            int k = Math.min(depth, p.k - first);
            Matrix part = p.b.shifted(first * p.b.rowStride() + (long) panel * COLUMNS * p.b.columnStride());
            int at = first * panels * COLUMNS + panel * COLUMNS * k;
            Packing.panels(part, k, columns, packed, at, Packing.scratch());
        });
        int threads = p.parallel ? WorkerPool.shared().threads() : 1;
        int tasks = threads == 1 ? 1 : Math.clamp(p.work() / TASK_WORK, 1, TASKS_PER_THREAD * threads);
        int rowTasks = Math.max(Math.ceilDiv(p.m, TASK_ROWS), Math.clamp(p.m / MIN_TASK_ROWS, 1, tasks));
        rowTasks = rowTasks < threads ? rowTasks : Math.ceilDiv(rowTasks, threads) * threads;
        int taskRows = Math.ceilDiv(Math.ceilDiv(p.m, rowTasks), ROWS) * ROWS;
        int panelsOfTask = Math.max(MIN_TASK_PANELS, Math.ceilDiv(panels, Math.ceilDiv(tasks, rowTasks)));
        int columnTasks = Math.ceilDiv(panels, panelsOfTask);
        p.forEach(Math.ceilDiv(p.m, taskRows) * columnTasks, task -> {
            int row = task / columnTasks * taskRows;
            int panel = task % columnTasks * panelsOfTask;
            int rows = Math.min(taskRows, p.m - row);
            int columns = Math.min(panelsOfTask * COLUMNS, p.n - panel * COLUMNS);
            Matrix c = p.c.shifted(row * p.c.rowStride() + (long) panel * COLUMNS);
            for (int first = 0; first < p.k; first += depth) {
                int k = Math.min(depth, p.k - first);
                Matrix a = p.a.shifted(row * p.a.rowStride() + first * p.a.columnStride());
                tiles(new Product(rows, columns, k, a, p.b, c, p.accumulate || first > 0, false), packed, first * panels * COLUMNS
                        + panel * COLUMNS * k);
            }
        });
    }

    /**
     * Computes one k block of a task whose B is packed: packs its rows of A, then computes the tiles of each panel of B. A is packed row by row or in
     * panels, according to its layout, so that it is not transposed.
     */
    private static void tiles(Product p, float[] packed, int at) {
        Workspace workspace = Workspace.ofThread();
        float[] left = workspace.floats(Workspace.Slot.LEFT, (TASK_ROWS + COLUMNS) * ROW_STRIDE);
        float[] tile = workspace.floats(Workspace.Slot.TILE, ROWS * COLUMNS);
        boolean rowMajor = p.a.rowStride() != 1 || p.a.columnStride() == 1;
        TileProduct product = rowMajor ? ROW_MAJOR : PANELS;
        if (rowMajor) {
            Packing.rows(p.a, p.m, p.k, left, ROW_STRIDE);
        } else {
            Packing.panels(p.a.transposed(), p.k, p.m, left, 0, Packing.scratch());
        }
        MemorySegment c = p.c.data();
        long stride = p.c.rowStride() * Float.BYTES;
        for (int j = 0; j < p.n; j += COLUMNS) {
            int columns = Math.min(COLUMNS, p.n - j);
            for (int i = 0; i < p.m; i += ROWS) {
                int height = Math.min(ROWS, p.m - i);
                int start = rowMajor ? i * ROW_STRIDE : Packing.start(i, p.k);
                product.multiply(p.k, left, start, packed, at + j * p.k, tile, 0, COLUMNS);
                store(tile, height, columns, c, p.c.index(i, j) * Float.BYTES, stride, p.accumulate);
            }
        }
    }

    /** C = tile or C += tile, for the part of the tile inside C. */
    private static void store(float[] tile, int rows, int columns, MemorySegment c, long start, long stride, boolean accumulate) {
        if (columns < COLUMNS) {
            storePart(tile, rows, columns, c, start, stride, accumulate);
            return;
        }
        c = NativeView.of(c);
        for (int row = 0; row < rows; row++) {
            long at = start + row * stride;
            FloatVector left = FloatVector.fromArray(SPECIES, tile, row * COLUMNS);
            FloatVector right = FloatVector.fromArray(SPECIES, tile, row * COLUMNS + LANES);
            if (accumulate) {
                left = FloatVector.fromMemorySegment(SPECIES, c, at, ORDER).add(left);
                right = FloatVector.fromMemorySegment(SPECIES, c, at + VECTOR_BYTES, ORDER).add(right);
            }
            left.intoMemorySegment(c, at, ORDER);
            right.intoMemorySegment(c, at + VECTOR_BYTES, ORDER);
        }
    }

    private static void storePart(float[] tile, int rows, int columns, MemorySegment c, long start, long stride, boolean accumulate) {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                long target = start + i * stride + j * 4L;
                float value = tile[i * COLUMNS + j];
                float old = accumulate ? c.get(ValueLayout.JAVA_FLOAT, target) : 0f;
                c.set(ValueLayout.JAVA_FLOAT, target, accumulate ? old + value : value);
            }
        }
    }
}
