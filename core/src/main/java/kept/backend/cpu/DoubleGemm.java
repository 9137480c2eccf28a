package kept.backend.cpu;

import java.util.Arrays;
import java.util.function.IntConsumer;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;
import kept.linalg.DoubleMatrix;

/**
 * Products of matrices of doubles: {@code C = C + sign op(A) B}, for all of C or its upper triangle.
 *
 * <p>The blocking is a simpler form of {@link Gemm}'s, because these products are large: a block of k is packed whole, both operands in panels (one
 * copy if they are the same matrix); then tasks compute some rows and columns of C. A task's columns of B (512 KiB) stay in the second-level cache,
 * for the next task too, and a panel of A (32 KiB) in the first while a row of tiles is computed. So C is read and written along its rows, where the
 * processor reads ahead.
 *
 * <p>An element of C is the sum over k blocks, in order, of one chain of fused multiply-adds each. So its bits depend on k alone, and the division of
 * C into tasks may depend on the number of threads.
 */
final class DoubleGemm {
    /** The maximum k of a block: large enough that C is seldom read and written again. */
    private static final int DEPTH = 512;
    private static final int TASK_ROWS = 256;
    private static final int TASK_COLUMNS = 128;
    /** The fewest rows or columns of a task; a smaller task would spend more time on loads than on arithmetic. */
    private static final int MIN_TASK = 64;
    /** The fewest tasks of a product for each thread, if the product is large enough. */
    private static final int TASKS_PER_THREAD = 8;
    /** The number of columns that a task packs at a time: runs of 1 KiB. */
    private static final int STRIP = 128;
    /** The number of elements of a row of A that are transposed at a time, so that the written memory stays in the first-level cache. */
    private static final int TRANSPOSED = 64;
    /** The number of multiply-adds from which a product is divided among threads. */
    private static final long LARGE = 1 << 18;

    private static final int ROWS = DoubleTile.ROWS;
    private static final int COLUMNS = DoubleTile.COLUMNS;
    private static final int WIDTH = DoubleTile.WIDTH;
    private static final int LANES = DoubleTile.LANES;
    private static final VectorSpecies<Double> SPECIES = DoubleTile.SPECIES;

    /** A block of k of a product, packed. */
    private record Block(int sign, int depth, double[] a, double[] b, DoubleMatrix c, boolean upper) {}

    private DoubleGemm() {}

    /**
     * One product, divided among the threads of the shared pool if it is large enough.
     *
     * @param sign 1 or -1
     * @param a {@code [m, k]}, or {@code [k, m]} if it is transposed
     * @param transposed whether the left operand is the transpose of A
     * @param b {@code [k, n]}; the same object as a transposed A if it is the same matrix
     * @param c {@code [m, n]}, not overlapping the operands
     * @param upper whether to compute only the upper triangle of C
     */
    static void add(int sign, DoubleMatrix a, boolean transposed, DoubleMatrix b, DoubleMatrix c, boolean upper) {
        int k = b.rows();
        if (k == 0 || c.rows() == 0 || c.columns() == 0) {
            return;
        }
        boolean parallel = (long) c.rows() * c.columns() * k >= LARGE;
        int depth = Math.ceilDiv(k, Math.ceilDiv(k, DEPTH));
        Workspace workspace = Workspace.ofThread();
        boolean same = transposed && a == b;
        double[] right = workspace.doubles(Workspace.Slot.RIGHT, packedSize(c.columns(), depth));
        double[] left = same ? right : workspace.doubles(Workspace.Slot.LEFT, packedSize(c.rows(), depth));
        for (int first = 0; first < k; first += depth) {
            int start = first;
            int count = Math.min(depth, k - first);
            int bStrips = Math.ceilDiv(c.columns(), STRIP);
            int aStrips = same ? 0 : Math.ceilDiv(c.rows(), STRIP);
            forEach(parallel, bStrips + aStrips, task -> {
                if (task < bStrips) {
                    pack(b, start, count, task * STRIP, right);
                } else if (transposed) {
                    pack(a, start, count, (task - bStrips) * STRIP, left);
                } else {
                    packTransposed(a, start, count, (task - bStrips) * STRIP, left);
                }
            });
            multiply(new Block(sign, count, left, right, c, upper), parallel);
        }
    }

    private static int packedSize(int columns, int depth) {
        return Math.multiplyExact(Math.ceilDiv(columns, WIDTH) * WIDTH, depth);
    }

    private static void forEach(boolean parallel, int tasks, IntConsumer body) {
        if (parallel) {
            WorkerPool.shared().run(tasks, body);
        } else {
            for (int task = 0; task < tasks; task++) {
                body.accept(task);
            }
        }
    }

