package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import kept.backend.AttentionOperands;
import kept.tensor.Tensor;

/**
 * The gradient of {@link AttentionKernel}. With g the gradient of out, probabilities are computed again from logSumExp, block by block:
 *
 * <pre>
 *   delta[t] = g[t] . out[t]
 *
 *   for each block of queries, for each block of keys that they see
 *       p  = e^(scale k q^T - logSumExp)     [keys, queries]
 *       dp = v g^T                           [keys, queries]
 *       ds = p (dp - delta)                  [keys, queries]
 *       dq^T += k^T ds                       [width, queries], in the end times scale
 *       dv   += p g                          [keys, width]
 *       dk   += ds q                         [keys, width], in the end times scale
 * </pre>
 *
 * <p>As in the forward pass, the lanes of vectors are queries. The last two products read scalars from rows of p and ds. A task owns the queries of a
 * key head, or a part of them if there are few key heads: it sums dk and dv over the query heads of the group and the blocks of queries, in order.
 * The sums of parts are added in order afterwards. The number of parts is bounded, so that memory is proportional to the keys.
 */
final class AttentionGradientKernel {
    private static final int KEYS = 64;
    private static final int ROWS = TileProduct.ROWS;
    private static final int COLUMNS = TileProduct.COLUMNS;
    /** The queries of a block: enough work for each load and store of the tiles of dk and dv. */
    private static final int QUERIES = Math.ceilDiv(128, COLUMNS) * COLUMNS;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    /**
     * The distance between the probabilities of neighbouring keys in floats. It is not a power of two, which would map them to few sets of the cache.
     */
    private static final int PITCH = QUERIES + LANES;
    /** s = k q^T and dp = v g^T, k and v in panels {@code [width][ROWS]}. */
    private static final TileProduct SCORES = TileProduct.of(new TileProduct.Form(1, COLUMNS, COLUMNS, false));
    /** dq^T += k^T ds, k in panels. */
    private static final TileProduct QUERY_SUMS = TileProduct.of(new TileProduct.Form(1, COLUMNS, PITCH, true));
    /** dv += p g and dk += ds q. */
    private static final TileProduct KEY_SUMS = TileProduct.of(new TileProduct.Form(PITCH, 1, COLUMNS, true));

    /** The fewest queries of a part; fewer would not repay packing the keys again. */
    private static final int MIN_TASK_QUERIES = 512;
    private static final int TASKS = 8;
    /** The maximum number of floats in the sums of parts. */
    private static final int MAX_SUMS = 1 << 24;

    private final AttentionShape shape;
    private final Inputs inputs;
    private final float scale;
    private final Heads dq;
    private final Heads dk;
    private final Heads dv;

    /**
     * The operands and results of the forward pass, and the gradient of its result.
     *
     * @param gradient of out, {@code [batch, queries, heads, width]}
     * @param q the forward's queries
     * @param k the forward's keys
     * @param v the forward's values
     * @param out the forward's result
     * @param logSumExp the logarithms that the forward pass saved
     * @param logSumExpOffset the index of its first element in the segment
     */
    record Inputs(Heads gradient, Heads q, Heads k, Heads v, Heads out, MemorySegment logSumExp, long logSumExpOffset) { }

    private AttentionGradientKernel(AttentionShape shape, Inputs inputs, float scale, Heads dq, Heads dk, Heads dv) {
        this.shape = shape;
        this.inputs = inputs;
        this.scale = scale;
        this.dq = dq;
        this.dk = dk;
        this.dv = dv;
    }

    /**
     * {@link kept.backend.Backend#attentionGradient}.
     *
     * @param operands those of the forward
     * @param out the forward's result
     * @param logSumExp the logarithms that the forward pass saved
     * @param gradient rows of q's shape, f32
     * @param dq rows of q's shape, f32
     * @param dk rows of k's shape, f32
     * @param dv rows of k's shape, f32
     */
    static void attentionGradient(AttentionOperands operands, Tensor out, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        Inputs inputs = new Inputs(Heads.of(gradient), Heads.of(operands.q()), Heads.of(operands.k()), Heads.of(operands.v()), Heads.of(out),
            Elements.segment(logSumExp), logSumExp.offset());
        backward(AttentionShape.of(operands.q(), operands.k()), inputs, (float) operands.scale(), Heads.of(dq), Heads.of(dk), Heads.of(dv));
    }

