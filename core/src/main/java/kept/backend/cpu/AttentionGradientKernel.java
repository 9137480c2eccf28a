package kept.backend.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
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
 *       ds = scale p (dp - delta)            [keys, queries]
 *       dq^T += k^T ds                       [width, queries]
 *       dv   += p g                          [keys, width]
 *       dk   += ds q                         [keys, width]
 * </pre>
 *
 * <p>A task owns a key head of a sequence: it sums dk and dv over the query heads of its group and the blocks of queries, in order, so that
 * nobody else adds to them. As there, vectors hold queries side by side; p and ds are transposed into panels for the last two products.
 */
final class AttentionGradientKernel {
    private static final int KEYS = 64;
    private static final int ROWS = MicroKernel.ROWS;
    private static final int COLUMNS = MicroKernel.COLUMNS;
    /** At least 64 queries, so that tiles of dk and dv are fetched and stored for enough work. */
    private static final int QUERIES = Math.ceilDiv(64, COLUMNS) * COLUMNS;
    private static final int ROW_BYTES = COLUMNS * Float.BYTES;
    private static final VectorSpecies<Float> SPECIES = VectorMath.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final float[] ONES = new float[COLUMNS];

    static {
        Arrays.fill(ONES, 1f);
    }

    private final AttentionShape shape;
    private final Inputs inputs;
    private final float scale;
    private final Heads dq;
    private final Heads dk;
    private final Heads dv;

    /** What the forward pass had and gave, and the gradient of its result. */
    private record Inputs(Heads gradient, Heads q, Heads k, Heads v, Heads out, MemorySegment logSumExp, long logSumExpOffset) { }

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
     * @param gradient rows of q's shape, f32
     * @param q the forward's queries
     * @param k the forward's keys
     * @param v the forward's values
     * @param scale the forward's scale
     * @param out the forward's result
     * @param logSumExp what the forward saved
     * @param dq rows of q's shape, f32
     * @param dk rows of k's shape, f32
     * @param dv rows of k's shape, f32
     */
    static void attentionGradient(
            Tensor gradient, Tensor q, Tensor k, Tensor v, double scale, Tensor out, Tensor logSumExp, Tensor dq, Tensor dk, Tensor dv) {
        backward(AttentionShape.of(q, k), Heads.of(gradient), Heads.of(q), Heads.of(k), Heads.of(v), (float) scale, Heads.of(out),
            Elements.segment(logSumExp), logSumExp.offset(), Heads.of(dq), Heads.of(dk), Heads.of(dv));
    }

    /**
     * Computes the gradients.
     *
     * @param shape the sizes
     * @param gradient of out, {@code [batch, queries, heads, width]}
     * @param q the forward's queries
     * @param k the forward's keys
     * @param v the forward's values
     * @param scale the forward's scale
     * @param out the forward's result
     * @param logSumExp what the forward saved
     * @param logSumExpOffset the number of its first element in the segment
     * @param dq f32, of q's sizes; written over
     * @param dk f32, of k's sizes; written over
     * @param dv f32, of v's sizes; written over
     */
    static void backward(AttentionShape shape, Heads gradient, Heads q, Heads k, Heads v, float scale, Heads out, MemorySegment logSumExp,
            long logSumExpOffset, Heads dq, Heads dk, Heads dv) {
        Inputs inputs = new Inputs(gradient, q, k, v, out, logSumExp, logSumExpOffset);
        AttentionGradientKernel kernel = new AttentionGradientKernel(shape, inputs, scale, dq, dk, dv);
        WorkerPool.shared().run(shape.batch() * shape.groups(), task -> kernel.task(task / shape.groups(), task % shape.groups()));
    }

