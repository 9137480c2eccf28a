package kept.bench;

import kept.nn.Functional;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Param;

/**
 * Causal attention with eight heads and batch 1. Both sides take queries, keys and values as {@code [batch, sequence, heads, D]}, the layout of the
 * projections' outputs. The peer is {@code scaled_dot_product_attention}, which selects its flash attention for these shapes. The operation count
 * covers the unmasked scores only: two matrix products forward, five backward.
 */
public class AttentionBenchmark extends OperationBenchmark {
    private static final int HEADS = 8;

    /** Head dimension D. */
    @Param({"64", "128"})
    public int headDimension;

    /** Sequence length. */
    @Param({"256", "512", "1024", "2048", "4096", "8192"})
    public int sequence;

    /** For JMH. */
    public AttentionBenchmark() {}

    @Override
    Tensor[] operands() {
        Tensor[] operands = new Tensor[3];
        for (int i = 0; i < operands.length; i++) {
            operands[i] = Tensor.normal(1, i, 1, sequence, HEADS, headDimension);
        }
        return operands;
    }

    @Override
    int differentiated() {
        return 3;
    }

    @Override
    Tensor apply(Tensor... x) {
        return Functional.scaledDotProductAttention(x[0], x[1], x[2], true, 1 / Math.sqrt(headDimension));
    }

    @Override
    String script() {
        return """
                q = torch.transpose(a, 1, 2)
                k = torch.transpose(b, 1, 2)
                v = torch.transpose(c, 1, 2)
                return torch.transpose(torch.scaled_dot_product_attention(q, k, v, None, 0., True), 1, 2)
                """;
    }

    @Override
    String label() {
        return "attention " + pass.label();
    }

    @Override
    String sizes() {
        return "T %d D %d".formatted(sequence, headDimension);
    }

    @Override
    HardwareBound bound() {
        return HardwareBound.MULTIPLY_ADD;
    }

    @Override
    double work() {
        double scores = HEADS * sequence * (sequence + 1.0) / 2;
        return scores * 2 * headDimension * (pass == Pass.FORWARD ? 2 : 5);
    }

    @Override
    void plain(float[][] x, float[] y, float[] dy, float[][] dx) {
        var loop = new PlainAttention(sequence, HEADS, headDimension);
        if (dy == null) {
            loop.forward(x[0], x[1], x[2], y);
        } else {
            loop.backward(x, y, dy, dx);
        }
    }
}
