package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Tensor;

/**
 * Causal grouped-query attention, out[t] = sum over s of p[t, s] v[s] with p[t, :] = softmax over s of scale q[t] . k[s], s up to
 * {@code keys - queries + t} (Vaswani et al. 2017), in blocks of keys with a running maximum (Dao et al. 2022, arXiv 2205.14135).
 *
 * <p>Scores are computed transposed, with a tile's columns, {@link MicroKernel#COLUMNS} queries, side by side in vectors:
 *
 * <pre>
 *                     q^T  [width, queries]              m, l: running maximum and sum of a query
 *                     +------+
 *                     |      |                           for each block of keys
 *                     +------+                               s = k q^T
 *  k  [keys, width]   s, then p                              m' = max(m, max over keys of scale s)
 *    +-----+          +------+                               p  = e^(scale s - m')
 *    |     | block 0  |      |                               l  = l e^(m - m') + sum over keys of p
 *    +-----+          +------+                               o  = o e^(m - m') + v^T p
 *    |     | block 1  |      |
 *    +-----+          +------+                           out = (o / l)^T, logSumExp = m + ln l
 *                     o  [width, queries] += v^T p
 * </pre>
 *
 * <p>So softmax needs no sum across lanes, and p is written as the packed operand of the second product. Packed keys and values serve all query
 * heads of their group. Memory beyond the operands is that of one group's keys and values for each thread.
 */
final class AttentionKernel {
    private static final int KEYS = 128;
    /** Fewer queries than these would not pay for packing the keys again. */
    private static final int LEAST_TASK_QUERIES = 256;
    private static final int TASKS = 16;
    private static final int ROWS = MicroKernel.ROWS;
    private static final int COLUMNS = MicroKernel.COLUMNS;
    private static final int ROW_BYTES = COLUMNS * Float.BYTES;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

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
     * @param q {@code [batch, queries, heads, width]}
     * @param k {@code [batch, keys, groups, width]}
     * @param v {@code [batch, keys, groups, width]}
     * @param scale what scores are multiplied by
     * @param out rows of q's shape
     * @param logSumExp rows {@code [batch, heads, queries]}, f32
     */
    static void attention(Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp) {
        if (out.dtype() != DType.F32) {
            try (var _ = Scope.open(out.device())) {
                Tensor exact = Tensor.empty(DType.F32, out.shape());
                attention(q, k, v, scale, exact, logSumExp);
                CopyKernel.copy(exact, out);
            }
            return;
        }
        forward(AttentionShape.of(q, k), Heads.of(q), Heads.of(k), Heads.of(v), (float) scale, Heads.of(out), Elements.segment(logSumExp),
            logSumExp.offset());
    }

    /**
     * Attends.
     *
     * @param shape the sizes
     * @param q {@code [batch, queries, heads, width]}
     * @param k {@code [batch, keys, groups, width]}
     * @param v {@code [batch, keys, groups, width]}
     * @param scale what scores are multiplied by
     * @param out {@code [batch, queries, heads, width]}, f32; overlaps nothing
     * @param logSumExp {@code [batch, heads, queries]}, f32, dense
     * @param logSumExpOffset the number of its first element in the segment
     */
    static void forward(AttentionShape shape, Heads q, Heads k, Heads v, float scale, Heads out, MemorySegment logSumExp, long logSumExpOffset) {
        AttentionKernel kernel = new AttentionKernel(shape, q, k, v, scale, out, logSumExp, logSumExpOffset);
        int pairs = shape.batch() * shape.groups();
        int parts = pairs == 0 ? 1 : Math.clamp(shape.queries() / LEAST_TASK_QUERIES, 1, Math.ceilDiv(TASKS, pairs));
        int queries = Math.ceilDiv(Math.ceilDiv(shape.queries(), parts), COLUMNS) * COLUMNS;
        WorkerPool.shared().run(pairs * parts, task -> {
            int first = task % parts * queries;
            int end = Math.min(shape.queries(), first + queries);
            if (first < end) {
                kernel.task(task / parts / shape.groups(), task / parts % shape.groups(), first, end);
            }
        });
    }

