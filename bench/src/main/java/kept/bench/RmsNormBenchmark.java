package kept.bench;

import kept.nn.Functional;
import kept.tensor.Tensor;

/** RMSNorm, with the gradient of its weight. libtorch's operator {@code rms_norm} has no fused kernel on the CPU; it is a composition. */
public class RmsNormBenchmark extends RowsBenchmark {
    private static final float EPSILON = 1e-5f;

    /** For JMH. */
    public RmsNormBenchmark() {
        super("rms norm", 16384, 2048, 2, 3);
    }

    @Override
    Tensor[] operands() {
        return new Tensor[] {normal(0), Tensor.ones(width)};
    }

    @Override
    int differentiated() {
        return 2;
    }

    @Override
    Tensor apply(Tensor... x) {
        return Functional.rmsNorm(x[0], x[1], EPSILON);
    }

    @Override
    String script() {
        return "return torch.rms_norm(a, [%d], b, %s)".formatted(width, Float.toString(EPSILON));
    }

    @Override
    void plain(float[][] x, float[] y, float[] dy, float[][] dx) {
        float[] weight = x[1];
        for (int row = 0; row < y.length; row += width) {
            float squares = 0;
            for (int i = 0; i < width; i++) {
                squares += x[0][row + i] * x[0][row + i];
            }
            float rstd = (float) (1 / Math.sqrt(squares / width + EPSILON));
            if (dy == null) {
                for (int i = 0; i < width; i++) {
                    y[row + i] = weight[i] * x[0][row + i] * rstd;
                }
            } else {
                float dot = 0;
                for (int i = 0; i < width; i++) {
                    dot += dy[row + i] * weight[i] * x[0][row + i] * rstd;
                }
                for (int i = 0; i < width; i++) {
                    float n = x[0][row + i] * rstd;
                    dx[0][row + i] = rstd * (dy[row + i] * weight[i] - n * dot / width);
                    dx[1][i] += dy[row + i] * n;
                }
            }
        }
    }
}
