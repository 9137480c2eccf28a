package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.AttentionOperands;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Causal grouped-query attention, out[t] = sum over s of p[t, s] v[s] with p[t, :] = softmax over s of scale q[t] . k[s], s up to
 * {@code keys - queries + t} (Vaswani et al. 2017), in blocks of keys with a running maximum (Dao et al. 2022, arXiv 2205.14135).
 *
 * <p>Scores are computed transposed, with a tile's columns, {@link TileProduct#COLUMNS} queries, side by side in vectors, and in units of ln 2:
 *
 * <pre>
 *                     q^T  [width, queries],          m, l: running maximum and sum of a query
 *                     +------+  times scale / ln 2
 *                     |      |                        for each block of keys
 *                     +------+                            s  = k q^T
 *  k  [keys, width]   s, then p                           m' = max(m, max over keys of s), rounded up to an integer
 *    +-----+          +------+                            p  = 2^(s - m')
 *    |     | block 0  |      |                            l  = l 2^(m - m') + sum over keys of p
 *    +-----+          +------+                            o  = o 2^(m - m') + v^T p
 *    |     | block 1  |      |
 *    +-----+          +------+                        out = (o / l)^T, logSumExp = m ln 2 + ln l
 *                     o  [width, queries] += v^T p
 * </pre>
 *
 * <p>So softmax needs no sum across lanes, and p is written in the packed form that the second product reads. Any m' that keeps p in range is
 * correct; an integer changes seldom and makes 2^(m - m') exact. Packed keys and values serve all query heads of their group, and a block of keys
 * serves {@value #QUERIES} queries while it is in the cache. Each thread needs additional memory for the keys and values of one group.
 */
final class AttentionKernel {
    /** The number of keys of a block. */
    static final int KEYS = 128;
    /** The fewest queries of a part; fewer would not repay packing the keys again. */
    private static final int MIN_TASK_QUERIES = 256;
    private static final int TASKS = 16;
    /** The number of queries that read a block of keys while it is in the cache. */
    private static final int QUERIES = 128;
    private static final int ROWS = TileProduct.ROWS;
    private static final int COLUMNS = TileProduct.COLUMNS;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    /** s = k q^T, k in panels. */
    private static final TileProduct SCORES = TileProduct.of(new TileProduct.Form(1, COLUMNS, COLUMNS, false));
    /** o += v^T p, v in panels. */
    private static final TileProduct SUMS = TileProduct.of(new TileProduct.Form(1, COLUMNS, COLUMNS, true));

    private final AttentionShape shape;
    private final Heads q;
    private final Heads k;
    private final Heads v;
    private final float scale;
    private final Heads out;
    private final MemorySegment logSumExp;
    private final long logSumExpOffset;

    private AttentionKernel(AttentionShape shape, Heads q, Heads k, Heads v, float scale, Heads out, MemorySegment logSumExp, long logSumExpOffset) {
        this.shape = shape;
        this.q = q;
        this.k = k;
        this.v = v;
        this.scale = scale;
        this.out = out;
        this.logSumExp = logSumExp;
        this.logSumExpOffset = logSumExpOffset;
    }

    /**
     * {@link kept.backend.Backend#attention}.
     *
     * @param operands q, k and v with unit stride along the width, and the scale
     * @param out rows of q's shape
     * @param logSumExp rows {@code [batch, heads, queries]}, f32
     */
    static void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        if (out.dtype() != DType.F32) {
            try (var _ = Scope.open(out.device())) {
                Tensor exact = Tensor.empty(DType.F32, out.shape());
                attention(operands, exact, logSumExp);
                CopyKernel.copy(exact, out);
            }
            return;
        }
        forward(AttentionShape.of(operands.q(), operands.k()), Heads.of(operands.q()), Heads.of(operands.k()), Heads.of(operands.v()),
            (float) operands.scale(), Heads.of(out), Elements.segment(logSumExp), logSumExp.offset());
    }

    /**
     * Computes attention.
     *
     * @param shape the sizes
     * @param q {@code [batch, queries, heads, width]}
     * @param k {@code [batch, keys, groups, width]}
     * @param v {@code [batch, keys, groups, width]}
     * @param scale the factor applied to scores
     * @param out {@code [batch, queries, heads, width]}, f32; overlaps nothing
     * @param logSumExp {@code [batch, heads, queries]}, f32, dense
     * @param logSumExpOffset the index of its first element in the segment
     */
    static void forward(AttentionShape shape, Heads q, Heads k, Heads v, float scale, Heads out, MemorySegment logSumExp, long logSumExpOffset) {
        if (shape.queries() <= AttentionOfFew.MAX_QUERIES) {
            new AttentionOfFew(shape, q, k, v, scale, out, logSumExp, logSumExpOffset).compute();
            return;
        }
        AttentionKernel kernel = new AttentionKernel(shape, q, k, v, scale, out, logSumExp, logSumExpOffset);
        int pairs = shape.batch() * shape.groups();
        int parts = pairs == 0 ? 1 : Math.clamp(shape.queries() / MIN_TASK_QUERIES, 1, Math.ceilDiv(TASKS, pairs));
        int queries = Math.ceilDiv(Math.ceilDiv(shape.queries(), parts), COLUMNS) * COLUMNS;
        WorkerPool.shared().run(pairs * parts, task -> {
            int first = (parts - 1 - task / pairs) * queries; // the last part, which sees most keys, first
            int end = Math.min(shape.queries(), first + queries);
            if (first < end) {
                kernel.task(task % pairs / shape.groups(), task % shape.groups(), first, end);
            }
        });
    }

    /** A thread's packed operands, scores and running sums, for the keys that the last query of a task sees. */
    private static final class Blocks {
        private final int paddedWidth;
        /** {@code [key / COLUMNS][width][COLUMNS]}. */
        private final float[] keys;
        /** For each block of keys {@code [width / COLUMNS][key][COLUMNS]}. */
        private final float[] values;
        /** The number of elements of a key's value vector, with padding. */
        private final int columns;
        /** A vector block of queries {@code [width][COLUMNS]}, times scale / ln 2. */
        private final float[] queries;
        /** Scores, then probabilities {@code [key][COLUMNS]}. */
        private final float[] scores;
        /** Weighted sums of values of a vector block of queries {@code [width][COLUMNS]}. */
        private final float[] sums;
        private final float[] max = new float[QUERIES];
        private final float[] sum = new float[QUERIES];
        private final float[] blockMax = new float[COLUMNS];
        private final float[] factor = new float[COLUMNS];
        private final float[] scratch;

        Blocks(int seen, int width) {
            Workspace workspace = Workspace.ofThread();
            paddedWidth = Math.ceilDiv(width, ROWS) * ROWS;
            columns = Math.ceilDiv(width, COLUMNS) * COLUMNS;
            keys = workspace.floats(Workspace.Slot.KEYS, Math.ceilDiv(seen, COLUMNS) * COLUMNS * width);
            values = workspace.floats(Workspace.Slot.VALUES, seen * columns);
            queries = workspace.floats(Workspace.Slot.QUERIES, QUERIES * width);
            scores = workspace.floats(Workspace.Slot.SCORES, KEYS * COLUMNS);
            scratch = Packing.scratch();
            sums = workspace.floats(Workspace.Slot.QUERY_SUMS, QUERIES * paddedWidth + COLUMNS * LANES);
        }
    }

    private void task(int batch, int group, int first, int end) {
        int seen = shape.seen(end - 1);
        int width = shape.width();
        Blocks blocks = new Blocks(seen, width);
        Packing.panels(k.matrix(batch, 0, group).transposed(), width, seen, blocks.keys, 0, blocks.scratch);
        for (int key = 0; key < seen; key += KEYS) {
            Packing.panels(v.matrix(batch, key, group), Math.min(KEYS, seen - key), width, blocks.values, key * blocks.columns, blocks.scratch);
        }
        for (int head = group * shape.headsOfGroup(); head < (group + 1) * shape.headsOfGroup(); head++) {
            for (int query = first; query < end; query += QUERIES) {
                queries(batch, head, query, Math.min(QUERIES, end - query), seen, blocks);
            }
        }
    }

    /** Processes some queries of one head with all keys that they see. */
    private void queries(int batch, int head, int query, int count, int packedKeys, Blocks blocks) {
        int width = shape.width();
        Packing.panels(q.matrix(batch, query, head).transposed(), width, count, blocks.queries, 0, blocks.scratch);
        AttentionMath.scale(blocks.queries, Math.ceilDiv(count, COLUMNS) * COLUMNS * width, scale * VectorMath.LOG2_E);
        Arrays.fill(blocks.max, Float.NEGATIVE_INFINITY);
        Arrays.fill(blocks.sum, 0f);
        Arrays.fill(blocks.sums, 0, Math.ceilDiv(count, COLUMNS) * COLUMNS * blocks.paddedWidth, 0f);
        int seen = shape.seen(query + count - 1);
        for (int key = 0; key < seen; key += KEYS) {
            int depth = Math.min(KEYS, packedKeys - key);
            for (int first = 0; first < count; first += COLUMNS) {
                int n = Math.min(KEYS, shape.seen(query + Math.min(first + COLUMNS, count) - 1) - key);
                if (n > 0) {
                    keys(key, n, depth, query, first, blocks);
                }
            }
        }
        for (int first = 0; first < count; first += COLUMNS) {
            store(batch, head, query + first, first, Math.min(COLUMNS, count - first), blocks);
        }
    }

    /** Processes a vector block of queries with the first n keys of a block that was packed with the given depth. */
    private void keys(int key, int n, int depth, int query, int first, Blocks blocks) {
        int width = shape.width();
        for (int i = 0; i < n; i += ROWS) {
            SCORES.multiply(width, blocks.keys, Packing.start(key + i, width), blocks.queries, first * width, blocks.scores, i * COLUMNS, COLUMNS);
        }
        int seenByAll = Math.clamp(shape.seen(query + first) - key, 0, n);
        for (int lane = 0; lane < COLUMNS; lane += LANES) {
            AttentionMath.mask(blocks.scores, lane, COLUMNS, seenByAll, n, shape.seen(query + first + lane) - key);
            AttentionMath.max(blocks.scores, lane, COLUMNS, n, blocks.blockMax);
        }
        int sums = first * blocks.paddedWidth;
        if (updateMaxima(blocks, first) && key > 0) {
            rescale(blocks.sums, sums, blocks.paddedWidth, blocks.factor);
        }
        for (int lane = 0; lane < COLUMNS; lane += LANES) {
            exponentiate(blocks, first, lane, n);
        }
        for (int d = 0; d < blocks.paddedWidth; d += ROWS) {
            int panel = key * blocks.columns + Packing.start(d, depth);
            SUMS.multiply(n, blocks.values, panel, blocks.scores, 0, blocks.sums, sums + d * COLUMNS, COLUMNS);
        }
    }

    /**
     * m' = max(m, s) rounded up to an integer, factor = 2^(m - m') and l = l 2^(m - m'), both exactly.
     *
     * @return whether a maximum changed
     */
    private static boolean updateMaxima(Blocks blocks, int first) {
        boolean changed = false;
        for (int i = 0; i < COLUMNS; i++) {
            float old = blocks.max[first + i];
            float max = blocks.blockMax[i] > old ? (float) Math.ceil(blocks.blockMax[i]) : old;
            blocks.factor[i] = 1f;
            if (max != old) {
                changed = true;
                blocks.factor[i] = AttentionMath.powerOfTwo(old - max);
                blocks.max[first + i] = max;
                blocks.sum[first + i] *= blocks.factor[i];
            }
        }
        return changed;
    }

    /** p = 2^(s - m'), added to the sum l. */
    private static void exponentiate(Blocks blocks, int first, int lane, int keys) {
        float[] scores = blocks.scores;
        FloatVector max = FloatVector.fromArray(SPECIES, blocks.max, first + lane);
        FloatVector sum = FloatVector.fromArray(SPECIES, blocks.sum, first + lane);
        for (int i = 0; i < keys; i++) {
            FloatVector p = AttentionMath.exp2(FloatVector.fromArray(SPECIES, scores, i * COLUMNS + lane).sub(max));
            p.intoArray(scores, i * COLUMNS + lane);
            sum = p.add(sum);
        }
        sum.intoArray(blocks.sum, first + lane);
    }

    private static void rescale(float[] sums, int at, int rows, float[] factor) {
        for (int lane = 0; lane < COLUMNS; lane += LANES) {
            FloatVector f = FloatVector.fromArray(SPECIES, factor, lane);
            for (int d = 0; d < rows; d++) {
                FloatVector.fromArray(SPECIES, sums, at + d * COLUMNS + lane).mul(f).intoArray(sums, at + d * COLUMNS + lane);
            }
        }
    }

    /** out = (o / l)^T, logSumExp = m ln 2 + ln l. */
    private void store(int batch, int head, int query, int first, int count, Blocks blocks) {
        long at = logSumExpOffset + ((long) batch * shape.heads() + head) * shape.queries() + query;
        for (int i = 0; i < count; i++) {
            float sum = blocks.sum[first + i];
            logSumExp.setAtIndex(ValueLayout.JAVA_FLOAT, at + i, Math.fma(blocks.max[first + i], VectorMath.LN2, VectorMath.log(sum)));
            blocks.factor[i] = 1f / sum;
        }
        AttentionMath.storeTransposed(blocks.sums, first * blocks.paddedWidth, shape.width(), count, blocks.factor, out.matrix(batch, query, head),
            blocks.scratch);
    }
}
