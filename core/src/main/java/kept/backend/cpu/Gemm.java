package kept.backend.cpu;

import kept.tensor.DType;

/**
 * Matrix products: C[m, n] = (accumulate ? C : 0) + A[m, k] B[k, n], with sums in f32.
 *
 * <p>The blocking is that of Goto and van de Geijn (2008, "Anatomy of high-performance matrix multiplication"):
 *
 * <pre>
 *              B   k x n, packed for all threads, in panels of COLUMNS columns
 *            +----+----+----+----+
 *            |    |    |    |    |  k block 0    a panel of a k block (128 KiB) stays in the second-level cache
 *            +----+----+----+----+               while all tiles of a task below it are computed
 *            |    |    |    |    |  k block 1
 *   A        +----+----+----+----+
 * +---+---+  +---------+---------+
 * |   |   |  | task    | task    |  C: a task owns some rows and columns of C
 * |   |   |  |  0, 0   |  0, 1   |     and takes the k blocks of a tile in ascending order
 * +---+---+  +---------+---------+
 * |   |   |  | task    | task    |  A: packed for all threads; the rows of a task
 * |   |   |  |  1, 0   |  1, 1   |     stay in its second-level cache
 * +---+---+  +---------+---------+
 * </pre>
 *
 * <p>{@link PackedProduct} packs and computes.
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
    static final int DEPTH = 1024;
    /** The maximum number of floats of B that are packed at a time: 8 MiB. */
    private static final int PACKED = 1 << 21;
    /** The maximum number of k blocks that are packed at a time, and summed before C is written. */
    private static final int MAX_BLOCKS = 2;
    /** The fewest multiply-adds of a task, which take some microseconds. */
    private static final long TASK_WORK = 1 << 18;
    /** The number of multiply-adds from which each product of a batch is divided among threads. */
    private static final long LARGE = 1 << 23;

    private static final int COLUMNS = TileProduct.COLUMNS;

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
        if (p.c().type() != DType.F32 || p.c().columnStride() != 1 && p.n() > 1) {
            throw new IllegalArgumentException("[matmul] the result of a product is f32 with unit column stride, not " + p.c().type().label()
                + " with stride " + p.c().columnStride() + ": give it a contiguous f32 buffer");
        }
        checkFloating(p.a().type());
        checkFloating(p.b().type());
        if (p.m() == 0 || p.n() == 0) {
            return;
        }
        if (p.k() == 0) {
            clear(p);
        } else if (MatrixVector.handles(p.m(), p.b())) {
            MatrixVector.multiply(p.m(), p.n(), p.k(), p.a(), p.b(), p.c(), p.accumulate(), p.parallel());
        } else if (p.n() == 1 && p.m() > 1 && p.c().rowStride() == 1 && MatrixVector.handles(1, p.a().transposed())) {
            MatrixVector.multiply(1, p.m(), p.k(), p.b().transposed(), p.a().transposed(), p.c().transposed(), p.accumulate(), p.parallel());
        } else if (p.b().type() == DType.BF16 && Bf16Gemm.enabled()) {
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
        for (int i = 0; i < p.m() && !p.accumulate(); i++) {
            p.c().data().asSlice(p.c().index(i, 0) * Float.BYTES, (long) p.n() * Float.BYTES).fill((byte) 0);
        }
    }

    /** Divides k into blocks, and into parts of some blocks if it is long. */
    private static void blocks(Product p) {
        int blocks = Math.ceilDiv(p.k(), DEPTH);
        int depth = Math.min(p.k(), Math.ceilDiv(Math.ceilDiv(p.k(), blocks), 16) * 16);
        int deep = Math.min(blocks, MAX_BLOCKS) * depth;
        int width = Math.min(Math.ceilDiv(p.n(), COLUMNS), PACKED / Math.min(deep, p.k()) / COLUMNS) * COLUMNS;
        for (int first = 0; first < p.k(); first += deep) {
            PackedProduct.multiply(p.part(first, Math.min(deep, p.k() - first)), depth, width);
        }
    }
}