    /** A thread's packed operands, blocks of probabilities and sums. */
    private static final class Blocks {
        /** Bytes of a row of dk and dv. */
        private final int sumBytes;
        private final int paddedWidth;
        /** Of the products with q^T and g^T: {@code [key / ROWS][width][ROWS]}. */
        private final float[] keys;
        private final float[] values;
        /** Of the product with ds: for each block of keys {@code [width / ROWS][key][ROWS]}. */
        private final float[] transposedKeys;
        /** {@code [query / COLUMNS][width][COLUMNS]}. */
        private final float[] transposedQueries;
        private final float[] transposedGradients;
        /** {@code [width / COLUMNS][query][COLUMNS]}. */
        private final float[] queries;
        private final float[] gradients;
        /** {@code [key][COLUMNS]}. */
        private final float[] probabilities;
        private final float[] scoreGradients;
        /** {@code [key / ROWS][query][ROWS]}. */
        private final float[] probabilityPanels;
        private final float[] scoreGradientPanels;
        private final float[] scratch;
        private final float[] logSumExp = new float[QUERIES];
        private final float[] delta = new float[QUERIES];
        private final MemorySegment scores;
        private final MemorySegment probabilityGradients;
        private final MemorySegment dq;
        private final MemorySegment dk;
        private final MemorySegment dv;

        Blocks(int keyCount, int width) {
            Workspace workspace = Workspace.ofThread();
            paddedWidth = Math.ceilDiv(width, ROWS) * ROWS;
            int columns = Math.ceilDiv(width, COLUMNS) * COLUMNS;
            int paddedKeys = Math.ceilDiv(keyCount, ROWS) * ROWS;
            sumBytes = columns * Float.BYTES;
            keys = workspace.array(0, paddedKeys * width);
            values = workspace.array(1, paddedKeys * width);
            transposedKeys = workspace.array(2, keyCount * paddedWidth);
            transposedQueries = workspace.array(3, QUERIES * paddedWidth);
            transposedGradients = workspace.array(4, QUERIES * width);
            queries = workspace.array(5, QUERIES * columns);
            gradients = workspace.array(6, QUERIES * columns);
            probabilities = workspace.array(7, KEYS * COLUMNS);
            scoreGradients = workspace.array(8, KEYS * COLUMNS);
            probabilityPanels = workspace.array(9, Math.max(KEYS * QUERIES, COLUMNS * width));
            scoreGradientPanels = workspace.array(10, KEYS * QUERIES);
            scratch = workspace.array(11, COLUMNS * Packing.SCRATCH_PER_ROW);
            scores = workspace.segment(2, KEYS * COLUMNS);
            probabilityGradients = workspace.segment(3, KEYS * COLUMNS);
            dq = workspace.segment(4, QUERIES * paddedWidth);
            dk = workspace.segment(5, paddedKeys * columns);
            dv = workspace.segment(6, paddedKeys * columns);
        }
    }

    private void task(int batch, int group) {
        int width = shape.width();
        Blocks blocks = new Blocks(shape.keys(), width);
        Matrix k = inputs.k.matrix(batch, 0, group);
        Packing.pack(k, shape.keys(), width, ROWS, blocks.keys, 0, blocks.scratch);
        Packing.pack(inputs.v.matrix(batch, 0, group), shape.keys(), width, ROWS, blocks.values, 0, blocks.scratch);
        for (int key = 0; key < shape.keys(); key += KEYS) {
            Matrix part = inputs.k.matrix(batch, key, group).transposed();
            Packing.pack(part, width, Math.min(KEYS, shape.keys() - key), ROWS, blocks.transposedKeys, key * blocks.paddedWidth, blocks.scratch);
        }
        blocks.dk.asSlice(0, (long) shape.keys() * blocks.sumBytes).fill((byte) 0);
        blocks.dv.asSlice(0, (long) shape.keys() * blocks.sumBytes).fill((byte) 0);
        for (int head = group * shape.headsOfGroup(); head < (group + 1) * shape.headsOfGroup(); head++) {
            for (int query = 0; query < shape.queries(); query += QUERIES) {
                queries(batch, head, query, Math.min(QUERIES, shape.queries() - query), blocks);
            }
        }
        store(blocks.dk, blocks.sumBytes, dk.matrix(batch, 0, group));
        store(blocks.dv, blocks.sumBytes, dv.matrix(batch, 0, group));
    }

