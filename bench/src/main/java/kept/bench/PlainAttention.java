package kept.bench;

import java.util.Arrays;

/** Causal attention by its definition over arrays {@code [sequence, heads, D]}, one row of scores at a time. */
final class PlainAttention {
    private final int sequence;
    private final int heads;
    private final int headDimension;
    private final int stride;
    private final float scale;
    private final float[] weights;

    PlainAttention(int sequence, int heads, int headDimension) {
        this.sequence = sequence;
        this.heads = heads;
        this.headDimension = headDimension;
        stride = heads * headDimension;
        scale = (float) (1 / Math.sqrt(headDimension));
        weights = new float[sequence];
    }

    /** Computes {@code out[t] = sum over s <= t of softmax(scale q[t] . k[s]) v[s]}. */
    void forward(float[] q, float[] k, float[] v, float[] out) {
        Arrays.fill(out, 0);
        for (int head = 0; head < heads; head++) {
            for (int t = 0; t < sequence; t++) {
                int row = t * stride + head * headDimension;
                weigh(q, k, row, t, head);
                for (int s = 0; s <= t; s++) {
                    add(weights[s], v, s * stride + head * headDimension, out, row);
                }
            }
        }
    }

    /**
     * With the attention weights p: {@code dv[s] += p dout[t]}, {@code ds = p (dout[t] . v[s] - dout[t] . out[t]) scale}, {@code dq[t] += ds k[s]},
     * {@code dk[s] += ds q[t]}.
     */
    void backward(float[][] x, float[] out, float[] gradient, float[][] dx) {
        for (float[] values : dx) {
            Arrays.fill(values, 0);
        }
        for (int head = 0; head < heads; head++) {
            for (int t = 0; t < sequence; t++) {
                int row = t * stride + head * headDimension;
                weigh(x[0], x[1], row, t, head);
                float average = dot(gradient, row, out, row);
                for (int s = 0; s <= t; s++) {
                    int other = s * stride + head * headDimension;
                    float ds = weights[s] * (dot(gradient, row, x[2], other) - average) * scale;
                    add(weights[s], gradient, row, dx[2], other);
                    add(ds, x[1], other, dx[0], row);
                    add(ds, x[0], row, dx[1], other);
                }
            }
        }
    }

    private void weigh(float[] q, float[] k, int row, int t, int head) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int s = 0; s <= t; s++) {
            weights[s] = scale * dot(q, row, k, s * stride + head * headDimension);
            largest = Math.max(largest, weights[s]);
        }
        float sum = 0;
        for (int s = 0; s <= t; s++) {
            weights[s] = (float) Math.exp(weights[s] - largest);
            sum += weights[s];
        }
        for (int s = 0; s <= t; s++) {
            weights[s] /= sum;
        }
    }

    private float dot(float[] a, int aAt, float[] b, int bAt) {
        float sum = 0;
        for (int i = 0; i < headDimension; i++) {
            sum += a[aAt + i] * b[bAt + i];
        }
        return sum;
    }

    private void add(float factor, float[] a, int aAt, float[] b, int bAt) {
        for (int i = 0; i < headDimension; i++) {
            b[bAt + i] += factor * a[aAt + i];
        }
    }
}