    /** Packs a strip of columns of some rows: panel by panel, row by row, with zeros for columns beyond the last. */
    private static void pack(DoubleMatrix x, int first, int depth, int from, double[] panels) {
        int to = Math.min(x.columns(), from + STRIP);
        double[] values = x.array();
        for (int k = 0; k < depth; k++) {
            int row = x.index(first + k, 0);
            for (int j = from; j < to; j += WIDTH) {
                int at = DoubleTile.start(j, depth) + k * WIDTH;
                if (j + WIDTH <= to) {
                    for (int i = 0; i < WIDTH; i += LANES) {
                        DoubleVector.fromArray(SPECIES, values, row + j + i).intoArray(panels, at + i);
                    }
                } else {
                    System.arraycopy(values, row + j, panels, at, to - j);
                    Arrays.fill(panels, at + to - j, at + WIDTH, 0);
                }
            }
        }
    }

    /** Packs a strip of rows of some columns, as the columns of the transposed matrix. */
    private static void packTransposed(DoubleMatrix x, int first, int depth, int from, double[] panels) {
        int to = Math.min(x.rows(), from + STRIP);
        double[] values = x.array();
        for (int panel = from; panel < to; panel += WIDTH) {
            int start = DoubleTile.start(panel, depth);
            for (int k = 0; k < depth; k += TRANSPOSED) {
                int end = Math.min(depth, k + TRANSPOSED);
                for (int i = 0; i < WIDTH; i++) {
                    if (panel + i < to) {
                        int row = x.index(panel + i, first);
                        for (int d = k; d < end; d++) {
                            panels[start + d * WIDTH + i] = values[row + d];
                        }
                    } else {
                        for (int d = k; d < end; d++) {
                            panels[start + d * WIDTH + i] = 0;
                        }
                    }
                }
            }
        }
    }

    private static void multiply(Block p, boolean parallel) {
        int m = p.c.rows();
        int n = p.c.columns();
        int rows = TASK_ROWS;
        int columns = TASK_COLUMNS;
        int wanted = parallel ? TASKS_PER_THREAD * WorkerPool.shared().threads() : 1;
        while (Math.ceilDiv(m, rows) * Math.ceilDiv(n, columns) < wanted && (rows > MIN_TASK || columns > MIN_TASK)) {
            if (columns > rows) {
                columns /= 2;
            } else {
                rows /= 2;
            }
        }
        int taskRows = rows;
        int taskColumns = columns;
        int downTasks = Math.ceilDiv(m, taskRows);
        forEach(parallel, downTasks * Math.ceilDiv(n, taskColumns), task -> {
            int row = task % downTasks * taskRows;
            int column = task / downTasks * taskColumns;
            tiles(p, row, Math.min(m, row + taskRows), column, Math.min(n, column + taskColumns));
        });
    }

    /** Computes a task: for each panel of A, its tiles. */
    private static void tiles(Block p, int row, int endRow, int column, int endColumn) {
        double[] tile = Workspace.ofThread().doubles(Workspace.Slot.TILE, ROWS * COLUMNS);
        DoubleMatrix part = new DoubleMatrix(tile, 0, ROWS, COLUMNS, COLUMNS);
        DoubleMatrix c = p.c;
        for (int i = row; i < endRow; i += ROWS) {
            for (int j = column; j < endColumn; j += COLUMNS) {
                if (p.upper && j + COLUMNS <= i) {
                    continue;
                }
                int a = DoubleTile.start(i, p.depth);
                int b = DoubleTile.start(j, p.depth);
                if (i + ROWS <= endRow && j + COLUMNS <= endColumn && !(p.upper && j < i + ROWS - 1)) {
                    DoubleTile.add(p.depth, p.a, a, p.b, b, p.sign, c, c.index(i, j));
                } else {
                    Arrays.fill(tile, 0);
                    DoubleTile.add(p.depth, p.a, a, p.b, b, 1, part, 0);
                    addPart(tile, p, i, Math.min(endRow, i + ROWS), j, Math.min(endColumn, j + COLUMNS));
                }
            }
        }
    }

    /** Adds the part of a tile that is inside C and, if only the upper triangle is computed, on or right of the diagonal. */
    private static void addPart(double[] tile, Block p, int row, int endRow, int column, int endColumn) {
        double[] c = p.c.array();
        for (int i = row; i < endRow; i++) {
            for (int j = p.upper ? Math.max(i, column) : column; j < endColumn; j++) {
                int at = p.c.index(i, j);
                c[at] = Math.fma(p.sign, tile[(i - row) * COLUMNS + j - column], c[at]);
            }
        }
    }
}