    /**
     * Computes the gradients.
     *
     * @param shape the sizes
     * @param inputs the operands and results of the forward pass, and the gradient of its result
     * @param scale the factor applied to scores
     * @param dq f32, of q's sizes; overwritten
     * @param dk f32, of k's sizes; overwritten
     * @param dv f32, of v's sizes; overwritten
     */
    static void backward(AttentionShape shape, Inputs inputs, float scale, Heads dq, Heads dk, Heads dv) {
        new AttentionGradientKernel(shape, inputs, scale, dq, dk, dv).run();
    }

    private void run() {
        int pairs = shape.batch() * shape.groups();
        int sums = sums();
        int most = pairs == 0 ? 1 : Math.clamp(MAX_SUMS / ((long) pairs * sums), 1, Math.ceilDiv(TASKS, pairs));
        int parts = Math.clamp(shape.queries() / MIN_TASK_QUERIES, 1, most);
        int queries = Math.ceilDiv(Math.ceilDiv(shape.queries(), parts), QUERIES) * QUERIES;
        float[] partial = parts == 1 ? null : Workspace.ofThread().floats(Workspace.Slot.KEY_SUMS, pairs * parts * sums);
        WorkerPool.shared().run(pairs * parts, task -> {
            int pair = task % pairs;
            int part = parts - 1 - task / pairs; // the last part, which sees most keys, first
            int end = Math.min(shape.queries(), (part + 1) * queries);
            float[] target = partial == null ? Workspace.ofThread().floats(Workspace.Slot.KEY_SUMS, sums) : partial;
            int at = partial == null ? 0 : (pair * parts + part) * sums;
            task(pair / shape.groups(), pair % shape.groups(), part * queries, end, target, at);
            if (partial == null) {
                store(pair / shape.groups(), pair % shape.groups(), target, 0);
            }
        });
        if (partial != null) {
            WorkerPool.shared().run(pairs, pair -> {
                for (int part = 1; part < parts; part++) {
                    AttentionMath.add(partial, (pair * parts + part) * sums, partial, pair * parts * sums, sums);
                }
                store(pair / shape.groups(), pair % shape.groups(), partial, pair * parts * sums);
            });
        }
    }

    /** The distance between rows of dk and dv in floats. */
    private int columns() {
        return Math.ceilDiv(shape.width(), COLUMNS) * COLUMNS;
    }

    /** Floats of the sums dk and dv. */
    private int sums() {
        return 2 * Math.ceilDiv(shape.keys(), ROWS) * ROWS * columns();
    }

    /** A thread's packed operands and blocks of probabilities. */
    private static final class Blocks {
        private final int paddedWidth;
        /** Operands of the products with q^T and g^T: {@code [key / COLUMNS][width][COLUMNS]}. */
        private final float[] keys;
        private final float[] values;
        /** Operand of the product with ds: for each block of keys {@code [width / COLUMNS][key][COLUMNS]}. */
        private final float[] transposedKeys;
        /** {@code [query / COLUMNS][width][COLUMNS]}, queries times scale / ln 2. */
        private final float[] transposedQueries;
        private final float[] transposedGradients;
        /** {@code [width / COLUMNS][query][COLUMNS]}. */
        private final float[] queries;
        private final float[] gradients;
        /** {@code [key][PITCH]}: s, then p; dp, then ds. */
        private final float[] scores;
        private final float[] scoreGradients;
        /** {@code [query / COLUMNS][width][COLUMNS]}. */
        private final float[] dq;
        private final float[] scratch;
        private final float[] logSumExp = new float[QUERIES];
        private final float[] delta = new float[QUERIES];
        private final float[] factors = new float[COLUMNS];

        Blocks(int seen, int width, int columns) {
            Workspace workspace = Workspace.ofThread();
            paddedWidth = Math.ceilDiv(width, ROWS) * ROWS;
            int paddedKeys = Math.ceilDiv(seen, COLUMNS) * COLUMNS;
            keys = workspace.floats(Workspace.Slot.KEYS, paddedKeys * width);
            values = workspace.floats(Workspace.Slot.VALUES, paddedKeys * width);
            transposedKeys = workspace.floats(Workspace.Slot.TRANSPOSED_KEYS, seen * columns);
            transposedQueries = workspace.floats(Workspace.Slot.TRANSPOSED_QUERIES, QUERIES * width);
            transposedGradients = workspace.floats(Workspace.Slot.TRANSPOSED_GRADIENTS, QUERIES * width);
            queries = workspace.floats(Workspace.Slot.QUERIES, QUERIES * columns);
            gradients = workspace.floats(Workspace.Slot.GRADIENTS, QUERIES * columns);
            scores = workspace.floats(Workspace.Slot.SCORES, Math.max(KEYS * PITCH, QUERIES * width));
            scoreGradients = workspace.floats(Workspace.Slot.SCORE_GRADIENTS, KEYS * PITCH);
            dq = workspace.floats(Workspace.Slot.QUERY_SUMS, QUERIES * paddedWidth + COLUMNS * LANES);
            scratch = Packing.scratch();
        }
    }

