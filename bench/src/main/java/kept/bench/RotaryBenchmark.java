package kept.bench;

import kept.nn.Functional;
import kept.tensor.Tensor;

/**
 * Rotary position embedding (RoPE) in the rotate-half convention. libtorch has no operator for it, so the peer is the composition that transformers
 * uses, {@code x cos + rotate_half(x) sin}.
 */
public class RotaryBenchmark extends RowsBenchmark {
    private static final int BATCH = 8;
    private static final int SEQUENCE = 1024;
    private static final int HEADS = 32;
    private static final int HEAD_DIMENSION = 128;
    private static final int HALF = HEAD_DIMENSION / 2;

    /** For JMH. */
    public RotaryBenchmark() {
        super("rope", BATCH * SEQUENCE, HEADS * HEAD_DIMENSION, 2, 2);
    }

    @Override
    Tensor[] operands() {
        Tensor x = Tensor.normal(1, 0, BATCH, SEQUENCE, HEADS, HEAD_DIMENSION);
        Tensor cos = Tensor.uniform(1, 1, SEQUENCE, HALF);
        Tensor sin = cos.square().neg().add(1).sqrt();
        return new Tensor[] {x, cos, sin};
    }

    @Override
    int differentiated() {
        return 1;
    }

    @Override
    Tensor apply(Tensor... x) {
        return Functional.rotaryEmbedding(x[0], x[1], x[2]);
    }

    @Override
    String script() {
        return """
                cos = torch.unsqueeze(torch.cat([b, b], -1), 1)
                sin = torch.unsqueeze(torch.cat([c, c], -1), 1)
                first, second, = torch.chunk(a, 2, -1)
                half = torch.cat([torch.neg(second), first], -1)
                return torch.add(torch.mul(a, cos), torch.mul(half, sin))
                """;
    }

    @Override
    void plain(float[][] x, float[] y, float[] dy, float[][] dx) {
        float[] from = dy == null ? x[0] : dy;
        float[] to = dy == null ? y : dx[0];
        float sign = dy == null ? 1 : -1;
        for (int at = 0; at < from.length; at += HEAD_DIMENSION) {
            int angle = at / (HEADS * HEAD_DIMENSION) % SEQUENCE * HALF;
            for (int i = 0; i < HALF; i++) {
                float cos = x[1][angle + i];
                float sin = sign * x[2][angle + i];
                to[at + i] = from[at + i] * cos - from[at + i + HALF] * sin;
                to[at + i + HALF] = from[at + i + HALF] * cos + from[at + i] * sin;
            }
        }
    }
}
