package kept.bench;

import kept.nn.Functional;
import kept.tensor.Tensor;

/** LayerNorm, with the gradients of its weight and bias. */
public class LayerNormBenchmark extends RowsBenchmark {
    private static final float EPSILON = 1e-5f;

    /** For JMH. */
    public LayerNormBenchmark() {
        super("layer norm", 16384, 2048, 2, 3);
    }

    @Override
    Tensor[] operands() {
        return new Tensor[] {normal(0), Tensor.ones(width), Tensor.zeros(width)};
    }

    @Override
    int differentiated() {
        return 3;
    }

    @Override
    Tensor apply(Tensor... x) {
        return Functional.layerNorm(x[0], x[1], x[2], EPSILON);
    }

    @Override
    String script() {
        return "return torch.layer_norm(a, [%d], b, c, %s)".formatted(width, Float.toString(EPSILON));
    }

    @Override
    void plain(float[][] x, float[] y, float[] dy, float[][] dx) {
        float[] weight = x[1];
        for (int row = 0; row < y.length; row += width) {
            float sum = 0;
            float squares = 0;
            for (int i = 0; i < width; i++) {
                sum += x[0][row + i];
                squares += x[0][row + i] * x[0][row + i];
            }
            float mean = sum / width;
            float rstd = (float) (1 / Math.sqrt(squares / width - mean * mean + EPSILON));
            if (dy == null) {
                for (int i = 0; i < width; i++) {
                    y[row + i] = weight[i] * (x[0][row + i] - mean) * rstd + x[2][i];
                }
            } else {
                float total = 0;
                float dot = 0;
                for (int i = 0; i < width; i++) {
                    total += dy[row + i] * weight[i];
                    dot += dy[row + i] * weight[i] * (x[0][row + i] - mean) * rstd;
                }
                for (int i = 0; i < width; i++) {
                    float n = (x[0][row + i] - mean) * rstd;
                    dx[0][row + i] = rstd * (dy[row + i] * weight[i] - total / width - n * dot / width);
                    dx[1][i] += dy[row + i] * n;
                    dx[2][i] += dy[row + i];
                }
            }
        }
    }
}