    /** Computes dq of some queries and their terms of dk and dv. */
    private void task(int batch, int group, int first, int end, float[] sums, int at) {
        int width = shape.width();
        Arrays.fill(sums, at, at + sums(), 0f);
        if (first >= end) {
            return;
        }
        int seen = shape.seen(end - 1);
        Blocks blocks = new Blocks(seen, width, columns());
        Arrays.fill(blocks.factors, scale);
        Packing.panels(inputs.k.matrix(batch, 0, group).transposed(), width, seen, blocks.keys, 0, blocks.scratch);
        Packing.panels(inputs.v.matrix(batch, 0, group).transposed(), width, seen, blocks.values, 0, blocks.scratch);
        for (int key = 0; key < seen; key += KEYS) {
            Matrix part = inputs.k.matrix(batch, key, group);
            Packing.panels(part, Math.min(KEYS, seen - key), width, blocks.transposedKeys, key * columns(), blocks.scratch);
        }
        for (int head = group * shape.headsOfGroup(); head < (group + 1) * shape.headsOfGroup(); head++) {
            for (int query = first; query < end; query += QUERIES) {
                queries(batch, head, query, Math.min(QUERIES, end - query), seen, blocks, sums, at);
            }
        }
    }

    /** Processes a block of queries of one head with all keys that they see. */
    private void queries(int batch, int head, int query, int count, int packedKeys, Blocks blocks, float[] sums, int at) {
        prepare(batch, head, query, count, blocks);
        int dv = at + sums() / 2;
        int seen = shape.seen(query + count - 1);
        for (int key = 0; key < seen; key += KEYS) {
            int n = Math.min(KEYS, seen - key);
            int depth = Math.min(KEYS, packedKeys - key);
            for (int first = 0; first < count; first += COLUMNS) {
                int seenByTile = Math.min(KEYS, shape.seen(query + Math.min(first + COLUMNS, count) - 1) - key);
                if (seenByTile > 0) {
                    keys(key, seenByTile, depth, query, first, blocks);
                }
            }
            addProducts(blocks.scores, blocks.gradients, key, n, query, count, sums, dv);
            addProducts(blocks.scoreGradients, blocks.queries, key, n, query, count, sums, at);
        }
        for (int first = 0; first < count; first += COLUMNS) {
            Matrix target = dq.matrix(batch, query + first, head);
            AttentionMath.storeTransposed(blocks.dq, first * blocks.paddedWidth, shape.width(), Math.min(COLUMNS, count - first), blocks.factors,
                target, blocks.scratch);
        }
    }

    /** Packs q, g and their transposes, and computes delta. Columns beyond the last query get probability 0. */
    private void prepare(int batch, int head, int query, int count, Blocks blocks) {
        int width = shape.width();
        int padded = Math.ceilDiv(count, COLUMNS) * COLUMNS;
        Matrix q = inputs.q.matrix(batch, query, head);
        Matrix g = inputs.gradient.matrix(batch, query, head);
        float[] outputs = blocks.scores;
        Packing.panels(q.transposed(), width, count, blocks.transposedQueries, 0, blocks.scratch);
        Packing.panels(g.transposed(), width, count, blocks.transposedGradients, 0, blocks.scratch);
        Packing.panels(inputs.out.matrix(batch, query, head).transposed(), width, count, outputs, 0, blocks.scratch);
        Packing.panels(q, count, width, blocks.queries, 0, blocks.scratch);
        Packing.panels(g, count, width, blocks.gradients, 0, blocks.scratch);
        AttentionMath.scale(blocks.transposedQueries, padded * width, scale * VectorMath.LOG2_E);
        for (int first = 0; first < padded; first += LANES) {
            delta(blocks.transposedGradients, outputs, first / COLUMNS * COLUMNS * width + first % COLUMNS, width, blocks.delta, first);
        }
        Arrays.fill(blocks.logSumExp, Float.POSITIVE_INFINITY);
        long index = inputs.logSumExpOffset + ((long) batch * shape.heads() + head) * shape.queries() + query;
        MemorySegment.copy(inputs.logSumExp, ValueLayout.JAVA_FLOAT, index * Float.BYTES, blocks.logSumExp, 0, count);
        AttentionMath.scale(blocks.logSumExp, padded, VectorMath.LOG2_E);
        Arrays.fill(blocks.dq, 0, padded * blocks.paddedWidth, 0f);
    }