    /** A thread's packed operands, blocks of scores and running sums, for the keys that the last query of a task sees. */
    private static final class Blocks {
        private final int paddedWidth;
        private final float[] keys;
        private final float[] values;
        private final float[] queries;
        private final float[] probabilities;
        private final float[] max = new float[COLUMNS];
        private final float[] sum = new float[COLUMNS];
        private final float[] factor = new float[COLUMNS];
        private final float[] scratch;
        private final MemorySegment scores;
        private final MemorySegment sums;

        Blocks(int seen, int width) {
            Workspace workspace = Workspace.ofThread();
            paddedWidth = Math.ceilDiv(width, ROWS) * ROWS;
            keys = workspace.array(0, Math.ceilDiv(seen, ROWS) * ROWS * width);
            values = workspace.array(1, seen * paddedWidth);
            queries = workspace.array(2, Math.max(width, paddedWidth) * COLUMNS);
            probabilities = workspace.array(3, KEYS * COLUMNS);
            scratch = workspace.array(4, COLUMNS * Packing.SCRATCH_PER_ROW);
            scores = workspace.segment(0, KEYS * COLUMNS);
            sums = workspace.segment(1, paddedWidth * COLUMNS);
        }
    }

    private void task(int batch, int group, int first, int end) {
        int seen = shape.seen(end - 1);
        int width = shape.width();
        Blocks blocks = new Blocks(seen, width);
        Packing.pack(k.matrix(batch, 0, group), seen, width, ROWS, blocks.keys, 0, blocks.scratch);
        for (int key = 0; key < seen; key += KEYS) {
            Matrix values = v.matrix(batch, key, group).transposed();
            Packing.pack(values, width, Math.min(KEYS, seen - key), ROWS, blocks.values, key * blocks.paddedWidth, blocks.scratch);
        }
        for (int head = group * shape.headsOfGroup(); head < (group + 1) * shape.headsOfGroup(); head++) {
            for (int query = first; query < end; query += COLUMNS) {
                queries(batch, head, query, Math.min(COLUMNS, end - query), seen, blocks);
            }
        }
    }

    /** Some queries of one head, as many as a tile has columns or fewer. */
    private void queries(int batch, int head, int query, int count, int packedKeys, Blocks blocks) {
        int width = shape.width();
        Packing.pack(q.matrix(batch, query, head), count, width, COLUMNS, blocks.queries, 0, blocks.scratch);
        Arrays.fill(blocks.max, Float.NEGATIVE_INFINITY);
        Arrays.fill(blocks.sum, 0f);
        int seen = shape.seen(query + count - 1);
        for (int key = 0; key < seen; key += KEYS) {
            int n = Math.min(KEYS, seen - key);
            for (int i = 0; i < n; i += ROWS) {
                MicroKernel.tile(width, blocks.keys, (key + i) * width, blocks.queries, 0, blocks.scores, (long) i * ROW_BYTES, ROW_BYTES, false);
            }
            int seenByAll = Math.clamp(shape.seen(query) - key, 0, n);
            for (int lane = 0; lane < COLUMNS; lane += LANES) {
                mask(blocks.scores, lane, seenByAll, n, shape.seen(query + lane) - key);
                softmax(blocks, lane, n, scale);
            }
            if (key > 0) {
                rescale(blocks.sums, blocks.paddedWidth, blocks.factor);
            }
            int depth = Math.min(KEYS, packedKeys - key);
            for (int d = 0; d < blocks.paddedWidth; d += ROWS) {
                MicroKernel.tile(n, blocks.values, key * blocks.paddedWidth + d * depth, blocks.probabilities, 0, blocks.sums,
                    (long) d * ROW_BYTES, ROW_BYTES, key > 0);
            }
        }
        store(batch, head, query, count, blocks);
    }