    /** A block of queries of one head against all keys that they see. */
    private void queries(int batch, int head, int query, int count, Blocks blocks) {
        int width = shape.width();
        for (int first = 0; first < count; first += COLUMNS) {
            prepare(batch, head, query, first, Math.min(COLUMNS, count - first), blocks);
        }
        Packing.pack(inputs.q.matrix(batch, query, head).transposed(), width, count, COLUMNS, blocks.queries, 0, blocks.scratch);
        Packing.pack(inputs.gradient.matrix(batch, query, head).transposed(), width, count, COLUMNS, blocks.gradients, 0, blocks.scratch);
        int seen = shape.seen(query + count - 1);
        for (int key = 0; key < seen; key += KEYS) {
            int n = Math.min(KEYS, seen - key);
            for (int first = 0; first < count; first += COLUMNS) {
                scores(query, first, key, n, blocks);
            }
            addProducts(blocks.probabilityPanels, blocks.gradients, n, count, key, blocks.dv, blocks.sumBytes);
            addProducts(blocks.scoreGradientPanels, blocks.queries, n, count, key, blocks.dk, blocks.sumBytes);
        }
        for (int first = 0; first < count; first += COLUMNS) {
            MemorySegment sums = blocks.dq.asSlice((long) first * blocks.paddedWidth * Float.BYTES);
            Matrix target = dq.matrix(batch, query + first, head);
            Packing.storeTransposed(sums, width, Math.min(COLUMNS, count - first), ONES, target, blocks.transposedQueries, blocks.scratch);
        }
    }

    /** Packs q^T and g^T of a vector block of queries, and computes delta. Columns beyond the last query get probability 0. */
    private void prepare(int batch, int head, int query, int first, int count, Blocks blocks) {
        int width = shape.width();
        int at = first * width;
        Packing.pack(inputs.q.matrix(batch, query + first, head), count, width, COLUMNS, blocks.transposedQueries, at, blocks.scratch);
        Packing.pack(inputs.gradient.matrix(batch, query + first, head), count, width, COLUMNS, blocks.transposedGradients, at, blocks.scratch);
        float[] outputs = blocks.probabilityPanels;
        Packing.pack(inputs.out.matrix(batch, query + first, head), count, width, COLUMNS, outputs, 0, blocks.scratch);
        for (int lane = 0; lane < COLUMNS; lane += LANES) {
            FloatVector delta = FloatVector.zero(SPECIES);
            for (int d = 0; d < width; d++) {
                FloatVector g = FloatVector.fromArray(SPECIES, blocks.transposedGradients, at + d * COLUMNS + lane);
                delta = g.fma(FloatVector.fromArray(SPECIES, outputs, d * COLUMNS + lane), delta);
            }
            delta.intoArray(blocks.delta, first + lane);
        }
        Arrays.fill(blocks.logSumExp, first, first + COLUMNS, Float.POSITIVE_INFINITY);
        long index = inputs.logSumExpOffset + ((long) batch * shape.heads() + head) * shape.queries() + query + first;
        MemorySegment.copy(inputs.logSumExp, ValueLayout.JAVA_FLOAT, index * Float.BYTES, blocks.logSumExp, first, count);
    }

