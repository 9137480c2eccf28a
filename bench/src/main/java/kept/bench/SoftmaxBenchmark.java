package kept.bench;

import kept.tensor.Tensor;

/** Softmax over the rows of {@code [rows, vocabulary]}. */
public class SoftmaxBenchmark extends RowsBenchmark {
    /** For JMH. */
    public SoftmaxBenchmark() {
        super("softmax", 1024, 32000, 2, 3);
    }

    @Override
    Tensor[] operands() {
        return new Tensor[] {normal(0)};
    }

    @Override
    int differentiated() {
        return 1;
    }

    @Override
    Tensor apply(Tensor... x) {
        return x[0].softmax(-1);
    }

    @Override
    String script() {
        return "return torch.softmax(a, -1)";
    }

    @Override
    void plain(float[][] x, float[] y, float[] dy, float[][] dx) {
        for (int row = 0; row < y.length; row += width) {
            if (dy == null) {
                float largest = Float.NEGATIVE_INFINITY;
                for (int i = row; i < row + width; i++) {
                    largest = Math.max(largest, x[0][i]);
                }
                float sum = 0;
                for (int i = row; i < row + width; i++) {
                    y[i] = (float) Math.exp(x[0][i] - largest);
                    sum += y[i];
                }
                for (int i = row; i < row + width; i++) {
                    y[i] /= sum;
                }
            } else {
                float dot = 0;
                for (int i = row; i < row + width; i++) {
                    dot += dy[i] * y[i];
                }
                for (int i = row; i < row + width; i++) {
                    dx[0][i] = (dy[i] - dot) * y[i];
                }
            }
        }
    }
}
