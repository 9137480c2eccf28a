package kept.bench;

import kept.autograd.CausalAttention;
import kept.tensor.Tensor;
import org.openjdk.jmh.annotations.Param;

/**
 * Causal attention of eight heads, batch 1, queries, keys and values laid out {@code [batch, sequence, heads, D]} on both sides, as the maps before
 * it give them. The peer is {@code scaled_dot_product_attention}, whose kernel here is its flash attention. Counted are the scores that causality
 * leaves: two products of them forward, five backward.
 */
public class AttentionBenchmark extends OperationBenchmark {
    private static final int HEADS = 8;

    /** D. */
    @Param({"64", "128"})
    public int headDimension;

    /** Positions. */
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
        return CausalAttention.apply(x[0], x[1], x[2], 1 / Math.sqrt(headDimension));
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
    Ceiling ceiling() {
        return Ceiling.MULTIPLY_ADD;
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
