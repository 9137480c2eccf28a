package kept.bench;

import kept.nn.Functional;
import kept.tensor.Tensor;

/** The product of SwiGLU, {@code silu(gate) * up}. libtorch composes it from two operators. */
public class SwiGluBenchmark extends RowsBenchmark {
    /** For JMH. */
    public SwiGluBenchmark() {
        super("swiglu", 16384, 2048, 3, 5);
    }

    @Override
    Tensor[] operands() {
        return new Tensor[] {normal(0), normal(1)};
    }

    @Override
    int differentiated() {
        return 2;
    }

    @Override
    Tensor apply(Tensor... x) {
        return Functional.swiGlu(x[0], x[1]);
    }

    @Override
    String script() {
        return "return torch.mul(torch.silu(a), b)";
    }

    @Override
    void plain(float[][] x, float[] y, float[] dy, float[][] dx) {
        for (int i = 0; i < y.length; i++) {
            float gate = x[0][i];
            float sigmoid = (float) (1 / (1 + Math.exp(-gate)));
            if (dy == null) {
                y[i] = gate * sigmoid * x[1][i];
            } else {
                dx[0][i] = dy[i] * x[1][i] * sigmoid * (1 + gate * (1 - sigmoid));
                dx[1][i] = dy[i] * gate * sigmoid;
            }
        }
    }
}
