package kept.backend.composition;

import java.util.List;
import kept.backend.AttentionOperands;
import kept.backend.FusedKernels;
import kept.tensor.DType;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.Tensor;

/**
 * Causal grouped-query attention. The definition computes all scores at once; the kernels process queries in chunks whose scores take about
 * {@link kept.backend.Backend#chunkBytes()}.
 */
public final class AttentionComposition {
    private AttentionComposition() {}

    /**
     * The definition of {@link kept.backend.FusedKernels#attention}.
     *
     * @param q {@code [batch, queries, heads, D]}, floating
     * @param k {@code [batch, keys, groups, D]}, floating
     * @param v k's shape, floating
     * @param scale the factor applied to scores
     * @return q's shape, F32
     */
    public static Tensor attention(Tensor q, Tensor k, Tensor v, double scale) {
        return read(scores(q, k, scale).softmax(-1), v);
    }

    /** {@code scale q . k}, {@code [batch, heads, queries, keys]}; minus infinity for masked keys. */
    private static Tensor scores(Tensor q, Tensor k, double scale) {
        int queries = Math.toIntExact(q.size(1));
        int keys = Math.toIntExact(k.size(1));
        Tensor scores = headsFirst(q).matmul(forHeads(k, q.size(2)).transpose(2, 3)).mul(scale);
        Tensor last = Tensor.arange(queries).unsqueeze(1).add(keys - queries);
        Tensor visible = Tensor.arange(keys).unsqueeze(0).le(last);
        return Tensor.where(visible, scores, Tensor.scalar(Double.NEGATIVE_INFINITY, scores.dtype()));
    }

    /** The sums of values, weighted by {@code [batch, heads, queries, keys]}: {@code [batch, queries, heads, D]}. */
    private static Tensor read(Tensor weights, Tensor v) {
        return weights.matmul(forHeads(v, weights.size(1))).transpose(1, 2);
    }

    private static Tensor headsFirst(Tensor x) {
        return x.cast(x.dtype().arithmetic()).transpose(1, 2);
    }

    /** Keys or values {@code [batch, keys, groups, D]} repeated for the heads that share them: {@code [batch, heads, keys, D]}, F32. */
    private static Tensor forHeads(Tensor x, long heads) {
        long groups = x.size(2);
        return headsFirst(x).unsqueeze(2).expand(x.size(0), groups, heads / groups, x.size(1), x.size(3))
                .reshape(x.size(0), heads, x.size(1), x.size(3));
    }

    /** Processes some queries of one sequence, {@code [1, count, heads, D]}, from {@code first} on, with the keys they attend to. */
    @FunctionalInterface
    private interface Block {
        void accept(long batch, long first, long end, long keys);
    }

    private static void forEachBlock(AttentionOperands operands, Block body) {
        Tensor q = operands.q();
        Tensor k = operands.k();
        long queries = q.size(1);
        long rows = Math.clamp(q.backend().chunkBytes() / DType.F32.bytes() / Math.max(1, q.size(2) * k.size(1)), 1, Math.max(1, queries));
        for (long batch = 0; batch < q.size(0); batch++) {
            for (long first = 0; first < queries; first += rows) {
                long end = Math.min(first + rows, queries);
                try (var _ = Scope.open(q.device())) {
                    body.accept(batch, first, end, k.size(1) - queries + end);
                }
            }
        }
    }

    /** {@code [1, end - first, ...]} of {@code [batch, sequence, ...]}. */
    private static Tensor part(Tensor x, long batch, long first, long end) {
        return x.slice(0, batch, batch + 1).slice(1, first, end);
    }

    /**
     * {@link kept.backend.FusedKernels#attention}.
     *
     * @param operands q, k, v and the scale
     * @param out q's shape and dtype
     * @param logSumExp {@code [batch, heads, queries]}, F32
     */
    public static void attention(AttentionOperands operands, Tensor out, Tensor logSumExp) {
        forEachBlock(operands, (batch, first, end, keys) -> {
            Tensor scores = scores(part(operands.q(), batch, first, end), part(operands.k(), batch, 0, keys), operands.scale());
            logSumExp.slice(0, batch, batch + 1).slice(2, first, end).assign(scores.logSumExp(-1));
            part(out, batch, first, end).assign(read(scores.softmax(-1), part(operands.v(), batch, 0, keys)));
        });
    }

    /**
     * {@link kept.backend.FusedKernels#attentionGradient}: with the weights P, {@code dv = P^T gradient}, {@code dP = gradient v^T},
     * {@code dS = P (dP - sum gradient out)}, {@code dq = scale dS k} and {@code dk = scale dS^T q}.
     *
     * @param operands those of the forward
     * @param logSumExp what the forward saved
     * @param gradient q's shape, F32
     * @param dq q's shape, F32
     * @param dk k's shape, F32
     * @param dv k's shape, F32
     */
    public static void gradient(AttentionOperands operands, Tensor logSumExp, Tensor gradient, Tensor dq, Tensor dk, Tensor dv) {
        Tensor q = operands.q();
        double scale = operands.scale();
        dk.fill(0);
        dv.fill(0);
        forEachBlock(operands, (batch, first, end, keys) -> {
            Tensor queries = part(q, batch, first, end);
            Tensor seen = part(operands.k(), batch, 0, keys);
            Tensor ofResult = headsFirst(part(gradient, batch, first, end)); // [1, heads, queries, D]
            Tensor weights = scores(queries, seen, scale)
                    .sub(logSumExp.slice(0, batch, batch + 1).slice(2, first, end).unsqueeze(3)).exp();
            Tensor values = forHeads(part(operands.v(), batch, 0, keys), q.size(2));
            Tensor ofWeights = ofResult.matmul(values.transpose(2, 3));
            Tensor ofScores = weights.mul(ofWeights.sub(ofWeights.mul(weights).sum(true, -1))).mul(scale);
            part(dq, batch, first, end).assign(ofScores.matmul(forHeads(seen, q.size(2))).transpose(1, 2));
            accumulate(part(dk, batch, 0, keys), ofScores.transpose(2, 3).matmul(headsFirst(queries)));
            accumulate(part(dv, batch, 0, keys), weights.transpose(2, 3).matmul(ofResult));
        });
    }

    /** Adds gradients of the keys of all heads, {@code [1, heads, keys, D]}, to those of the groups, {@code [1, keys, groups, D]}. */
    private static void accumulate(Tensor sum, Tensor ofHeads) {
        long groups = sum.size(2);
        Tensor ofGroups = ofHeads.reshape(1, groups, ofHeads.size(1) / groups, ofHeads.size(2), ofHeads.size(3)).sum(2);
        SumComposition.accumulate(sum, ofGroups.transpose(1, 2));
    }

    /**
     * {@link FusedKernels#attentionOfEach}: one sequence after the other.
     *
     * @param kernels the device's kernels
     * @param sequences operands of each sequence
     * @param out {@code [sequences, queries, heads, D]}
     */
    public static void attentionOfEach(FusedKernels kernels, List<AttentionOperands> sequences, Tensor out) {
        try (var _ = Scope.open(out.device())) {
            Tensor logSumExp = Tensor.empty(out.dtype().arithmetic(), Shape.of(1, out.size(2), out.size(1)));
            for (int i = 0; i < sequences.size(); i++) {
                kernels.attention(sequences.get(i), out.slice(0, i, i + 1), logSumExp);
            }
        }
    }
}