    /** Computes p and ds of a block of keys and a vector block of queries, adds to dq, and lays p and ds out for the products with g and q. */
    private void scores(int query, int first, int key, int n, Blocks blocks) {
        int width = shape.width();
        int padded = Math.ceilDiv(n, ROWS) * ROWS;
        for (int i = 0; i < padded; i += ROWS) {
            int at = (key + i) * width;
            long row = (long) i * ROW_BYTES;
            MicroKernel.tile(width, blocks.keys, at, blocks.transposedQueries, first * width, blocks.scores, row, ROW_BYTES, false);
            MicroKernel.tile(width, blocks.values, at, blocks.transposedGradients, first * width, blocks.probabilityGradients, row, ROW_BYTES, false);
        }
        int seenByAll = Math.clamp(shape.seen(query + first) - key, 0, padded);
        for (int lane = 0; lane < COLUMNS; lane += LANES) {
            AttentionGradientKernel.mask(blocks.scores, lane, seenByAll, padded, shape.seen(query + first + lane) - key);
            differentiate(blocks, first, lane, padded, scale);
        }
        int depth = Math.min(KEYS, shape.keys() - key);
        for (int d = 0; d < blocks.paddedWidth; d += ROWS) {
            MicroKernel.tile(n, blocks.transposedKeys, key * blocks.paddedWidth + d * depth, blocks.scoreGradients, 0, blocks.dq,
                ((long) first * blocks.paddedWidth + (long) d * COLUMNS) * Float.BYTES, ROW_BYTES, key > 0);
        }
        for (int i = 0; i < padded; i += ROWS) {
            int panel = i * QUERIES + first * ROWS;
            Packing.transposeStrip(blocks.probabilities, i * COLUMNS, blocks.probabilityPanels, panel, blocks.scratch);
            Packing.transposeStrip(blocks.scoreGradients, i * COLUMNS, blocks.scoreGradientPanels, panel, blocks.scratch);
        }
    }

    /** p = e^(scale s - logSumExp) and ds = scale p (dp - delta) for a vector of queries. */
    private static void differentiate(Blocks blocks, int first, int lane, int keys, float scale) {
        FloatVector factor = FloatVector.broadcast(SPECIES, scale);
        FloatVector minus = FloatVector.fromArray(SPECIES, blocks.logSumExp, first + lane).neg();
        FloatVector delta = FloatVector.fromArray(SPECIES, blocks.delta, first + lane);
        MemorySegment scores = NativeView.of(blocks.scores);
        MemorySegment probabilityGradients = NativeView.of(blocks.probabilityGradients);
        for (int i = 0; i < keys; i++) {
            long at = (long) i * ROW_BYTES + lane * 4L;
            FloatVector p = VectorMath.exp(FloatVector.fromMemorySegment(SPECIES, scores, at, ORDER).fma(factor, minus));
            FloatVector dp = FloatVector.fromMemorySegment(SPECIES, probabilityGradients, at, ORDER);
            p.intoArray(blocks.probabilities, i * COLUMNS + lane);
            p.mul(dp.sub(delta)).mul(factor).intoArray(blocks.scoreGradients, i * COLUMNS + lane);
        }
    }

    /** Adds to rows of dk or dv, those of a block of keys, the product of panels {@code [keys, queries]} with {@code [queries, width]}. */
    private void addProducts(float[] panels, float[] operand, int keys, int queries, int key, MemorySegment sums, int sumBytes) {
        for (int c = 0; c < shape.width(); c += COLUMNS) {
            for (int i = 0; i < keys; i += ROWS) {
                long target = (long) (key + i) * sumBytes + (long) c * Float.BYTES;
                MicroKernel.tile(queries, panels, i * QUERIES, operand, c * queries, sums, target, sumBytes, true);
            }
        }
    }

    private void store(MemorySegment sums, int sumBytes, Matrix target) {
        for (int key = 0; key < shape.keys(); key++) {
            MemorySegment.copy(sums, (long) key * sumBytes, target.data(), target.index(key, 0) * Float.BYTES, (long) shape.width() * Float.BYTES);
        }
    }
    static void mask(MemorySegment scores, int lane, int first, int end, int seenByFirst) {
        scores = NativeView.of(scores);
        FloatVector lanes = FloatVector.zero(SPECIES).addIndex(1);
        for (int i = first; i < end; i++) {
            long at = (long) i * ROW_BYTES + lane * 4L;
            FloatVector s = FloatVector.fromMemorySegment(SPECIES, scores, at, ORDER);
            s.blend(Float.NEGATIVE_INFINITY, lanes.compare(VectorOperators.LE, (float) (i - seenByFirst))).intoMemorySegment(scores, at, ORDER);
        }
    }

}