    private static void delta(float[] gradients, float[] outputs, int at, int width, float[] delta, int lane) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int d = 0; d < width; d++) {
            FloatVector g = FloatVector.fromArray(SPECIES, gradients, at + d * COLUMNS);
            sum = g.fma(FloatVector.fromArray(SPECIES, outputs, at + d * COLUMNS), sum);
        }
        sum.intoArray(delta, lane);
    }

    /** Computes p and ds for a vector block of queries and the first n keys of a block that was packed with the given depth; adds to dq. */
    private void keys(int key, int n, int depth, int query, int first, Blocks blocks) {
        int width = shape.width();
        int padded = Math.ceilDiv(n, ROWS) * ROWS;
        for (int i = 0; i < padded; i += ROWS) {
            int panel = Packing.start(key + i, width);
            SCORES.multiply(width, blocks.keys, panel, blocks.transposedQueries, first * width, blocks.scores, i * PITCH + first, PITCH);
            SCORES.multiply(width, blocks.values, panel, blocks.transposedGradients, first * width, blocks.scoreGradients, i * PITCH + first, PITCH);
        }
        int seenByAll = Math.clamp(shape.seen(query + first) - key, 0, padded);
        for (int lane = first; lane < first + COLUMNS; lane += LANES) {
            AttentionMath.mask(blocks.scores, lane, PITCH, seenByAll, padded, shape.seen(query + lane) - key);
            differentiate(blocks, lane, padded);
        }
        for (int d = 0; d < blocks.paddedWidth; d += ROWS) {
            QUERY_SUMS.multiply(n, blocks.transposedKeys, key * columns() + Packing.start(d, depth), blocks.scoreGradients, first, blocks.dq,
                first * blocks.paddedWidth + d * COLUMNS, COLUMNS);
        }
    }

    /** p = 2^(s - logSumExp) and ds = p (dp - delta) for a vector of queries. */
    private static void differentiate(Blocks blocks, int lane, int keys) {
        FloatVector logSumExp = FloatVector.fromArray(SPECIES, blocks.logSumExp, lane);
        FloatVector delta = FloatVector.fromArray(SPECIES, blocks.delta, lane);
        float[] scores = blocks.scores;
        float[] scoreGradients = blocks.scoreGradients;
        for (int i = 0; i < keys; i++) {
            int at = i * PITCH + lane;
            FloatVector p = AttentionMath.exp2(FloatVector.fromArray(SPECIES, scores, at).sub(logSumExp));
            p.intoArray(scores, at);
            p.mul(FloatVector.fromArray(SPECIES, scoreGradients, at).sub(delta)).intoArray(scoreGradients, at);
        }
    }

    /** Adds the product of {@code [keys, queries]} and {@code [queries, width]} to the rows of dk or dv of a block of n keys. */
    private void addProducts(float[] scores, float[] operand, int key, int n, int query, int count, float[] sums, int at) {
        int columns = columns();
        for (int c = 0; c < columns; c += COLUMNS) {
            for (int i = 0; i < n; i += ROWS) {
                int first = Math.max(0, key + i - shape.seen(query) + 1) / COLUMNS * COLUMNS; // the vector block of the first query that sees the key
                KEY_SUMS.multiply(count - first, scores, i * PITCH + first, operand, c * count + first * COLUMNS, sums,
                    at + (key + i) * columns + c, columns);
            }
        }
    }

    private void store(int batch, int group, float[] sums, int at) {
        AttentionMath.store(sums, at, columns(), shape.keys(), shape.width(), scale, dk.matrix(batch, 0, group));
        AttentionMath.store(sums, at + sums() / 2, columns(), shape.keys(), shape.width(), 1f, dv.matrix(batch, 0, group));
    }
}