    /**
     * Makes the scores of keys that a query does not see minus infinity.
     *
     * @param scores {@code [keys][COLUMNS]}
     * @param lane the first query of the vector
     * @param first the first key that some query does not see
     * @param end the number of keys
     * @param seenByFirst how many keys from the block's first on the vector's first query sees; negative if the block lies beyond
     */
    static void mask(MemorySegment scores, int lane, int first, int end, int seenByFirst) {
        scores = NativeView.of(scores);
        FloatVector lanes = FloatVector.zero(SPECIES).addIndex(1);
        for (int i = first; i < end; i++) {
            long at = (long) i * ROW_BYTES + lane * 4L;
            FloatVector s = FloatVector.fromMemorySegment(SPECIES, scores, at, ORDER);
            s.blend(Float.NEGATIVE_INFINITY, lanes.compare(VectorOperators.LE, (float) (i - seenByFirst))).intoMemorySegment(scores, at, ORDER);
        }
    }

    /** One step of the running softmax for a vector of queries: updates max and sum, leaves e^(m - m') in factor and p in probabilities. */
    private static void softmax(Blocks blocks, int lane, int keys, float scale) {
        FloatVector old = FloatVector.fromArray(SPECIES, blocks.max, lane);
        raise(blocks, lane, keys, scale);
        FloatVector factor = VectorMath.exp(old.sub(FloatVector.fromArray(SPECIES, blocks.max, lane)));
        factor.intoArray(blocks.factor, lane);
        FloatVector.fromArray(SPECIES, blocks.sum, lane).mul(factor).intoArray(blocks.sum, lane);
        exponentiate(blocks, lane, keys, scale);
    }

    /** m' = max(m, scale s). */
    private static void raise(Blocks blocks, int lane, int keys, float scale) {
        MemorySegment scores = NativeView.of(blocks.scores);
        FloatVector max = FloatVector.fromArray(SPECIES, blocks.max, lane);
        for (int i = 0; i < keys; i++) {
            FloatVector s = FloatVector.fromMemorySegment(SPECIES, scores, (long) i * ROW_BYTES + lane * 4L, ORDER).mul(scale);
            max = max.blend(s, s.compare(VectorOperators.GT, max));
        }
        max.intoArray(blocks.max, lane);
    }

    /** p = e^(scale s - m'), added to the sum. */
    private static void exponentiate(Blocks blocks, int lane, int keys, float scale) {
        MemorySegment scores = NativeView.of(blocks.scores);
        FloatVector minus = FloatVector.fromArray(SPECIES, blocks.max, lane).neg();
        FloatVector factor = FloatVector.broadcast(SPECIES, scale);
        FloatVector sum = FloatVector.fromArray(SPECIES, blocks.sum, lane);
        for (int i = 0; i < keys; i++) {
            FloatVector s = FloatVector.fromMemorySegment(SPECIES, scores, (long) i * ROW_BYTES + lane * 4L, ORDER);
            FloatVector p = VectorMath.exp(s.fma(factor, minus));
            p.intoArray(blocks.probabilities, i * COLUMNS + lane);
            sum = sum.add(p);
        }
        sum.intoArray(blocks.sum, lane);
    }

    private static void rescale(MemorySegment sums, int rows, float[] factor) {
        sums = NativeView.of(sums);
        for (int lane = 0; lane < COLUMNS; lane += LANES) {
            FloatVector f = FloatVector.fromArray(SPECIES, factor, lane);
            for (int d = 0; d < rows; d++) {
                long at = (long) d * ROW_BYTES + lane * 4L;
                FloatVector.fromMemorySegment(SPECIES, sums, at, ORDER).mul(f).intoMemorySegment(sums, at, ORDER);
            }
        }
    }

    private void store(int batch, int head, int query, int count, Blocks blocks) {
        long at = logSumExpOffset + ((long) batch * shape.heads() + head) * shape.queries() + query;
        for (int i = 0; i < count; i++) {
            logSumExp.setAtIndex(ValueLayout.JAVA_FLOAT, at + i, blocks.max[i] + VectorMath.log(blocks.sum[i]));
            blocks.factor[i] = 1f / blocks.sum[i];
        }
        Packing.storeTransposed(blocks.sums, shape.width(), count, blocks.factor, out.matrix(batch, query, head), blocks.queries, blocks.scratch);
    }
}
