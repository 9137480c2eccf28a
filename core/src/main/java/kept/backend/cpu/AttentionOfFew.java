package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link AttentionKernel} for a few queries, as in decoding with a cache, with the same bits.
 *
 * <p>A block of keys is read and packed once for all query heads of its group, while it is in the cache; values are not packed. With many queries a
 * vector has a score of each of several queries; here it has the scores of one query for several keys:
 *
 * <pre>
 *  k^T  [width, keys]    s = k q^T, then p = 2^(s - m')
 *    +-------------+     +-------------+
 *    | panels      |     | one row     |     for each query
 *    +-------------+     +-------------+
 *  v  [keys, width]      o = o 2^(m - m') + v^T p, one row
 * </pre>
 *
 * <p>Each score is a chain of multiply-adds over the width, and each element of o is one over the keys of a block, added to the blocks before.
 */
final class AttentionOfFew {
    /** The most queries; with more of them {@link AttentionKernel} uses enough of its vectors. */
    static final int MAX_QUERIES = 4;
    /** Elements of keys below which one thread takes all: some microseconds, of which handing over would be a good part. */
    private static final long SMALL = 1 << 14;
    private static final int KEYS = AttentionKernel.KEYS;
    private static final int COLUMNS = TileProduct.COLUMNS;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();

    private final AttentionShape shape;
    private final Heads q;
    private final Heads k;
    private final Heads v;
    private final float scale;
    private final Heads out;
    private final MemorySegment logSumExp;
    private final long logSumExpOffset;

    /** As for {@link AttentionKernel#forward}. */
    AttentionOfFew(AttentionShape shape, Heads q, Heads k, Heads v, float scale, Heads out, MemorySegment logSumExp, long logSumExpOffset) {
        this.shape = shape;
        this.q = q;
        this.k = k;
        this.v = v;
        this.scale = scale;
        this.out = out;
        this.logSumExp = logSumExp;
        this.logSumExpOffset = logSumExpOffset;
    }

    /** Computes attention, with a task for each group of heads of each sequence. */
    void compute() {
        int tasks = shape.batch() * shape.groups();
        if ((long) tasks * shape.keys() * shape.width() < SMALL) {
            for (int task = 0; task < tasks; task++) {
                task(task / shape.groups(), task % shape.groups());
            }
        } else {
            WorkerPool.shared().run(tasks, task -> task(task / shape.groups(), task % shape.groups()));
        }
    }

    /** A thread's memory for a group: rows are the queries of its heads, one head after another. */
    private final class Rows {
        private final int width = shape.width();
        private final int count = shape.headsOfGroup() * shape.queries();
        /** Floats of a row of values or sums: the width, padded to whole vectors. */
        private final int stride = Math.ceilDiv(width, LANES) * LANES;
        /** {@code [rows][width]}, times scale / ln 2. */
        private final float[] queries;
        /** {@code [rows][stride]}. */
        private final float[] sums;
        private final float[] max = new float[count];
        private final float[] sum = new float[count];
        /** A block's keys in panels {@code [key / COLUMNS][width][COLUMNS]}. */
        private final float[] keys;
        /** A block's values {@code [key][stride]}. */
        private final float[] values;
        /** A row's scores of a block, then probabilities. */
        private final float[] scores;

        Rows(int batch, int group) {
            Workspace workspace = Workspace.ofThread();
            queries = workspace.floats(Workspace.Slot.QUERIES, count * width);
            sums = workspace.floats(Workspace.Slot.QUERY_SUMS, count * stride);
            keys = workspace.floats(Workspace.Slot.KEYS, KEYS * width);
            values = workspace.floats(Workspace.Slot.VALUES, KEYS * stride);
            scores = workspace.floats(Workspace.Slot.SCORES, KEYS);
            for (int row = 0; row < count; row++) {
                Matrix query = q.matrix(batch, query(row), head(group, row));
                Elements.widen(query.data(), query.type(), query.index(0, 0), 1, queries, row * width, width);
            }
            for (int i = 0; i < count * width; i++) {
                queries[i] *= scale * VectorMath.LOG2_E;
            }
            Arrays.fill(sums, 0, count * stride, 0f);
            Arrays.fill(max, Float.NEGATIVE_INFINITY);
        }
    }

    private int query(int row) {
        return row % shape.queries();
    }

    private int head(int group, int row) {
        return group * shape.headsOfGroup() + row / shape.queries();
    }

    private void task(int batch, int group) {
        Rows rows = new Rows(batch, group);
        for (int key = 0; key < shape.keys(); key += KEYS) {
            int count = Math.min(KEYS, shape.keys() - key);
            Packing.panels(k.matrix(batch, key, group).transposed(), rows.width, count, rows.keys, 0, Packing.scratch());
            Packing.rows(v.matrix(batch, key, group), count, rows.width, rows.values, 0, rows.stride);
            for (int row = 0; row < rows.count; row++) {
                int seen = Math.min(count, shape.seen(query(row)) - key);
                if (seen > 0) {
                    block(rows, row, seen);
                }
            }
        }
        for (int row = 0; row < rows.count; row++) {
            store(rows, row, batch, group);
        }
    }

    /** A row with the first keys of the block. */
    private static void block(Rows rows, int row, int seen) {
        float[] scores = rows.scores;
        for (int first = 0; first < seen; first += COLUMNS) {
            score(rows.width, rows.keys, first * rows.width, rows.queries, row * rows.width, scores, first);
        }
        float old = rows.max[row];
        float largest = largest(scores, seen);
        float max = largest > old ? (float) Math.ceil(largest) : old;
        float factor = max != old ? AttentionMath.powerOfTwo(old - max) : 1f;
        rows.max[row] = max;
        exponentiate(scores, seen, max);
        float sum = rows.sum[row] * factor;
        for (int i = 0; i < seen; i++) {
            sum += scores[i];
        }
        rows.sum[row] = sum;
        int at = row * rows.stride;
        int d = 0;
        for (; d <= rows.stride - 4 * LANES; d += 4 * LANES) {
            addFour(scores, seen, rows.values, d, rows.stride, factor, rows.sums, at + d);
        }
        for (; d < rows.stride; d += LANES) {
            addOne(scores, seen, rows.values, d, rows.stride, factor, rows.sums, at + d);
        }
    }

    /** s = k q^T for the keys of a panel. */
    private static void score(int width, float[] panel, int at, float[] query, int start, float[] scores, int first) {
        FloatVector left = FloatVector.zero(SPECIES);
        FloatVector right = left;
        for (int d = 0; d < width; d++) {
            FloatVector factor = FloatVector.broadcast(SPECIES, query[start + d]);
            left = factor.fma(FloatVector.fromArray(SPECIES, panel, at + d * COLUMNS), left);
            right = factor.fma(FloatVector.fromArray(SPECIES, panel, at + d * COLUMNS + LANES), right);
        }
        left.intoArray(scores, first);
        right.intoArray(scores, first + LANES);
    }

    /** The largest score; NaN counts as smallest. */
    private static float largest(float[] scores, int count) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            largest = scores[i] > largest ? scores[i] : largest;
        }
        return largest;
    }

    /** p = 2^(s - m'); what follows the last score is overwritten too, up to a whole vector. */
    private static void exponentiate(float[] scores, int count, float max) {
        FloatVector m = FloatVector.broadcast(SPECIES, max);
        for (int i = 0; i < count; i += LANES) {
            AttentionMath.exp2(FloatVector.fromArray(SPECIES, scores, i).sub(m)).intoArray(scores, i);
        }
    }

    /** o = o factor + v^T p for four vectors of the width. */
    private static void addFour(float[] p, int count, float[] values, int d, int stride, float factor, float[] sums, int at) {
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int i = 0; i < count; i++) {
            FloatVector weight = FloatVector.broadcast(SPECIES, p[i]);
            int value = i * stride + d;
            s0 = weight.fma(FloatVector.fromArray(SPECIES, values, value), s0);
            s1 = weight.fma(FloatVector.fromArray(SPECIES, values, value + LANES), s1);
            s2 = weight.fma(FloatVector.fromArray(SPECIES, values, value + 2 * LANES), s2);
            s3 = weight.fma(FloatVector.fromArray(SPECIES, values, value + 3 * LANES), s3);
        }
        s0.add(FloatVector.fromArray(SPECIES, sums, at).mul(factor)).intoArray(sums, at);
        s1.add(FloatVector.fromArray(SPECIES, sums, at + LANES).mul(factor)).intoArray(sums, at + LANES);
        s2.add(FloatVector.fromArray(SPECIES, sums, at + 2 * LANES).mul(factor)).intoArray(sums, at + 2 * LANES);
        s3.add(FloatVector.fromArray(SPECIES, sums, at + 3 * LANES).mul(factor)).intoArray(sums, at + 3 * LANES);
    }

    /** o = o factor + v^T p for one vector of the width. */
    private static void addOne(float[] p, int count, float[] values, int d, int stride, float factor, float[] sums, int at) {
        FloatVector s = FloatVector.zero(SPECIES);
        for (int i = 0; i < count; i++) {
            s = FloatVector.broadcast(SPECIES, p[i]).fma(FloatVector.fromArray(SPECIES, values, i * stride + d), s);
        }
        s.add(FloatVector.fromArray(SPECIES, sums, at).mul(factor)).intoArray(sums, at);
    }

    /** out = o / l, logSumExp = m ln 2 + ln l. */
    private void store(Rows rows, int row, int batch, int group) {
        int head = head(group, row);
        float sum = rows.sum[row];
        long at = logSumExpOffset + ((long) batch * shape.heads() + head) * shape.queries() + query(row);
        logSumExp.setAtIndex(ValueLayout.JAVA_FLOAT, at, Math.fma(rows.max[row], VectorMath.LN2, VectorMath.log(sum)));
        AttentionMath.store(rows.sums, row * rows.stride, rows.stride, 1, rows.width, 1f / sum, out.matrix(batch, query(row), head));
    }
}
