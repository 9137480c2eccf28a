package kept.backend;

import java.util.function.DoubleUnaryOperator;
import kept.tensor.DType;

/**
 * Causal grouped-query attention and its gradient as they are defined, with whole rows of scores. With no rounding this is the float64 reference;
 * with sums rounded to f32, and what enters matrix products to the operands' dtype, it is the plain computation, whose error is the yardstick for a
 * kernel's.
 */
final class AttentionReference {
    final double[] out;
    final double[] logSumExp;
    final double[] dq;
    final double[] dk;
    final double[] dv;

    private final Sizes sizes;
    private final Operands operands;
    private final DoubleUnaryOperator sum;
    private final DoubleUnaryOperator factor;

    /** What goes in. */
    record Operands(double[] q, double[] k, double[] v, double[] gradient, float scale) {}

    /**
     * What there is of each.
     *
     * @param batch sequences
     * @param queries tokens that ask
     * @param keys tokens that are asked
     * @param heads query heads
     * @param groups key and value heads
     * @param width elements of a head's vector
     */
    record Sizes(int batch, int queries, int keys, int heads, int groups, int width) {
        long[] ofQueries() {
            return new long[] {batch, queries, heads, width};
        }

        long[] ofKeys() {
            return new long[] {batch, keys, groups, width};
        }
    }

    private AttentionReference(Sizes sizes, Operands operands, DoubleUnaryOperator sum, DoubleUnaryOperator factor) {
        this.sizes = sizes;
        this.operands = operands;
        this.sum = sum;
        this.factor = factor;
        out = new double[operands.q.length];
        logSumExp = new double[sizes.batch * sizes.heads * sizes.queries];
        dq = new double[operands.q.length];
        dk = new double[operands.k.length];
        dv = new double[operands.k.length];
        for (int b = 0; b < sizes.batch; b++) {
            for (int h = 0; h < sizes.heads; h++) {
                for (int t = 0; t < sizes.queries; t++) {
                    query(b, h, t);
                }
            }
        }
    }

    /** In double precision throughout. */
    static AttentionReference exact(Sizes sizes, Operands operands) {
        return new AttentionReference(sizes, operands, x -> x, x -> x);
    }

    /** Every operation rounded to f32, and what is multiplied to the operands' dtype. */
    static AttentionReference plain(DType dtype, Sizes sizes, Operands operands) {
        return new AttentionReference(sizes, operands, x -> (float) x, x -> rounded((float) x, dtype));
    }

    private double r(double x) {
        return sum.applyAsDouble(x);
    }

    /** One query against the keys that it sees. */
    private void query(int b, int h, int t) {
        int width = sizes.width;
        int seen = sizes.keys - sizes.queries + t + 1;
        int at = ((b * sizes.queries + t) * sizes.heads + h) * width;
        int group = h / (sizes.heads / sizes.groups);
        int[] keys = new int[seen];
        double[] scores = new double[seen];
        double[] p = new double[seen];
        double[] dp = new double[seen];
        double max = Double.NEGATIVE_INFINITY;
        for (int s = 0; s < seen; s++) {
            keys[s] = ((b * sizes.keys + s) * sizes.groups + group) * width;
            scores[s] = r(operands.scale * product(operands.q, at, operands.k, keys[s], false));
            dp[s] = product(operands.gradient, at, operands.v, keys[s], true);
            max = Math.max(max, scores[s]);
        }
        double total = 0;
        for (int s = 0; s < seen; s++) {
            p[s] = r(Math.exp(r(scores[s] - max)));
            total = r(total + p[s]);
        }
        double lse = r(max + r(Math.log(total)));
        logSumExp[(b * sizes.heads + h) * sizes.queries + t] = lse;
        for (int s = 0; s < seen; s++) {
            double weight = factor.applyAsDouble(r(p[s] / total));
            p[s] = r(Math.exp(r(scores[s] - lse))); // what a gradient knows of it
            for (int d = 0; d < width; d++) {
                out[at + d] = r(out[at + d] + r(weight * operands.v[keys[s] + d]));
                dv[keys[s] + d] = r(dv[keys[s] + d] + r(factor.applyAsDouble(p[s]) * factor.applyAsDouble(operands.gradient[at + d])));
            }
        }
        for (int d = 0; d < width; d++) {
            out[at + d] = factor.applyAsDouble(out[at + d]); // that is how it is kept for the gradient
        }
        double delta = product(operands.gradient, at, out, at, true);
        for (int s = 0; s < seen; s++) {
            double ds = factor.applyAsDouble(r(p[s] * r(dp[s] - delta)));
            for (int d = 0; d < width; d++) {
                dq[at + d] = r(dq[at + d] + r(r(ds * operands.k[keys[s] + d]) * operands.scale));
                dk[keys[s] + d] = r(dk[keys[s] + d] + r(r(ds * operands.q[at + d]) * operands.scale));
            }
        }
    }

    private double product(double[] a, int i, double[] b, int j, boolean round) {
        double product = 0;
        for (int d = 0; d < sizes.width; d++) {
            product = r(product + r((round ? factor.applyAsDouble(a[i + d]) : a[i + d]) * b[j + d]));
        }
        return product;
    }

    private static double rounded(float x, DType dtype) {
        return switch (dtype) {
            case BF16 -> {
                int bits = Float.floatToRawIntBits(x);
                yield Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
            }
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(x));
            default -> x;
        };
    }
}
